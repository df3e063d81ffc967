import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openEngine } from '../../engine/clickhouse-engine.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { RowEngine } from '../row-engine.ts';
import { storeErrorOf } from './store-errors.ts';

/** An engine that reads files of this machine, and whether it is ours to close. */
export interface LakeEngine extends AsyncDisposable {
  readonly rows: RowEngine;
}

interface LakeEngineContext {
  /** Of the warehouse. */
  readonly engine: RowEngine;
  readonly stateFolder: string;
  readonly logger: Logger;
}

/** The embedded engine of the warehouse; where the warehouse is a server elsewhere, an embedded engine for the lake alone. */
export async function openLakeEngine({
  engine,
  stateFolder,
  logger,
}: LakeEngineContext): Promise<LakeEngine> {
  if (await readsOurFiles(engine, stateFolder)) {
    return { rows: withStoreErrors(engine), [Symbol.asyncDispose]: async () => {} };
  }
  const own = await openEngine(
    { type: 'embedded', port: 0 },
    { stateFolder: join(stateFolder, 'lake-engine'), logger },
  );
  return { rows: withStoreErrors(own), [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

async function readsOurFiles(engine: RowEngine, folder: string): Promise<boolean> {
  const word = randomBytes(16).toString('hex');
  const path = resolve(folder, `lake-probe-${word}.txt`);
  await mkdir(folder, { recursive: true });
  await writeFile(path, word);
  try {
    const from = `file(${quoteString(path)}, 'LineAsString', 'word String')`;
    const [row] = await engine.rows<{ word: string }>(`SELECT word FROM ${from}`);
    return row?.word === word;
  } catch (error) {
    // A server refuses paths outside of its own folder, or has no such file.
    if (error instanceof CdcError && error.code === 'CDC_ENGINE_REJECTED') return false;
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}

/** What the engine cannot read is an error of the lake, not of the engine. */
function withStoreErrors(engine: RowEngine): RowEngine {
  const mapped = async <T>(promise: Promise<T>): Promise<T> =>
    promise.catch((error: unknown) => {
      throw storeErrorOf(error);
    });
  return {
    command: (sql, options) => mapped(engine.command(sql, options)),
    rows: (sql, options) => mapped(engine.rows(sql, options)),
    insert: (insert) => mapped(engine.insert(insert)),
    async *query(sql, options) {
      try {
        yield* engine.query(sql, options);
      } catch (error) {
        throw storeErrorOf(error);
      }
    },
  };
}
