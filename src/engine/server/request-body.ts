import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ServerException } from './server-exception.ts';
import { readStatement, type Statement } from './statement.ts';

/** The head of an INSERT with rows in the body must lie within this. */
const headBytes = 256 * 1024;
/** Text of a statement, the rows of VALUES included. */
const maxStatementBytes = 64 * 1024 ** 2;

export interface StatementText {
  readonly statement: Statement;
  /** Whole, but without the rows of an INSERT that brings them as data. */
  readonly sql: string;
  /** The rows of such an INSERT, as they arrive. */
  readonly data: AsyncIterable<Buffer>;
}

/**
 * Reads a statement from URL and body, which ClickHouse takes as one text. Only the rows of an
 * INSERT are left for the caller to read, so that they never lie in memory as a whole.
 */
export async function readStatementText(
  query: string,
  request: IncomingMessage,
): Promise<StatementText> {
  const body = new BodyReader(decoded(request));
  const isInUrl = query.trim() !== '';
  const head = isInUrl ? Buffer.from(`${query}\n`) : await body.take(headBytes);
  // One character per byte: a place in the text is a place in the bytes, whatever the rows hold.
  const start = readStatement(head.toString('latin1'));
  if (start.kind === 'insert-data' || start.kind === 'insert-input') {
    const sql = head.toString('utf8', 0, start.dataStart);
    const data = body.rest(head.subarray(start.dataStart));
    return { statement: readStatement(sql), sql, data };
  }
  const tail = await body.take(maxStatementBytes);
  if (!(await body.isAtEnd())) {
    const message = `The text of a statement may have ${maxStatementBytes} bytes`;
    throw ServerException.of('QUERY_IS_TOO_LARGE', message);
  }
  const sql = Buffer.concat([head, tail]).toString();
  return { statement: readStatement(sql), sql, data: body.rest(Buffer.alloc(0)) };
}

/** A stream that is read in two parts: some bytes at once, the others as they come. */
class BodyReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    // Leaving early must not destroy the request: its answer is still to be sent.
    this.#chunks = stream.iterator({ destroyOnReturn: false });
  }

  /** Up to `maxBytes`; fewer at the end only. */
  async take(maxBytes: number): Promise<Buffer> {
    const parts = [this.#left];
    let bytes = this.#left.length;
    while (bytes < maxBytes) {
      const { done, value } = await this.#chunks.next();
      if (done) break;
      parts.push(value);
      bytes += value.length;
    }
    const all = Buffer.concat(parts);
    this.#left = all.subarray(maxBytes);
    return all.subarray(0, maxBytes);
  }

  /** Takes a byte to find out. */
  async isAtEnd(): Promise<boolean> {
    return (await this.take(1)).length === 0;
  }

  async *rest(first: Buffer): AsyncGenerator<Buffer, void> {
    if (first.length > 0) yield first;
    if (this.#left.length > 0) yield this.#left;
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done) return;
      yield value;
    }
  }
}

function decoded(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return request;
  const decoder = decoders[encoding]?.();
  if (decoder === undefined) {
    throw ServerException.of(
      'NOT_IMPLEMENTED',
      `The embedded engine does not know Content-Encoding ${encoding}: use gzip, deflate or br`,
    );
  }
  // A cut connection must reach the reader of the rows, or half a body would pass for a whole one.
  request.on('error', (error) => decoder.destroy(error));
  // The reader may come later than the error and finds it then.
  decoder.on('error', () => undefined);
  return request.pipe(decoder);
}

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};
