import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  acquireProcessLock,
  findProcessLock,
  type ProcessLock,
} from '../../../src/lib/process-lock.ts';
import { openTempFolder } from '../../support/temp-folder.ts';
import { waitUntil } from '../../support/wait-until.ts';

const lockModule = fileURLToPath(new URL('../../../src/lib/process-lock.ts', import.meta.url));

/** Takes the lock when it is told to on stdin, prints `held` or the holder's pid, and stays. */
const program = `
  const { acquireProcessLock } = await import(${JSON.stringify(lockModule)});
  console.log('ready');
  process.stdin.once('data', () => {
    const lock = acquireProcessLock(process.argv.at(-1));
    console.log('release' in lock ? 'held' : lock.pid);
  });
`;

class LockTaker implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string) {
    const node = ['--import', 'tsx', '--input-type=module', '-e', program, '--', file];
    this.child = spawn(process.execPath, node, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.child.stdout === null) throw new Error('no stdout');
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value as string;
  }

  go(): void {
    this.child.stdin?.write('go\n');
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function acquired(file: string): ProcessLock {
  const lock = acquireProcessLock(file);
  if (!('release' in lock)) throw new Error(`held by ${lock.pid}`);
  return lock;
}

describe('the process lock', () => {
  test('is held once, names its holder, and is free after its release', async () => {
    await using folder = await openTempFolder();
    const file = join(folder.path, 'state', 'run.lock');
    expect(findProcessLock(file)).toBeUndefined();
    const lock = acquired(file);
    const holder = { pid: process.pid, since: lock.since };
    expect(acquireProcessLock(file)).toEqual(holder);
    expect(findProcessLock(file)).toEqual(holder);
    lock.release();
    expect(findProcessLock(file)).toBeUndefined();
    acquired(file).release();
    expect(await readdir(join(folder.path, 'state'))).toHaveLength(1);
  });

  test('keeps other processes out, and falls to the next one when its holder is killed', async () => {
    await using folder = await openTempFolder();
    const file = join(folder.path, 'run.lock');
    await using first = new LockTaker(file);
    await first.line();
    first.go();
    expect(await first.line()).toBe('held');
    expect(acquireProcessLock(file)).toMatchObject({ pid: first.child.pid });
    first.child.kill('SIGKILL');
    // Not even reaped yet by its parent: a zombie holds nothing.
    await waitUntil('the lock is free', () => findProcessLock(file) === undefined);
    acquired(file).release();
  });

  test('goes to one of several processes that find a dead holder at the same moment', async () => {
    await using folder = await openTempFolder();
    const file = join(folder.path, 'run.lock');
    await writeFile(
      `${file}.41`,
      JSON.stringify({ pid: 2 ** 22 + 1, since: '', identity: 'gone' }),
    );
    await using a = new LockTaker(file);
    await using b = new LockTaker(file);
    await using c = new LockTaker(file);
    const takers = [a, b, c];
    for (const taker of takers) await taker.line();
    for (const taker of takers) taker.go();
    const answers = await Promise.all(takers.map((taker) => taker.line()));
    expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
    const holder = takers[answers.indexOf('held')]?.child.pid;
    expect(findProcessLock(file)?.pid).toBe(holder);
    expect(answers.filter((answer) => answer === String(holder))).toHaveLength(2);
  });

  test('is free when the pid of its dead holder belongs to another process now', async () => {
    await using folder = await openTempFolder();
    const file = join(folder.path, 'run.lock');
    acquired(file);
    const text = await readFile(`${file}.1`, 'utf8');
    // The same pid, which lives, but from another boot.
    const record = { ...JSON.parse(text), identity: 'another-boot/1' };
    await writeFile(`${file}.1`, JSON.stringify(record));
    expect(findProcessLock(file)).toBeUndefined();
    acquired(file);
    expect(await readdir(folder.path)).toEqual(['run.lock.2']);
  });
});
