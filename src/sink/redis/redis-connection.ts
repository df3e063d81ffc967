import { readFile } from 'node:fs/promises';
import { createClient, RESP_TYPES } from 'redis';
import { sinkError } from '../sink-errors.ts';
import { isMissingScript, movedTo, toSinkError } from './error-map.ts';
import type { RedisSinkOptions } from './options.ts';

/** Strings are bytes (byte-text.ts). */
export type Argument = string | Buffer;
export type Reply = string | number | null | readonly Reply[];

const connectTimeoutMs = 10_000;

function newClient(options: Parameters<typeof createClient>[0]) {
  return createClient({ ...options, RESP: 2 });
}

type Client = ReturnType<typeof newClient>;

/** A script and the digest that the server knows it by. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

/**
 * One connection, made by the first call and made anew by the first one after it was lost. Commands that are
 * sent without waiting go out together, and are answered in their order.
 *
 * When a node of a cluster says that our slot is elsewhere, the next connection goes there.
 */
export class RedisConnection implements AsyncDisposable {
  readonly #options: RedisSinkOptions;
  #client: Promise<Client> | undefined;
  #elsewhere: { host: string; port: number } | undefined;

  constructor(options: RedisSinkOptions) {
    this.#options = options;
  }

  /** Throws what error-map.ts makes of it; errors of the reply itself with `raw`. */
  async send(doing: string, args: readonly Argument[]): Promise<Reply> {
    try {
      return await this.sendRaw(args);
    } catch (error) {
      throw toSinkError(error, doing);
    }
  }

  /** Throws the client's own errors. */
  async sendRaw(args: readonly Argument[]): Promise<Reply> {
    const opening = this.#open();
    const client = await opening;
    try {
      const reply = await client.sendCommand(args.map(encode));
      return decode(reply);
    } catch (error) {
      const elsewhere = movedTo(error);
      if (elsewhere !== undefined) this.#forget(opening, client, elsewhere);
      if (!client.isReady) this.#forget(opening, client, undefined);
      throw error;
    }
  }

  /** Runs a script by its digest; the text goes out only when the server does not know it. */
  async run(script: Script, key: string, args: readonly Argument[]): Promise<Reply> {
    try {
      return await this.sendRaw(['EVALSHA', script.sha1, '1', key, ...args]);
    } catch (error) {
      if (!isMissingScript(error)) throw error;
      return await this.sendRaw(['EVAL', script.text, '1', key, ...args]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    client?.destroy();
  }

  #open(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const opening = this.#connect();
    this.#client = opening;
    opening.catch(() => {
      if (this.#client === opening) this.#client = undefined;
      this.#elsewhere = undefined;
    });
    return opening;
  }

  async #connect(): Promise<Client> {
    const { host, port, database, user, password, ssl, timeoutSeconds } = this.#options;
    const secret = password.reveal();
    const client = newClient({
      socket: {
        ...(this.#elsewhere ?? { host, port }),
        connectTimeout: connectTimeoutMs,
        socketTimeout: timeoutSeconds * 1000,
        // Calls decide whether to go on; a command that was lost is never sent again by itself.
        reconnectStrategy: false,
        ...(ssl && { tls: true as const, ...(await tlsFiles(ssl)) }),
      },
      database,
      ...(user !== undefined && { username: user }),
      ...(secret !== '' && { password: secret }),
      disableOfflineQueue: true,
      name: 'strata',
      // Silence is for `socketTimeout` to find; a timer for each command would cost more than the command.
      commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    });
    // The commands that were on their way reject with the same error.
    client.on('error', () => this.#drop(client));
    await client.connect();
    return client;
  }

  #drop(client: Client): void {
    const current = this.#client;
    void current?.then(
      (each) => {
        if (each === client) this.#forget(current, client, undefined);
      },
      () => {},
    );
  }

  #forget(
    opening: Promise<Client>,
    client: Client,
    elsewhere: { host: string; port: number } | undefined,
  ): void {
    if (this.#client !== opening) return;
    this.#client = undefined;
    this.#elsewhere = elsewhere;
    if (client.isOpen) client.destroy();
  }
}

function encode(argument: Argument): string | Buffer {
  if (typeof argument !== 'string' || !/[\x80-\xff]/.test(argument)) return argument;
  return Buffer.from(argument, 'latin1');
}

function decode(reply: unknown): Reply {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1');
  if (Array.isArray(reply)) return reply.map(decode);
  return reply as Reply;
}

async function tlsFiles(ssl: NonNullable<RedisSinkOptions['ssl']>) {
  const read = async (path: string | undefined) => {
    if (path === undefined) return undefined;
    return readFile(path).catch((cause: Error) => {
      throw sinkError('CDC_SINK_FAILED', `Reading ${path}`, cause.message, { cause });
    });
  };
  const [ca, cert, key] = await Promise.all([read(ssl.ca), read(ssl.cert), read(ssl.key)]);
  const { rejectUnauthorized } = ssl;
  return { rejectUnauthorized, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
