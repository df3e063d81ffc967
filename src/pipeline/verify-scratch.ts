import { join } from 'node:path';
import type { ClickhouseEngine } from '../engine/clickhouse-engine.ts';
import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import { CdcError } from '../errors.ts';
import { verifyDatabase } from '../layers/verify/verified-layers.ts';
import { acquireProcessLock, findProcessLock } from '../lib/process-lock.ts';

/** Verifications that may go on at once. */
const mostNumbers = 16;

/** Tables of one verification in the warehouse. Dispose of it. */
export interface Scratch extends AsyncDisposable {
  /** What their names begin with. */
  readonly prefix: string;
  /** A new name, quoted. */
  name(purpose: string): string;
}

/**
 * Takes a number that no other living process has, and drops what has been left under numbers of dead ones: a verification
 * that was killed leaves copies of tables behind.
 */
export async function openScratch(stateFolder: string, engine: ClickhouseEngine): Promise<Scratch> {
  const { number, release } = takeNumber(stateFolder);
  const prefix = prefixOf(number);
  let names = 0;
  try {
    await engine.command(`CREATE DATABASE IF NOT EXISTS ${verifyDatabase}`);
    await dropLeft(stateFolder, engine, number);
  } catch (error) {
    release();
    throw error;
  }
  return {
    prefix,
    name(purpose) {
      names += 1;
      return `${verifyDatabase}.${quoteIdentifier(`${prefix}${purpose}_of_table_${names}`)}`;
    },
    async [Symbol.asyncDispose]() {
      // Whatever is still there when the engine does not answer is dropped by the next one.
      await dropAll(engine, (table) => table.startsWith(prefix)).catch(() => undefined);
      release();
    },
  };
}

function takeNumber(stateFolder: string): { number: number; release: () => void } {
  for (let number = 1; number <= mostNumbers; number++) {
    const lock = acquireProcessLock(lockFile(stateFolder, number));
    if ('release' in lock) return { number, release: () => lock.release() };
  }
  throw new CdcError(
    'CDC_PROJECT_LOCKED',
    `Verifying: ${mostNumbers} verifications are going on already.`,
    { remedy: 'Wait until one of them has ended.' },
  );
}

async function dropLeft(stateFolder: string, engine: ClickhouseEngine, own: number): Promise<void> {
  const others = Array.from({ length: mostNumbers }, (_, index) => index + 1).filter((number) => {
    return number !== own && findProcessLock(lockFile(stateFolder, number)) !== undefined;
  });
  const live = others.map(prefixOf);
  await dropAll(engine, (table) => !live.some((prefix) => table.startsWith(prefix)));
}

async function dropAll(
  engine: ClickhouseEngine,
  isOurs: (table: string) => boolean,
): Promise<void> {
  const tables = await engine.rows<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = ${quoteString(verifyDatabase)}`,
  );
  for (const { name } of tables.filter((table) => isOurs(table.name))) {
    await engine.command(`DROP TABLE IF EXISTS ${verifyDatabase}.${quoteIdentifier(name)} SYNC`);
  }
}

function lockFile(stateFolder: string, number: number): string {
  return join(stateFolder, `verify-${number}.lock`);
}

function prefixOf(number: number): string {
  return `v${number}_`;
}
