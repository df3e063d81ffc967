import { randomBytes } from 'node:crypto';
import { CdcError } from '../../errors.ts';
import type { ObjectStore, StoredFile } from '../lake/store/object-store.ts';
import { sinkError } from '../sink-errors.ts';

export interface WebhdfsAddress {
  /** Of name nodes, or of HttpFS. */
  readonly urls: readonly string[];
  readonly path: string;
  readonly user: string;
}

interface FileStatus {
  readonly pathSuffix: string;
  readonly type: 'FILE' | 'DIRECTORY';
  readonly length: number;
  readonly modificationTime: number;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const requestMs = 120_000;
/** Hive does not read files whose names begin with a dot. */
const partPrefix = '.part-';

/**
 * A folder of HDFS through WebHDFS (hadoop.apache.org, "WebHDFS REST API") or HttpFS.
 *
 *     CREATE   PUT without a body -> 307 to a data node, or 200 {"Location"} with noredirect -> PUT with the body -> 201
 *     RENAME   false where the target exists already: that makes `putIfAbsent` one step
 *     OPEN     GET -> 307 to a data node
 *
 * Of several name nodes only one serves; the others answer StandbyException.
 */
export class WebhdfsStore implements Omit<ObjectStore, 'parquet'> {
  readonly address: string;
  readonly #to: WebhdfsAddress;
  #active = 0;

  constructor(to: WebhdfsAddress) {
    this.#to = to;
    this.address = `${to.urls.join(', ')}${to.path}`;
  }

  locate(name: string): string {
    return `${this.#to.path.replace(/\/+$/, '')}/${name}`;
  }

  async list(prefix: string): Promise<StoredFile[]> {
    const found: StoredFile[] = [];
    for (const entry of await this.#entries(prefix)) {
      const name = `${prefix}${entry.pathSuffix}`;
      if (entry.type === 'DIRECTORY') found.push(...(await this.list(`${name}/`)));
      else if (!entry.pathSuffix.startsWith(partPrefix)) {
        found.push({ name, bytes: entry.length, writtenAt: entry.modificationTime });
      }
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async folders(prefix: string): Promise<string[]> {
    const entries = await this.#entries(prefix);
    return entries.filter(({ type }) => type === 'DIRECTORY').map(({ pathSuffix }) => pathSuffix);
  }

  async get(name: string): Promise<Buffer | undefined> {
    const { status, body } = await this.#call('GET', name, { op: 'OPEN' });
    return status === 404 ? undefined : body;
  }

  async put(name: string, body: Buffer): Promise<void> {
    const part = await this.#createPart(name, body);
    if (await this.#rename(part, name)) return;
    // A rename replaces nothing. What is there came from an attempt with the same name.
    await this.delete(name);
    if (await this.#rename(part, name)) return;
    await this.delete(part);
    throw sinkError('CDC_SINK_FAILED', `Writing ${this.locate(name)}`, 'HDFS refused the rename.');
  }

  async putIfAbsent(name: string, body: Buffer): Promise<boolean> {
    const part = await this.#createPart(name, body);
    try {
      if (await this.#rename(part, name)) return true;
    } catch (error) {
      if (!(error instanceof CdcError) || error.kind !== 'transient') throw error;
      // The answer was lost; the content says whose file it is.
    }
    await this.delete(part);
    return (await this.get(name))?.equals(body) === true;
  }

  async delete(name: string): Promise<void> {
    await this.#call('DELETE', name, { op: 'DELETE', recursive: 'false' });
  }

  async #createPart(name: string, body: Buffer): Promise<string> {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    const part = `${folder}${partPrefix}${randomBytes(8).toString('hex')}`;
    await this.#call('PUT', part, { op: 'CREATE', overwrite: 'true' }, body);
    return part;
  }

  async #rename(from: string, to: string): Promise<boolean> {
    const destination = this.locate(to);
    const { status, body } = await this.#call('PUT', from, { op: 'RENAME', destination });
    if (status === 404)
      throw sinkError('CDC_SINK_FAILED', `Renaming to ${destination}`, 'it is gone.');
    return (JSON.parse(body.toString('utf8')) as { boolean: boolean }).boolean;
  }

  async #entries(prefix: string): Promise<readonly FileStatus[]> {
    const { status, body } = await this.#call('GET', prefix, { op: 'LISTSTATUS' });
    if (status === 404) return [];
    const parsed = JSON.parse(body.toString('utf8')) as {
      FileStatuses: { FileStatus: readonly FileStatus[] };
    };
    return parsed.FileStatuses.FileStatus;
  }

  /** 404 is an answer. The name node that served last is asked first. */
  async #call(
    method: 'GET' | 'PUT' | 'DELETE',
    name: string,
    query: Readonly<Record<string, string>>,
    body?: Buffer,
  ): Promise<Answer> {
    const { urls } = this.#to;
    let last: CdcError | undefined;
    for (let turn = 0; turn < urls.length; turn++) {
      try {
        return await this.#once(method, name, query, body);
      } catch (error) {
        if (!(error instanceof CdcError) || error.kind !== 'transient') throw error;
        last = error;
        this.#active = (this.#active + 1) % urls.length;
      }
    }
    throw last;
  }

  async #once(
    method: 'GET' | 'PUT' | 'DELETE',
    name: string,
    query: Readonly<Record<string, string>>,
    body: Buffer | undefined,
  ): Promise<Answer> {
    const doing = `${query['op']} of ${this.locate(name)}`;
    const base = (this.#to.urls[this.#active] ?? '').replace(/\/+$/, '');
    const path = this.locate(name).split('/').map(encodeURIComponent).join('/').replace(/\/$/, '');
    const search = new URLSearchParams({ ...query, 'user.name': this.#to.user });
    const url = `${base}/webhdfs/v1${path}?${search}`;
    let answer = await request(doing, url, { method, redirect: 'manual' });
    // Data go to a data node only: the name node must not be sent a body.
    for (let hops = 0; answer.location !== undefined && hops < 5; hops++) {
      const headers = { 'content-type': 'application/octet-stream' };
      const init = body === undefined ? { method } : { method, body, headers };
      answer = await request(doing, answer.location, { ...init, redirect: 'manual' });
    }
    if (answer.status < 300 || answer.status === 404) return answer;
    throw remoteError(doing, answer);
  }
}

async function request(
  doing: string,
  url: string,
  init: RequestInit,
): Promise<Answer & { readonly location: string | undefined }> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(requestMs) });
    const body = Buffer.from(await response.arrayBuffer());
    const isRedirect = response.status === 307;
    const location = isRedirect ? (response.headers.get('location') ?? undefined) : undefined;
    return { status: response.status, body, location };
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const why = reason instanceof Error ? reason.message : String(reason);
    throw sinkError('CDC_SINK_UNREACHABLE', doing, why, { cause });
  }
}

