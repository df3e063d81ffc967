import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /** When it took the lock, ISO 8601. */
  readonly since: string;
}

/** A lock held by this process, until released or until the process ends in whatever way. */
export interface ProcessLock extends Disposable {
  readonly since: string;
  release(): void;
}

interface LockRecord extends LockHolder {
  /** The boot and the moment at which the process started: a later process with the same pid differs. */
  readonly identity: string;
}

/**
 * Takes the lock named by `file` for this process, or says who holds it.
 *
 * The lock is a series of files `<file>.<number>`, each created whole and exclusively (link(2)); the
 * highest number is the lock, and it is free when its record is empty (released) or its process is
 * gone. Nobody ever rewrites a lock of another process, so two processes that both find a dead
 * holder cannot both win:
 *
 *     A and B   find 7, whose process is dead
 *     A         creates 8                      -> holds the lock
 *     B         cannot create 8, looks again   -> held by A
 *     A         removes 7
 *
 * A process that creates a number which was cleaned up in the meantime finds a higher one when it
 * looks again, and steps back. The last file stays after a release: numbers never start again.
 */
export function acquireProcessLock(file: string): ProcessLock | LockHolder {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const record: LockRecord = {
    pid: process.pid,
    since: new Date().toISOString(),
    identity: identityOf(process.pid) ?? '',
  };
  for (;;) {
    const last = generations(file).at(-1) ?? 0;
    const holder = last > 0 ? liveHolder(`${file}.${last}`) : undefined;
    if (holder !== undefined) return { pid: holder.pid, since: holder.since };
    const mine = last + 1;
    if (!createWhole(`${file}.${mine}`, JSON.stringify(record))) continue;
    const all = generations(file);
    if (all.at(-1) !== mine) {
      rmSync(`${file}.${mine}`, { force: true });
      continue;
    }
    for (const old of all.slice(0, -1)) rmSync(`${file}.${old}`, { force: true });
    const release = () => writeFileSync(`${file}.${mine}`, '');
    return { since: record.since, release, [Symbol.dispose]: release };
  }
}

/** The process that holds the lock now, without taking it. */
export function findProcessLock(file: string): LockHolder | undefined {
  const last = generations(file).at(-1);
  const holder = last === undefined ? undefined : liveHolder(`${file}.${last}`);
  return holder === undefined ? undefined : { pid: holder.pid, since: holder.since };
}

/** Numbers of the lock's files, ascending. */
function generations(file: string): number[] {
  const prefix = `${basename(file)}.`;
  let names: string[];
  try {
    names = readdirSync(dirname(file));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((left, right) => left - right);
}

/** Creates a file with all of its content at once; false when it exists. */
function createWhole(path: string, content: string): boolean {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}`);
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function liveHolder(path: string): LockRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  if (text === '') return undefined;
  const record = JSON.parse(text) as LockRecord;
  return identityOf(record.pid) === record.identity ? record : undefined;
}

/**
 * What tells a process from every other one with its pid; undefined when it has ended.
 * Linux: boot id and start time in clock ticks, proc(5). Elsewhere: the start time by ps(1).
 */
function identityOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return started.trim() || undefined;
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold spaces: count from its end.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A killed process stays as a zombie until its parent asks for it; it holds nothing any more.
    if (state === 'Z' || state === 'X') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${fields[18]}`;
  } catch {
    return undefined;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
