import { dirname } from 'node:path';
import { CdcError } from '../../errors.ts';
import { installPackages } from './debian-packages.ts';
import { findProgram, runProgram } from './program.ts';
import type { ServerProgram } from './server-program.ts';

const packageName = 'mariadb-server-core';

/** The MariaDB on this machine, or undefined. */
export async function findMariadb(): Promise<ServerProgram | undefined> {
  const server = await findProgram('mariadbd');
  const installer = await findProgram('mariadb-install-db');
  if (server === undefined || installer === undefined) return undefined;
  return {
    flavour: 'mariadb',
    command: [server],
    options: ['--character-set-server=utf8mb4', '--binlog-format=ROW'],
    async prepare(dataFolder) {
      await runProgram(installer, [
        '--no-defaults',
        `--datadir=${dataFolder}`,
        `--tmpdir=${dirname(dataFolder)}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ]);
    },
  };
}

/**
 * Installs MariaDB's server package where that needs no question: on Debian and its relatives, as
 * root or with a `sudo` that asks nothing. The package only brings files; it starts no service.
 * Throws CDC_DEMO_SERVER_MISSING.
 */
export async function installMariadb(report: (line: string) => void): Promise<ServerProgram> {
  if (!(await installPackages([packageName], report))) {
    throw new CdcError(
      'CDC_DEMO_SERVER_MISSING',
      'Neither MariaDB nor MySQL is on this machine, and it cannot be installed without asking you.',
      { remedy: await installHint() },
    );
  }
  const program = await findMariadb();
  if (program === undefined) {
    throw new CdcError('CDC_DEMO_SERVER_MISSING', `${packageName} came without mariadbd.`);
  }
  return program;
}

async function installHint(): Promise<string> {
  const hasApt = (await findProgram('apt-get')) !== undefined;
  const install = hasApt
    ? `sudo apt-get install ${packageName}`
    : process.platform === 'darwin'
      ? 'brew install mariadb'
      : 'the mariadb-server package of your system';
  return (
    `Install it (${install}), or set CDC_DEMO_MYSQL_URL=mysql://user:password@host:port ` +
    'to a server of your own with binlog_format=ROW.'
  );
}
