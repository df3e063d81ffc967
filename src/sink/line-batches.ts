/** Lines that go into the store in one write. */
export interface Lines {
  readonly rowCount: number;
  readonly body: readonly Buffer[];
}

const newline = 0x0a;

/** Cuts printed rows into whole lines, up to `rows` of them and about `bytes` at a time. */
export async function* lineBatches(
  chunks: AsyncIterable<Buffer>,
  limits: { readonly rows: number; readonly bytes: number },
): AsyncGenerator<Lines, void> {
  let body: Buffer[] = [];
  let bytes = 0;
  let rowCount = 0;
  for await (let chunk of chunks) {
    while (chunk.length > 0) {
      const { end, rows } = takeLines(chunk, {
        rows: limits.rows - rowCount,
        bytes: limits.bytes - bytes,
      });
      const taken = chunk.subarray(0, end);
      chunk = chunk.subarray(end);
      body.push(taken);
      bytes += taken.length;
      rowCount += rows;
      const isWhole = taken[taken.length - 1] === newline;
      if (!isWhole || (rowCount < limits.rows && bytes < limits.bytes)) continue;
      yield { body, rowCount };
      body = [];
      bytes = 0;
      rowCount = 0;
    }
  }
  if (body.length > 0) yield { body, rowCount };
}

/** Up to the newline after `rows` lines, or the first one behind `bytes`; the whole chunk when there is none. */
function takeLines(chunk: Buffer, limits: { rows: number; bytes: number }) {
  let end = 0;
  let rows = 0;
  while (end < chunk.length) {
    const at = chunk.indexOf(newline, end);
    if (at === -1) return { end: chunk.length, rows };
    end = at + 1;
    rows += 1;
    if (rows >= limits.rows || end >= limits.bytes) break;
  }
  return { end, rows };
}

/** The two halves of more than one line. */
export function halves({ body, rowCount }: Lines): [Lines, Lines] {
  const whole = Buffer.concat(body);
  const half = Math.floor(rowCount / 2);
  let end = 0;
  for (let row = 0; row < half; row++) end = whole.indexOf(newline, end) + 1;
  return [
    { body: [whole.subarray(0, end)], rowCount: half },
    { body: [whole.subarray(end)], rowCount: rowCount - half },
  ];
}
