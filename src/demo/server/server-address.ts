import { CdcError } from '../../errors.ts';
import { Secret } from '../../lib/secret.ts';

/** Where a MySQL-compatible server listens and who may administer it. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
}

/** Reads `mysql://user:password@host:port`. Throws CDC_USAGE; the message never shows the text. */
export function parseServerUrl(text: string, variable: string): ServerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(mysql|mariadb):$/.test(url.protocol) || url.hostname === '') {
    throw new CdcError('CDC_USAGE', `${variable} is not the address of a server.`, {
      remedy: `Set ${variable} to mysql://user:password@host:3306, or unset it.`,
    });
  }
  return {
    // An IPv6 address stands in brackets in a URL only.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username) || 'root',
    password: new Secret(decodeURIComponent(url.password)),
  };
}

/** The inverse of `parseServerUrl`; the text holds the password. */
export function renderServerUrl(address: ServerAddress): string {
  const user = encodeURIComponent(address.user);
  const password = encodeURIComponent(address.password.reveal());
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `mysql://${user}:${password}@${host}:${address.port}`;
}