const exceptions = {
  StandbyException: 'CDC_SINK_BUSY',
  RetriableException: 'CDC_SINK_BUSY',
  AccessControlException: 'CDC_SINK_ACCESS_DENIED',
  SecurityException: 'CDC_SINK_ACCESS_DENIED',
  SafeModeException: 'CDC_SINK_READ_ONLY',
  DSQuotaExceededException: 'CDC_SINK_FULL',
  NSQuotaExceededException: 'CDC_SINK_FULL',
  QuotaExceededException: 'CDC_SINK_FULL',
} as const;

/** `{"RemoteException": {"exception", "javaClassName", "message"}}`; what stands before a name node may answer anything. */
function remoteError(doing: string, { status, body }: Answer): CdcError {
  const text = body.toString('utf8');
  const { exception = '', message = text.slice(0, 300) } = parseException(text);
  if (exception in exceptions) {
    return sinkError(exceptions[exception as keyof typeof exceptions], doing, message);
  }
  if (/could only be written to 0 of|No space left/i.test(message)) {
    return sinkError('CDC_SINK_FULL', doing, message);
  }
  if (status === 401 || status === 403) return sinkError('CDC_SINK_ACCESS_DENIED', doing, message);
  const code = status >= 502 || status === 429 ? 'CDC_SINK_BUSY' : 'CDC_SINK_FAILED';
  return sinkError(code, doing, `${status} ${exception} ${message}`);
}

function parseException(text: string): { exception?: string; message?: string } {
  try {
    const parsed = JSON.parse(text) as {
      RemoteException?: { exception?: string; message?: string };
    };
    return parsed.RemoteException ?? {};
  } catch {
    return {};
  }
}
