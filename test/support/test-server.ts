import { describe, inject } from 'vitest';
import { findMariadb, installMariadb } from '../../src/demo/server/mariadb-program.ts';
import { findMysql } from '../../src/demo/server/mysql-program.ts';
import { parseServerUrl, type ServerAddress } from '../../src/demo/server/server-address.ts';
import type { ServerProgram } from '../../src/demo/server/server-program.ts';
import { installMysqlPackage } from './mysql-package.ts';

export type ServerFlavour = ServerProgram['flavour'];

/** An address in one of these variables replaces the server that the tests would start. */
export const serverVariables: Readonly<Record<ServerFlavour, string>> = {
  mariadb: 'CDC_TEST_MARIADB_URL',
  mysql: 'CDC_TEST_MYSQL_URL',
};

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the shared server of each flavour; see global-setup.ts. */
    serverUrls: Partial<Record<ServerFlavour, string>>;
  }
}

/** The address of the shared server. Its databases are shared too: use `openTestDatabase`. */
export function testServer(flavour: ServerFlavour): ServerAddress {
  const url = inject('serverUrls')[flavour];
  if (url === undefined) throw new Error(`there is no ${flavour} server in this run`);
  return parseServerUrl(url, serverVariables[flavour]);
}

/** Runs the suite once on MariaDB and once on MySQL; without the server (not in CI) it is skipped. */
export function describeEachServer(title: string, suite: (flavour: ServerFlavour) => void): void {
  for (const flavour of ['mariadb', 'mysql'] as const) {
    const missing = inject('serverUrls')[flavour] === undefined;
    describe.skipIf(missing)(`${title} on ${flavour}`, () => suite(flavour));
  }
}

/** The software itself, for a test that needs a server of its own: `LocalServer.open(await ...)`. */
export async function serverProgram(flavour: ServerFlavour): Promise<ServerProgram> {
  if (flavour === 'mysql') return (await findMysql()) ?? (await installMysqlPackage());
  return (await findMariadb()) ?? (await installMariadb(console.log));
}
