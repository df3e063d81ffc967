/**
 * Source text that writes JSON. In it are only numbers and the names below; whatever comes from a
 * database travels in constants, short ones as the numbers that their bytes make.
 *
 *   w        the ByteWriter;  o, q  its buffer and the place in it;  d  its DataView
 *   b, v     row bytes and their DataView;  p, n  place and length of a value in them
 *   s        where the columns of an image begin (row-code.ts);  r  bytes to keep free
 *   C        constants;  y  scratch;  x  kept from part to part; and the functions of `runtime`
 */
export class JsonCode {
  readonly #constants: unknown[];
  readonly #parts: string[] = [];
  #pending = '';
  #room = 0;

  constructor(constants: unknown[]) {
    this.#constants = constants;
  }

  /** A part of a branch: shares the constants, nothing else. */
  inner(): JsonCode {
    return new JsonCode(this.#constants);
  }

  /** Writes `text` as it is. Neighbours are joined. */
  text(text: string): this {
    this.#pending += text;
    return this;
  }

  /** Runs `code`, which writes at most `room` bytes. */
  run(code: string, room = 0): this {
    this.#flush();
    this.#parts.push(code);
    this.#room += room;
    return this;
  }

  /** One of two parts. */
  choose(condition: string, yes: JsonCode, no: JsonCode): this {
    const room = Math.max(yes.room, no.room);
    return this.run(`if (${condition}) { ${yes} } else { ${no} }`, room);
  }

  /** Calls code that writes through `w` and may replace its buffer. */
  call(code: string, room = 0): this {
    return this.run(`w.offset = q; ${code} ${reload}`, room);
  }

  /** A value that is not known before the code runs. */
  constant(value: unknown): string {
    return `C[${this.#constants.push(value) - 1}]`;
  }

  /** What the code may write without reserving. */
  get room(): number {
    return this.#room + Buffer.byteLength(this.#pending) + 4;
  }

  toString(): string {
    this.#flush();
    return this.#parts.join('\n');
  }

  /** Up to 64 bytes as 32-bit stores; the last one may write zeros behind the text, into free room. */
  #flush(): void {
    if (this.#pending === '') return;
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    this.#room += bytes.length + 4;
    if (bytes.length > 64) {
      this.#parts.push(`o.set(${this.constant(bytes)}, q); q += ${bytes.length};`);
      return;
    }
    const padded = Buffer.concat([bytes, Buffer.alloc(4)]);
    const stores: string[] = [];
    for (let at = 0; at < bytes.length; at += 4) {
      stores.push(
        bytes.length - at === 1
          ? `o[q + ${at}] = ${bytes[at]};`
          : `d.setInt32(q + ${at}, ${padded.readInt32LE(at)}, true);`,
      );
    }
    this.#parts.push(`${stores.join(' ')} q += ${bytes.length};`);
  }
}

/** After something else wrote through `w`. */
export const reload = 'o = w.buffer; d = w.view; q = w.offset;';
