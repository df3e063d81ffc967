import { join } from 'node:path';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import {
  acquireProcessLock,
  findProcessLock,
  type LockHolder,
  type ProcessLock,
} from '../lib/process-lock.ts';

/** A part of the work that can be a process of its own. `all` is `cdc run` without `--only`. */
export const roles = ['capture', 'load', 'layers', 'sinks'] as const;
export type Role = (typeof roles)[number];

/** Loaders that may share one state folder. */
const maxLoaders = 64;

export interface RoleLock {
  readonly since: string;
  /** Distinguishes the loaders of a state folder, from 1. */
  readonly number: number;
  release(): void;
}

/** Who runs a role now; `number` is that of `RoleLock`. */
export interface RoleHolder extends LockHolder {
  readonly role: Role | 'all';
  readonly number: number;
}

/**
 * Takes the lock of a role in the state folder, or of all of them together. The same role runs once,
 * loaders as often as wanted. Throws CDC_PROJECT_LOCKED.
 */
export function acquireRole(config: ProjectConfig, role: Role | 'all'): RoleLock {
  const others = () =>
    findRoles(config).filter((held) =>
      role === 'all' ? held.role !== 'all' : held.role === 'all',
    );
  for (let number = 1; number <= maxLoaders; number++) {
    const lock = acquireProcessLock(lockFile(config, role, number));
    if (!('release' in lock)) {
      if (role === 'load') continue;
      throw locked(config, { ...lock, role, number });
    }
    // Only now: of two that start at the same moment at least one sees the other.
    const [other] = others();
    if (other === undefined) return held(lock, number);
    lock.release();
    throw locked(config, other);
  }
  throw new CdcError(
    'CDC_PROJECT_LOCKED',
    `Opening ${config.folder}: ${maxLoaders} loaders work on it.`,
  );
}

/** Roles that need a log which several processes can read. Throws CDC_USAGE. */
export function assertRolePossible(config: ProjectConfig, role: Role): void {
  if (config.log.type !== 'embedded') return;
  throw new CdcError(
    'CDC_USAGE',
    `--only ${role}: with \`log: embedded\` one process does everything, because the log is its own.`,
    {
      remedy:
        'Leave --only out, or write `log: kafka://host:9092` into the project file and run `cdc init`.',
    },
  );
}

/** Every role that runs on this state folder. */
export function findRoles(config: ProjectConfig): RoleHolder[] {
  const places = [
    { role: 'all' as const, number: 1 },
    ...roles.filter((role) => role !== 'load').map((role) => ({ role, number: 1 })),
    ...Array.from({ length: maxLoaders }, (_, index) => ({
      role: 'load' as const,
      number: index + 1,
    })),
  ];
  return places.flatMap((place) => {
    const holder = findProcessLock(lockFile(config, place.role, place.number));
    return holder === undefined ? [] : [{ ...place, ...holder }];
  });
}

/** The process that does the work of a role, by itself or together with all others. */
export function findRunner(config: ProjectConfig, role: Role): RoleHolder | undefined {
  return findRoles(config).find((held) => held.role === role || held.role === 'all');
}

function lockFile(config: ProjectConfig, role: Role | 'all', number: number): string {
  const suffix = role === 'all' ? '' : role === 'load' ? `-load-${number}` : `-${role}`;
  return join(config.stateFolder, `run${suffix}.lock`);
}

function held(lock: ProcessLock, number: number): RoleLock {
  return { since: lock.since, number, release: () => lock.release() };
}

function locked(config: ProjectConfig, { pid, since, role }: RoleHolder): CdcError {
  const what = role === 'all' ? '' : ` (${role})`;
  return new CdcError(
    'CDC_PROJECT_LOCKED',
    `Opening ${config.folder}: process ${pid}${what} has been working on it since ${since}.`,
    {
      remedy: `Stop it (kill ${pid}), or use status, query and verify, which work beside it.`,
    },
  );
}
