import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CdcError, type Problem } from '../../errors.ts';
import { jsonSettings, jsonTypes } from '../json-types.ts';
import { LocalProgress } from '../local-progress.ts';
import type { SinkContext } from '../open-sink.ts';
import type { LineBatch, LineSink, Progress, Sweep } from '../sink.ts';
import { sinkError } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { refusalIn, waitMsOf } from './answer.ts';
import { Endpoint } from './endpoint.ts';
import { arrayOf } from './json-array.ts';
import type { WebhookSinkOptions } from './options.ts';
import { signatureOf } from './signature.ts';

interface Message {
  readonly table: SinkTable;
  readonly token: string;
  readonly event: 'rows' | 'sweep' | 'drop';
  readonly rowCount: number;
  readonly contentType: string;
  readonly body: readonly Buffer[];
}

/**
 * An HTTP endpoint that gets every change, at least once: a request that it has taken comes again when its answer was lost, with the
 * same key. It cannot be asked what it has, so the progress is kept in the state folder, after its answer.
 */
export class WebhookSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONEachRow';
  readonly formatSettings = jsonSettings;
  readonly types = jsonTypes;
  readonly #options: WebhookSinkOptions;
  readonly #endpoint: Endpoint;
  readonly #progress: LocalProgress;
  readonly #closing = new AbortController();
  /** The endpoint has asked for no request before that. */
  #notBeforeMs = 0;

  constructor(options: WebhookSinkOptions, { stateFolder }: Pick<SinkContext, 'stateFolder'>) {
    this.#options = options;
    this.#endpoint = new Endpoint(options);
    this.#progress = new LocalProgress(stateFolder, options.name);
  }

  /** Any answer to OPTIONS will do: whether it takes changes only a change can tell. */
  async preflight(): Promise<Problem[]> {
    const { url, name } = this.#options;
    try {
      const headers = this.#ownHeaders();
      const options = { url: urlOf(url, 'table'), method: 'OPTIONS', headers, body: [] } as const;
      await this.#endpoint.send(options, `Asking for ${url}`);
      return [];
    } catch (error) {
      if (!(error instanceof CdcError)) throw error;
      const { code, message, remedy } = error;
      return [{ code, where: `sinks.${name}`, message, remedy, severity: 'error' }];
    }
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    return this.#progress.all();
  }

  /** An endpoint has no tables. */
  async plan(): Promise<readonly string[]> {
    return [];
  }

  async prepare(): Promise<void> {}

  async write({ table, token, rowCount, body, step }: LineBatch): Promise<void> {
    await this.#progress.assertFollows(table, step);
    if (rowCount > 0) {
      const message = { table, token, rowCount, event: 'rows' } as const;
      const isArray = this.#options.body === 'array';
      await this.#post(
        isArray
          ? { ...message, contentType: 'application/json', body: arrayOf(body) }
          : { ...message, contentType: 'application/x-ndjson', body },
      );
    }
    await this.#progress.keep(table, step);
  }

  /** The endpoint is told; what it does then is its own affair. */
  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    await this.#progress.assertFollows(table, step);
    const token = createHash('sha256').update(step.next.value).digest('hex').slice(0, 40);
    await this.#tell(table, token, 'sweep', { deleteVersionsBelow: String(below) });
    await this.#progress.keep(table, step);
  }

  async drop(table: SinkTable): Promise<void> {
    await this.#tell(table, randomUUID(), 'drop', {});
    await this.#progress.remove(table);
  }

  // biome-ignore lint/correctness/useYield: there is nothing to read.
  async *readBack({ source }: SinkTable): AsyncGenerator<Buffer, void> {
    const why = 'what an HTTP endpoint has taken cannot be asked for.';
    throw sinkError('CDC_SINK_UNREADABLE', `Reading ${source} back`, why, { table: source });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#endpoint[Symbol.dispose]();
  }

  async #tell(
    table: SinkTable,
    token: string,
    event: 'sweep' | 'drop',
    what: Readonly<Record<string, string>>,
  ): Promise<void> {
    const text = JSON.stringify({ event, table: table.target, ...what });
    const body = [Buffer.from(`${text}\n`)];
    await this.#post({ table, token, event, rowCount: 0, contentType: 'application/json', body });
  }

  async #post({ table, token, event, rowCount, contentType, body }: Message): Promise<void> {
    const waitMs = this.#notBeforeMs - Date.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal: this.#closing.signal });
    const { url, signingSecret } = this.#options;
    const timestamp = String(Math.floor(Date.now() / 1000));
    const secret = signingSecret.reveal();
    const headers = {
      ...this.#ownHeaders(),
      'Content-Type': contentType,
      'Idempotency-Key': token,
      'X-Cdc-Event': event,
      'X-Cdc-Table': encodeURIComponent(table.target),
      'X-Cdc-Source': encodeURIComponent(table.source),
      'X-Cdc-Key': table.key.map(encodeURIComponent).join(','),
      'X-Cdc-Rows': String(rowCount),
      'webhook-id': token,
      'webhook-timestamp': timestamp,
      ...(secret !== '' && {
        'webhook-signature': signatureOf({ id: token, timestamp, body }, secret),
      }),
    };
    const to = urlOf(url, table.target);
    const doing = `Posting ${table.source}`;
    const answer = await this.#endpoint.send({ url: to, method: 'POST', headers, body }, doing);
    const refusal = refusalIn(answer, { table: table.source, url: to });
    if (refusal === undefined) return;
    if (refusal.kind === 'transient') {
      const asked = waitMsOf(answer, Date.now());
      if (asked > 0) this.#notBeforeMs = Math.max(this.#notBeforeMs, Date.now() + asked);
    }
    throw refusal;
  }

  #ownHeaders(): Record<string, string> {
    const { bearer, headers } = this.#options;
    const token = bearer.reveal();
    return {
      'User-Agent': 'strata',
      ...headers,
      ...(token !== '' && { Authorization: `Bearer ${token}` }),
    };
  }
}

function urlOf(url: string, target: string): string {
  return url.replaceAll(/\{table\}|%7Btable%7D/gi, encodeURIComponent(target));
}
