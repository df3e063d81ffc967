import type { IncomingMessage } from 'node:http';
import { ServerException } from './server-exception.ts';

/** What a request says about its statement beside the text. */
export interface StatementParameters {
  /** From the URL; the body, if any, follows it. */
  readonly query: string;
  readonly database: string | undefined;
  /** Format of the result, and of rows in the body, when the statement names none. */
  readonly format: string | undefined;
  /** Values for `{name:Type}`, as text in ClickHouse's escaped form. */
  readonly params: ReadonlyMap<string, string>;
  /** Every other parameter is a setting; the engine checks name and value. */
  readonly settings: ReadonlyMap<string, string>;
  readonly waitsForEnd: boolean;
  /** A GET changes nothing (`readonly = 2`), as on a server. */
  readonly isReadOnly: boolean;
}

/**
 * Taken or ignored here, so no settings. Sessions (`session_id`) are accepted and not kept: SET and
 * temporary tables end with their statement.
 */
const reserved = new Set([
  ...['query', 'query_id', 'database', 'default_format', 'wait_end_of_query', 'buffer_size'],
  ...['user', 'password', 'quota_key', 'role', 'stacktrace', 'client_protocol_version'],
  ...['session_id', 'session_timeout', 'session_check', 'close_session'],
  // There is no query log that would show it; the runner tells statements apart by it.
  'log_comment',
]);

/** Formats of ClickHouse's own compression, of which this server knows none. */
const unsupported = ['compress', 'decompress'];

export function readParameters(request: IncomingMessage, url: URL): StatementParameters {
  const all = url.searchParams;
  const header = (name: string) => request.headers[name]?.toString();
  for (const name of unsupported) {
    if (!isOn(all.get(name))) continue;
    throw ServerException.of(
      'NOT_IMPLEMENTED',
      `The embedded engine has no ${name}=1: switch compression off in the client (${name}=0) or use HTTP compression (gzip)`,
    );
  }
  const params = new Map<string, string>();
  const settings = new Map<string, string>();
  for (const [name, value] of all) {
    if (name.startsWith('param_')) params.set(identifier(name.slice('param_'.length)), value);
    else if (!reserved.has(name) && !unsupported.includes(name))
      settings.set(identifier(name), value);
  }
  return {
    query: all.get('query') ?? '',
    database: all.get('database') ?? header('x-clickhouse-database'),
    format: all.get('default_format') ?? header('x-clickhouse-format'),
    params,
    settings,
    waitsForEnd: isOn(all.get('wait_end_of_query')),
    isReadOnly: request.method === 'GET',
  };
}

function isOn(value: string | null): boolean {
  return value !== null && value !== '0' && value !== 'false';
}

/** These names become part of a SET statement. */
function identifier(name: string): string {
  if (/^[A-Za-z_]\w*$/.test(name)) return name;
  throw ServerException.of(
    'BAD_REQUEST_PARAMETER',
    `Not a name of a setting or parameter: '${name}'`,
  );
}
