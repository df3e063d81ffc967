import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openTempFolder } from '../support/temp-folder.ts';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const main = fileURLToPath(new URL('./sink-clickhouse-cluster-main.ts', import.meta.url));

/** A cluster named `one`; it and its data go with the test. */
export async function openTestCluster(): Promise<
  AsyncDisposable & { readonly url: string; readonly password: string }
> {
  const folder = await openTempFolder();
  const child = spawn(process.execPath, ['--import', tsx, main, folder.path], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '24' },
  });
  const ended = once(child, 'exit');
  const [port] = (await Promise.race([
    once(child.stdout.setEncoding('utf8'), 'data'),
    ended.then(() => Promise.reject(new Error('the engine of the cluster did not start'))),
  ])) as [string];
  return {
    url: `http://127.0.0.1:${port.trim()}`,
    password: 'of the cluster',
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
      await folder[Symbol.asyncDispose]();
    },
  };
}
