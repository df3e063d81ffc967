import { CdcError, type Problem } from '../../errors.ts';
import type { RedisSinkOptions } from './options.ts';
import type { RedisConnection } from './redis-connection.ts';
import { progressKey } from './row-writer.ts';
import type { Trigger } from './trigger.ts';
import { writeScript } from './write-script.ts';

/** Everything about the server that will not work or may lose rows. Never throws for a finding. */
export async function checkRedis(
  connection: RedisConnection,
  options: RedisSinkOptions,
  trigger: Trigger | undefined,
): Promise<Problem[]> {
  const where = `sink ${options.name}, ${options.host}:${options.port}`;
  const problems = [
    ...(await found(where, () => checkServer(connection, options, where))),
    ...(await found(where, () => checkRights(connection, options))),
  ];
  const kafka = await found(`sink ${options.name}, trigger`, async () => {
    await trigger?.check();
    return [];
  });
  // A server that is not there says the same to every question.
  const known = new Set<string>();
  return [...problems, ...kafka].filter(({ message }) => !known.has(message) && known.add(message));
}

async function found(where: string, check: () => Promise<Problem[]>): Promise<Problem[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy } = error;
    return [{ code, where, message, remedy, severity: 'error' }];
  }
}

async function checkServer(
  connection: RedisConnection,
  { prefix }: RedisSinkOptions,
  where: string,
): Promise<Problem[]> {
  const text = await connection.sendRaw(['INFO']).catch(() => ''); // a user may be without the right
  const info = new Map(
    String(text)
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
  const problem = (
    severity: Problem['severity'],
    message: string,
    remedy: string,
    code: Problem['code'] = 'CDC_SINK_FAILED',
  ): Problem => ({ code, where, message, remedy, severity });
  const problems: Problem[] = [];
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction' && info.get('maxmemory') !== '0') {
    const what = policy.startsWith('volatile')
      ? 'versions of deleted rows, and rows with a ttl'
      : 'any row';
    problems.push(
      problem(
        'warning',
        `maxmemory-policy is ${policy}: when memory is short, Redis removes ${what}.`,
        'CONFIG SET maxmemory-policy noeviction, or run `cdc verify --sink` from time to time.',
      ),
    );
  }
  if (info.get('role') === 'slave') {
    const message = 'The server is a replica, which takes no writes.';
    problems.push(problem('error', message, 'Name the primary.', 'CDC_SINK_READ_ONLY'));
  }
  if (info.get('cluster_enabled') === '1' && !/\{[^{}]+\}/.test(prefix)) {
    const message = 'The server belongs to a cluster, and the keys of this sink to no single slot.';
    problems.push(problem('error', message, 'Give `prefix` a hash tag, such as {shop}:'));
  }
  return problems;
}

/** Does what a batch does: a key is written and removed, and the script runs, with no rows. */
async function checkRights(
  connection: RedisConnection,
  { prefix, scripts }: RedisSinkOptions,
): Promise<Problem[]> {
  const key = progressKey(prefix);
  const probe = `${prefix}_cdc:probe`;
  await connection.send('Writing a key', ['SET', probe, '1', 'PX', '1000']);
  await connection.send('Removing a key', ['DEL', probe]);
  await connection.send('Reading the progress', ['HGETALL', key]);
  if (!scripts) return [];
  const args = ['preflight', '0', '', 'hash', 'field', prefix, '1000', '', '', '\x90'];
  const load = ['SCRIPT', 'LOAD', writeScript.text];
  await connection.send('Loading the script', load);
  await connection.send('Running the script', ['EVALSHA', writeScript.sha1, '1', key, ...args]);
  return [];
}
