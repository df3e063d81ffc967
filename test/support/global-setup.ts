import { sep } from 'node:path';
import type { TestProject } from 'vitest/node';
import { LocalServer } from '../../src/demo/server/local-server.ts';
import { renderServerUrl } from '../../src/demo/server/server-address.ts';
import { offerHive } from './hive-on-demand.ts';
import { offerKafka } from './kafka-on-demand.ts';
import { offerPostgres } from './postgres-on-demand.ts';
import { offerRedis } from './redis-on-demand.ts';
import { type ServerFlavour, serverProgram, serverVariables } from './test-server.ts';

/**
 * Starts one MariaDB and one MySQL for the whole run, unless only unit tests run. A server that
 * cannot be had fails the run in CI; elsewhere its tests are skipped, which is said loudly. A Kafka
 * broker, a Hive, a PostgreSQL and a Redis start when the first test asks for them.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const files = project.vitest.state.getPaths();
  const isUnitOnly = files.every((file) => file.includes(`${sep}test${sep}unit${sep}`));
  const started: AsyncDisposable[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server[Symbol.asyncDispose]()));
  };
  const serverUrls: Partial<Record<ServerFlavour, string>> = {};
  try {
    await Promise.all(
      (isUnitOnly ? [] : (['mariadb', 'mysql'] as const)).map(async (flavour) => {
        const url = process.env[serverVariables[flavour]] || (await startServer(flavour, started));
        if (url !== undefined) serverUrls[flavour] = url;
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('serverUrls', serverUrls);
  for (const offer of isUnitOnly ? [] : [offerKafka, offerHive, offerPostgres, offerRedis]) {
    started.push(await offer(project));
  }
  return stop;
}

async function startServer(
  flavour: ServerFlavour,
  started: AsyncDisposable[],
): Promise<string | undefined> {
  try {
    const server = await LocalServer.open(await serverProgram(flavour));
    started.push(server);
    return renderServerUrl(server.address);
  } catch (error) {
    if (process.env['CI']) throw error;
    console.warn(
      `\nSKIPPED: every ${flavour} test, because there is no server.\n${String(error)}\n` +
        `Set ${serverVariables[flavour]}=mysql://user:password@host:port to use one of yours.\n`,
    );
    return undefined;
  }
}
