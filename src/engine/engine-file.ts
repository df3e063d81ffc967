import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a process needs to use the engine of a state folder: `<state>/engine.json`, mode 0600. */
export interface EngineRecord {
  readonly port: number;
  readonly user: string;
  /** Made at the first start and kept. */
  readonly password: string;
  /** The engine's process; it may have ended since. */
  readonly pid: number;
}

/** Paths of the embedded engine in a state folder. */
export function enginePaths(stateFolder: string) {
  return {
    record: join(stateFolder, 'engine.json'),
    log: join(stateFolder, 'engine.log'),
    /** Held by the engine process while it owns the warehouse folder. */
    lock: join(stateFolder, 'engine.lock'),
    warehouse: join(stateFolder, 'warehouse'),
    staging: join(stateFolder, 'staging'),
  } as const;
}

/** Creates the state folder, readable by its owner only. */
export function ensureStateFolder(stateFolder: string): void {
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  chmodSync(stateFolder, 0o700);
}

/** The record, or undefined when the engine was never started here or the file is damaged. */
export function readEngineRecord(stateFolder: string): EngineRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(enginePaths(stateFolder).record, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  return isEngineRecord(value) ? value : undefined;
}

/** Replaces the record as a whole, so that a reader never sees half of one. */
export function writeEngineRecord(stateFolder: string, record: EngineRecord): void {
  const path = enginePaths(stateFolder).record;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

function isEngineRecord(value: unknown): value is EngineRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { port, user, password, pid } = value as Record<string, unknown>;
  return (
    typeof port === 'number' &&
    typeof user === 'string' &&
    typeof password === 'string' &&
    typeof pid === 'number'
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
