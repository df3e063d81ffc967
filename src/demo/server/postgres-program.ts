import { access, chown, constants, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CdcError } from '../../errors.ts';
import { installPackages } from './debian-packages.ts';
import { findProgram, runProgram } from './program.ts';

const packageName = 'postgresql';
/** Debian keeps the programs of each major release in a folder that no PATH points at. */
const debianFolder = '/usr/lib/postgresql';
/** PostgreSQL refuses to run as root; this user has no rights, and every system has it. */
const unprivilegedUser = 'nobody';

/** The folder of PostgreSQL's own programs (`initdb`, `postgres`). */
export interface PostgresProgram {
  readonly folder: string;
}

/**
 * The PostgreSQL on this machine; installed with apt-get where that needs no question (Debian's package makes a
 * cluster of its own then, which is left alone). Throws CDC_DEMO_SERVER_MISSING.
 */
export async function installPostgres(report: (line: string) => void): Promise<PostgresProgram> {
  const found = await findPostgres();
  if (found !== undefined) return found;
  const installed = (await installPackages([packageName], report)) && (await findPostgres());
  if (installed) return installed;
  throw new CdcError('CDC_DEMO_SERVER_MISSING', 'There is no PostgreSQL on this machine.', {
    remedy:
      'Install it (Debian: sudo apt-get install postgresql), or give the address of a server of your own.',
  });
}

async function findPostgres(): Promise<PostgresProgram | undefined> {
  const releases = await readdir(debianFolder).catch(() => []);
  for (const release of releases.sort((left, right) => Number(right) - Number(left))) {
    const folder = join(debianFolder, release, 'bin');
    const runnable = await access(join(folder, 'initdb'), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return { folder };
  }
  const initdb = await findProgram('initdb');
  return initdb === undefined ? undefined : { folder: dirname(await realpath(initdb)) };
}

/** As root: the words in front of a command that run it as a user without rights. */
export async function unprivileged(): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return [];
  const { uid, gid } = await unprivilegedIds();
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

/** As root: gives a file or folder to the user that PostgreSQL runs as. */
export async function giveToPostgres(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await unprivilegedIds();
  await chown(path, uid, gid);
}

async function unprivilegedIds(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (which) => Number(await runProgram('id', [which, unprivilegedUser]))),
  );
  return { uid: uid ?? Number.NaN, gid: gid ?? Number.NaN };
}
