import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform, Writable } from 'node:stream';
import { createBrotliCompress, createDeflate, createGzip } from 'node:zlib';
import type { WriteCount } from './chdb.ts';
import { type ServerException, statusOf } from './server-exception.ts';
import type { StatementOutput } from './statement-runner.ts';

export interface HttpOutputOptions {
  readonly queryId: string;
  readonly engineVersion: string;
  /** `enable_http_compression=1`; the client's Accept-Encoding decides then. */
  readonly mayCompress: boolean;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** Sends a statement's outcome as ClickHouse's server does (docs: interfaces/http). */
export class HttpOutput implements StatementOutput {
  readonly #response: ServerResponse;
  readonly #options: HttpOutputOptions;
  readonly #encoding: string | undefined;
  readonly #startedAt = process.hrtime.bigint();
  /** Tells an exception in the body from rows; the client learns it from a header. */
  readonly #exceptionTag = randomBytes(12).toString('base64url');
  /** Set once the answer has begun. */
  #body: Writable | undefined;
  #compressor: Transform | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, options: HttpOutputOptions) {
    this.#response = response;
    this.#options = options;
    this.#encoding = options.mayCompress ? acceptedEncoding(request) : undefined;
  }

  async sendRows(format: string, rows: AsyncIterable<Buffer>, rowCount?: number): Promise<void> {
    const iterator = rows[Symbol.asyncIterator]();
    try {
      // The first rows decide between an error status and a result.
      let next = await iterator.next();
      const body = this.#begin(format, { result_rows: rowCount });
      for (; !next.done; next = await iterator.next()) {
        if (!body.write(next.value)) await once(body, 'drain', { signal: this.#options.signal });
      }
      await this.#finish();
      this.#response.end();
    } finally {
      await iterator.return?.();
    }
  }

  async sendWritten({ rowsWritten, bytesWritten }: WriteCount): Promise<void> {
    const counts = { written_rows: rowsWritten, written_bytes: bytesWritten };
    this.#begin('TabSeparated', counts);
    await this.#finish();
    this.#response.end();
  }

  /** As a status while nothing has been sent; after that as a marked text at the end of the body. */
  async sendException(exception: ServerException): Promise<void> {
    const { message, engineCode } = exception;
    const text = `${message.trimEnd()} (version ${this.#options.engineVersion})\n`;
    if (this.#body !== undefined) return this.#breakOff(this.#body, text);
    this.#response.setHeader('X-ClickHouse-Exception-Code', engineCode);
    this.#setHeaders('TabSeparated', {});
    this.#response.removeHeader('Content-Encoding');
    const isAnonymous = this.#response.hasHeader('WWW-Authenticate');
    this.#response.writeHead(isAnonymous ? 401 : statusOf(engineCode), {
      'Content-Type': 'text/plain; charset=UTF-8',
    });
    this.#response.end(text);
  }

  /**
   * The form of ClickHouse 25.11 and later. The chunked body is then left without its end, so that a
   * client that does not know the form sees a broken answer and not a short one. socket.end() sends
   * what was written before it closes.
   */
  async #breakOff(body: Writable, text: string): Promise<void> {
    // The line end belongs to it: @clickhouse/client looks for it before the length.
    const message = Buffer.from(`${text.trimEnd().slice(0, maxExceptionChars)}\n`);
    const tag = this.#exceptionTag;
    const start = `\r\n__exception__\r\n${tag}\r\n`;
    const end = `${message.length} ${tag}\r\n__exception__\r\n`;
    // In one piece, as that client looks into the last chunk only.
    body.write(Buffer.concat([Buffer.from(start), message, Buffer.from(end)]));
    await this.#finish();
    this.#response.socket?.end();
  }

  /** Puts what a compressor still holds into the response, which stays open. */
  async #finish(): Promise<void> {
    if (this.#compressor === undefined) return;
    this.#compressor.end();
    await once(this.#compressor, 'end', { signal: this.#options.signal });
  }

  #begin(format: string, summary: Summary): Writable {
    this.#setHeaders(format, summary);
    this.#response.writeHead(200);
    this.#compressor = this.#encoding === undefined ? undefined : compressors[this.#encoding]?.();
    this.#compressor?.pipe(this.#response, { end: false });
    this.#body = this.#compressor ?? this.#response;
    return this.#body;
  }

  #setHeaders(format: string, summary: Summary): void {
    const elapsed = process.hrtime.bigint() - this.#startedAt;
    const counts = { ...emptySummary, ...summary, elapsed_ns: elapsed };
    const texts = Object.entries(counts).map(([name, value]) => [name, String(value ?? 0)]);
    const headers = {
      'Content-Type': contentTypes[format] ?? 'application/octet-stream',
      'X-ClickHouse-Query-Id': this.#options.queryId,
      'X-ClickHouse-Format': format,
      'X-ClickHouse-Timezone': 'UTC',
      'X-ClickHouse-Server-Display-Name': 'strata',
      'X-ClickHouse-Exception-Tag': this.#exceptionTag,
      'X-ClickHouse-Summary': JSON.stringify(Object.fromEntries(texts)),
      ...(this.#encoding !== undefined && { 'Content-Encoding': this.#encoding }),
    };
    for (const [name, value] of Object.entries(headers)) this.#response.setHeader(name, value);
  }
}

/** ClickHouse promises at most 16 KiB of UTF-8. */
const maxExceptionChars = 4096;

const emptySummary = {
  read_rows: 0,
  read_bytes: 0,
  written_rows: 0,
  written_bytes: 0,
  total_rows_to_read: 0,
  result_rows: 0,
  result_bytes: 0,
};

type Summary = { readonly [name in keyof typeof emptySummary]?: number | undefined };

const compressors: Readonly<Record<string, () => Transform>> = {
  gzip: createGzip,
  deflate: createDeflate,
  br: createBrotliCompress,
};

function acceptedEncoding(request: IncomingMessage): string | undefined {
  const accepted = (request.headers['accept-encoding'] ?? '').toString().split(/[\s,;]+/);
  return Object.keys(compressors).find((encoding) => accepted.includes(encoding));
}

const contentTypes: Readonly<Record<string, string>> = {
  TabSeparated: 'text/tab-separated-values; charset=UTF-8',
  TSV: 'text/tab-separated-values; charset=UTF-8',
  TabSeparatedWithNames: 'text/tab-separated-values; charset=UTF-8; header=present',
  CSV: 'text/csv; charset=UTF-8; header=absent',
  CSVWithNames: 'text/csv; charset=UTF-8; header=present',
  JSON: 'application/json; charset=UTF-8',
  JSONCompact: 'application/json; charset=UTF-8',
  JSONEachRow: 'application/x-ndjson; charset=UTF-8',
  JSONCompactEachRow: 'application/x-ndjson; charset=UTF-8',
  Pretty: 'text/plain; charset=UTF-8',
  PrettyCompact: 'text/plain; charset=UTF-8',
  Vertical: 'text/plain; charset=UTF-8',
};
