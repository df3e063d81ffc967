import { LocalServer } from './local-server.ts';
import { findMariadb, installMariadb } from './mariadb-program.ts';
import { findMysql } from './mysql-program.ts';
import { parseServerUrl, type ServerAddress } from './server-address.ts';

/** The server the demo works on. Disposing ends it if it was started here. */
export interface DemoServer extends AsyncDisposable {
  readonly address: ServerAddress;
  /** False for a server given by CDC_DEMO_MYSQL_URL: it belongs to somebody else. */
  readonly isPrivate: boolean;
}

/**
 * Opens the server named by CDC_DEMO_MYSQL_URL, or starts the MariaDB or MySQL of this machine,
 * installing MariaDB where that is possible. Throws CDC_DEMO_SERVER_MISSING.
 */
export async function openDemoServer(report: (line: string) => void): Promise<DemoServer> {
  const url = process.env['CDC_DEMO_MYSQL_URL'];
  if (url !== undefined && url !== '') {
    const address = parseServerUrl(url, 'CDC_DEMO_MYSQL_URL');
    return { address, isPrivate: false, async [Symbol.asyncDispose]() {} };
  }
  const program = (await findMariadb()) ?? (await findMysql()) ?? (await installMariadb(report));
  const server = await LocalServer.open(program);
  return {
    address: server.address,
    isPrivate: true,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
