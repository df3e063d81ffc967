import { dirname } from 'node:path';
import { CdcError } from '../../errors.ts';
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
  const [command, ...prefix] = await packageCommand();
  report(`Installing ${packageName} with apt-get`);
  await runProgram(command, [...prefix, 'update', '-q']);
  await runProgram(command, [
    ...prefix,
    ...['install', '-q', '-y', '--no-install-recommends', packageName],
  ]);
  const program = await findMariadb();
  if (program === undefined) {
    throw new CdcError('CDC_DEMO_SERVER_MISSING', `${packageName} came without mariadbd.`);
  }
  return program;
}

async function packageCommand(): Promise<[string, ...string[]]> {
  const apt = await findProgram('apt-get');
  if (apt !== undefined && process.getuid?.() === 0) return [apt];
  const sudo = await findProgram('sudo');
  if (apt !== undefined && sudo !== undefined) {
    const asksNothing = await runProgram(sudo, ['-n', 'true']).then(
      () => true,
      () => false,
    );
    if (asksNothing) return [sudo, '-n', apt];
  }
  throw new CdcError(
    'CDC_DEMO_SERVER_MISSING',
    'Neither MariaDB nor MySQL is on this machine, and it cannot be installed without asking you.',
    { remedy: installHint(apt !== undefined) },
  );
}

function installHint(hasApt: boolean): string {
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
