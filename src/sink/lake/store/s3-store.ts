import { setTimeout as delay } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { quoteString } from '../../../engine/sql-quote.ts';
import { CdcError } from '../../../errors.ts';
import { sinkError } from '../../sink-errors.ts';
import { type ObjectStore, pathOf, type StoredFile } from './object-store.ts';
import { s3Error } from './s3-error.ts';
import { childTexts, elements } from './s3-xml.ts';

export interface S3Address {
  readonly bucket: string;
  /** Without a slash at its ends; may be empty. */
  readonly prefix: string;
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

const requestMs = 120_000;
const attempts = 5;
const firstPauseMs = 100;

/** A lake in a bucket of S3, or of a store that speaks its protocol with conditional writes. */
export class S3Store implements ObjectStore {
  readonly address: string;
  readonly #to: S3Address;
  readonly #client: AwsClient;
  readonly #base: string;

  constructor(to: S3Address) {
    this.#to = to;
    this.address = `s3://${[to.bucket, to.prefix].filter((part) => part !== '').join('/')}`;
    this.#client = new AwsClient({
      accessKeyId: to.accessKeyId,
      secretAccessKey: to.secretAccessKey,
      ...(to.sessionToken !== undefined && { sessionToken: to.sessionToken }),
      service: 's3',
      region: to.region,
      // Repeated here, where a conditional write is known.
      retries: 0,
    });
    const { protocol, host } = new URL(to.endpoint);
    this.#base = to.pathStyle ? `${to.endpoint}/${to.bucket}` : `${protocol}//${to.bucket}.${host}`;
  }

  locate(name: string): string {
    return `${this.address}/${name}`;
  }

  async list(prefix: string): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    for await (const page of this.#pages(this.#key(prefix), undefined)) {
      for (const item of elements(page, 'Contents')) {
        const { Key = '', Size = '0', LastModified = '' } = childTexts(item);
        const writtenAt = Date.parse(LastModified);
        files.push({ name: this.#name(Key), bytes: Number(Size), writtenAt });
      }
    }
    return files;
  }

  async folders(prefix: string): Promise<string[]> {
    const key = this.#key(prefix);
    const names: string[] = [];
    for await (const page of this.#pages(key, '/')) {
      for (const item of elements(page, 'CommonPrefixes')) {
        names.push((childTexts(item)['Prefix'] ?? '').slice(key.length, -1));
      }
    }
    return names;
  }

  async get(name: string): Promise<Buffer | undefined> {
    const { status, body } = await this.#call('Reading', name, { method: 'GET' }, [404]);
    return status === 404 ? undefined : body;
  }

  async put(name: string, body: Buffer): Promise<void> {
    await this.#call('Writing', name, { method: 'PUT', body }, []);
  }

  /**
   * A repeated attempt may find the file of the first one, whose answer was lost: then the content decides. Contents differ between
   * writers, because each has something random in it.
   */
  async putIfAbsent(name: string, body: Buffer): Promise<boolean> {
    const headers = { 'if-none-match': '*' };
    const put = { method: 'PUT', body, headers };
    // 409: another conditional write of the same name was under way; it is repeated.
    const { status, attempt } = await this.#call('Writing', name, put, [412]);
    if (status !== 412) return true;
    return attempt > 1 && (await this.get(name))?.equals(body) === true;
  }

  async delete(name: string): Promise<void> {
    await this.#call('Removing', name, { method: 'DELETE' }, [404]);
  }

  parquet(names: readonly string[], structure: string): string {
    const { accessKeyId, secretAccessKey, sessionToken } = this.#to;
    const url = `${this.#base}/${this.#key(pathOf(names))}`;
    const texts = [url, accessKeyId, secretAccessKey, ...(sessionToken ? [sessionToken] : [])];
    return `s3(${[...texts, 'Parquet', structure].map(quoteString).join(', ')})`;
  }

  #key(name: string): string {
    return this.#to.prefix === '' ? name : `${this.#to.prefix}/${name}`;
  }

  #name(key: string): string {
    return this.#to.prefix === '' ? key : key.slice(this.#to.prefix.length + 1);
  }

  async *#pages(prefix: string, delimiter: string | undefined): AsyncGenerator<string, void> {
    let token: string | undefined;
    do {
      const query = new URLSearchParams({ 'list-type': '2', prefix });
      if (delimiter !== undefined) query.set('delimiter', delimiter);
      if (token !== undefined) query.set('continuation-token', token);
      const url = `${this.#base}/?${query}`;
      const { body } = await this.#send(`Listing ${this.address}`, url, { method: 'GET' }, []);
      const page = body.toString('utf8');
      yield page;
      token = childTexts(page)['NextContinuationToken'];
    } while (token !== undefined);
  }

  #call(doing: string, name: string, init: RequestInit, expected: readonly number[]) {
    const path = this.#key(name).split('/').map(encodeURIComponent).join('/');
    return this.#send(`${doing} ${this.locate(name)}`, `${this.#base}/${path}`, init, expected);
  }

  /** Statuses of `expected` are answers, all others from 300 on are errors; transient ones are tried again. */
  async #send(doing: string, url: string, init: RequestInit, expected: readonly number[]) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return { ...(await this.#once(doing, url, init, expected)), attempt };
      } catch (error) {
        const isTransient = error instanceof CdcError && error.kind === 'transient';
        if (!isTransient || attempt === attempts) throw error;
        await delay(firstPauseMs * 2 ** (attempt - 1));
      }
    }
  }

  async #once(doing: string, url: string, init: RequestInit, expected: readonly number[]) {
    let status: number;
    let body: Buffer;
    try {
      const signal = AbortSignal.timeout(requestMs);
      const response = await this.#client.fetch(url, { ...init, signal });
      status = response.status;
      body = Buffer.from(await response.arrayBuffer());
    } catch (cause) {
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
      const why = reason instanceof Error ? reason.message : String(reason);
      throw sinkError('CDC_SINK_UNREACHABLE', doing, why, { cause });
    }
    if (status < 300 || expected.includes(status)) return { status, body };
    throw s3Error(doing, status, body.toString('utf8'));
  }
}
