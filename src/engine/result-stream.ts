import { parseError } from '@clickhouse/client';

/** More than ClickHouse appends: an exception of at most 16 KiB between two markers. */
const tailBytes = 20 * 1024;
const marker = '__exception__';

/**
 * The bytes of a result, without the exception that ClickHouse appends when a statement fails after
 * its first rows; that is thrown instead, as a ClickHouseError. `exceptionTag` is the header
 * X-ClickHouse-Exception-Tag (ClickHouse 25.11 and later):
 *
 *     \r\n__exception__\r\n<tag>\r\n<message><length of message> <tag>\r\n__exception__\r\n
 */
export async function* readResult(
  chunks: AsyncIterable<Buffer>,
  exceptionTag: string | undefined,
): AsyncGenerator<Buffer, void> {
  /** What has come and may hold the exception; passed on as it came, without a copy. */
  const held: Buffer[] = [];
  let bytes = 0;
  let broken: { readonly error: unknown } | undefined;
  try {
    for await (const chunk of chunks) {
      held.push(chunk);
      bytes += chunk.length;
      for (let [first] = held; first && bytes - first.length >= tailBytes; [first] = held) {
        held.shift();
        bytes -= first.length;
        yield first;
      }
    }
  } catch (error) {
    // The server breaks the transfer off after an exception; the exception tells more.
    broken = { error };
  }
  const tail = Buffer.concat(held);
  const exception = exceptionTag === undefined ? undefined : splitException(tail, exceptionTag);
  const rows = exception?.rows ?? tail;
  if (rows.length > 0) yield rows;
  if (exception !== undefined) throw parseError(exception.message);
  if (broken !== undefined) throw broken.error;
}

function splitException(tail: Buffer, tag: string) {
  const start = tail.indexOf(`\r\n${marker}\r\n${tag}\r\n`);
  if (start === -1) return undefined;
  const text = tail.toString('utf8', start + marker.length + tag.length + 6);
  const message = text.slice(0, text.lastIndexOf(` ${tag}\r\n${marker}`)).replace(/\d+$/, '');
  return { rows: tail.subarray(0, start), message };
}
