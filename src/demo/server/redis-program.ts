import { CdcError } from '../../errors.ts';
import { installPackages } from './debian-packages.ts';
import { findProgram } from './program.ts';

const packageName = 'redis-tools';
const otherName = 'redis-check-rdb';

/** Where Redis lies on this machine. */
export interface RedisProgram {
  readonly file: string;
  /**
   * The file is the server under its other name: it decides by the name it is called with, so it must be
   * called through a link named `redis-server`.
   */
  readonly needsLink: boolean;
}

/**
 * The Redis on this machine; installed where that needs no question. Debian's `redis-tools` has the same
 * binary as `redis-server`, and installing it starts no service. Throws CDC_DEMO_SERVER_MISSING.
 */
export async function installRedis(report: (line: string) => void): Promise<RedisProgram> {
  const program = await findRedis();
  if (program !== undefined) return program;
  const installed = (await installPackages([packageName], report)) ? await findRedis() : undefined;
  if (installed !== undefined) return installed;
  throw new CdcError('CDC_DEMO_SERVER_MISSING', 'Redis is not on this machine.', {
    remedy:
      `Install it (Debian: sudo apt-get install ${packageName}), or give the address of a server ` +
      'of your own.',
  });
}

async function findRedis(): Promise<RedisProgram | undefined> {
  const server = await findProgram('redis-server');
  if (server !== undefined) return { file: server, needsLink: false };
  const other = await findProgram(otherName);
  return other === undefined ? undefined : { file: other, needsLink: true };
}
