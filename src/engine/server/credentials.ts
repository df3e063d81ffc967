import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What the request shows, in the three ways ClickHouse's server takes; undefined if nothing. */
export function shownCredentials(request: IncomingMessage, url: URL): Credentials | undefined {
  const user = request.headers['x-clickhouse-user']?.toString();
  const password = request.headers['x-clickhouse-key']?.toString();
  if (user !== undefined || password !== undefined) {
    return { user: user ?? 'default', password: password ?? '' };
  }
  const basic = /^Basic\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [, name = '', secret = ''] =
      /^([^:]*):?(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
    return { user: name, password: secret };
  }
  const query = url.searchParams;
  if (!query.has('user') && !query.has('password')) return undefined;
  return { user: query.get('user') ?? 'default', password: query.get('password') ?? '' };
}

/** Takes the same time whether few or many characters are right. */
export function areEqual(shown: Credentials, right: Credentials): boolean {
  return timingSafeEqual(digest(shown), digest(right));
}

function digest({ user, password }: Credentials): Buffer {
  return createHash('sha256').update(`${user}\0${password}`).digest();
}
