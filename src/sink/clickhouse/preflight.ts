import type { Problem } from '../../errors.ts';
import { CdcError } from '../../errors.ts';
import type { ClickhouseSinkOptions, ClusterOptions } from './options.ts';
import type { Store } from './store.ts';

const oldest = [24, 8] as const;

/** What is wrong with the server, the cluster, or our rights there. */
export async function storeProblems(
  store: Store,
  options: ClickhouseSinkOptions,
): Promise<Problem[]> {
  const problem = problemOf(options.name);
  try {
    const [server] = await store.rows<{ version: string; readonly: string }>(
      "SELECT version() AS version, toString(getSetting('readonly')) AS readonly",
      { doing: `Asking ${options.url} for its version` },
    );
    const version = server?.version ?? '';
    return [
      ...(isOlder(version)
        ? [problem(`${options.url} is ClickHouse ${version}; ${oldest.join('.')} is needed.`)]
        : []),
      ...(server?.readonly === '0'
        ? []
        : [problem(`The user ${options.user} may only read (readonly = ${server?.readonly}).`)]),
      ...(await rightsProblems(store, options)),
      ...(options.cluster ? await clusterProblems(store, options.cluster, options.name) : []),
    ];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy } = error;
    return [{ ...problem(message), code, ...(remedy !== undefined && { remedy }) }];
  }
}

/** CHECK GRANT answers 1 or 0 for the user that asks; versions before 24.10 do not know it. */
async function rightsProblems(
  store: Store,
  { name, user, storage, database }: ClickhouseSinkOptions,
): Promise<Problem[]> {
  const wanted = 'SELECT, INSERT, CREATE, ALTER, DROP';
  const about = { doing: `Asking for the rights of ${user}` };
  const missing: string[] = [];
  for (const each of new Set([storage, database])) {
    try {
      const [found] = await store.rows<{ result: number }>(
        `CHECK GRANT ${wanted} ON \`${each.replace(/[\\`]/g, '\\$&')}\`.*`,
        about,
      );
      if (Number(Object.values(found ?? { result: 1 })[0]) === 0) missing.push(each);
    } catch (error) {
      if (!(error instanceof CdcError) || error.code !== 'CDC_SINK_FAILED') throw error;
      return [];
    }
  }
  return missing.map((each) => ({
    ...problemOf(name)(`The user ${user} may not create and fill tables in ${each}.`),
    remedy: `GRANT ${wanted}, TRUNCATE ON ${each}.* TO ${user}`,
  }));
}

async function clusterProblems(
  store: Store,
  { name: cluster, replicated, path, replica }: ClusterOptions,
  sink: string,
): Promise<Problem[]> {
  const problem = problemOf(sink);
  const about = { doing: `Reading the definition of cluster ${cluster}`, params: { cluster } };
  const hosts = await store.rows<{ shard: number; internal: number }>(
    'SELECT shard_num AS shard, internal_replication AS internal FROM system.clusters WHERE cluster = {cluster:String}',
    about,
  );
  if (hosts.length === 0) {
    return [
      {
        ...problem(`The server knows no cluster ${cluster}.`),
        remedy: 'SELECT DISTINCT cluster FROM system.clusters shows those it knows.',
      },
    ];
  }
  const shards = new Set(hosts.map(({ shard }) => shard)).size;
  const wrong = hosts.some(({ internal }) => (Number(internal) === 1) !== replicated);
  const macros = await store.rows<{ macro: string }>('SELECT macro FROM system.macros', about);
  const known = new Set(['database', 'table', 'uuid', ...macros.map(({ macro }) => macro)]);
  const used = replicated
    ? [...`${path}${replica}`.matchAll(/\{(\w+)\}/g)].map(([, each]) => each)
    : [];
  const unknown = [...new Set(used)].filter((each) => !known.has(each ?? ''));
  return [
    ...(wrong && hosts.length > shards
      ? [
          {
            ...problem(
              replicated
                ? `Cluster ${cluster} has internal_replication off, so every replica would be written twice.`
                : `Cluster ${cluster} has internal_replication on, so only one replica would be written.`,
            ),
            remedy: `Set internal_replication to ${replicated} in the cluster’s definition, or cluster.replicated to ${!replicated}.`,
          },
        ]
      : []),
    ...unknown.map((each) => ({
      ...problem(`The server has no macro {${each}}, which cluster.path or cluster.replica names.`),
      remedy: `Define <macros><${each}> on every server, or write another path.`,
    })),
  ];
}

function problemOf(where: string) {
  return (message: string): Problem => ({
    code: 'CDC_SINK_FAILED',
    where: `sinks.${where}`,
    message,
    severity: 'error',
  });
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
}
