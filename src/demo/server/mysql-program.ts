import { findProgram, runProgram } from './program.ts';
import type { ServerProgram } from './server-program.ts';

/** The MySQL on this machine, or undefined. MariaDB installs a `mysqld` of its own; it does not count. */
export async function findMysql(): Promise<ServerProgram | undefined> {
  const server = await findProgram('mysqld');
  if (server === undefined) return undefined;
  const version = await runProgram(server, ['--no-defaults', '--version']);
  return version.includes('MariaDB') ? undefined : mysqlProgram([server]);
}

/** MySQL 8 or later, run by `command`. */
export function mysqlProgram(command: readonly [string, ...string[]]): ServerProgram {
  const [file, ...args] = command;
  const options = [
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--mysqlx=OFF',
    '--performance-schema=OFF',
    // The packaged default folder may not exist, and then the server does not start.
    '--secure-file-priv=NULL',
    '--innodb-redo-log-capacity=64M',
  ];
  return {
    flavour: 'mysql',
    command,
    options,
    async prepare(dataFolder) {
      await runProgram(file, [
        ...args,
        '--no-defaults',
        `--datadir=${dataFolder}`,
        ...(process.getuid?.() === 0 ? ['--user=root'] : []),
        ...options,
        '--initialize-insecure',
      ]);
    },
  };
}
