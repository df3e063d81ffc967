import { rejectedRows, staleProgress } from '../sink-errors.ts';
import { bytesAsText, textOfBytes } from './byte-text.ts';
import { staleSequence, toSinkError } from './error-map.ts';
import type { RedisSinkOptions } from './options.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { RowChange } from './row-change.ts';
import { RowPacker } from './row-packer.ts';
import {
  expiringKey,
  progressKey,
  type RowWork,
  type RowWriter,
  renderProgress,
} from './row-writer.ts';
import { expiredPerRun, writeScript } from './write-script.ts';

/** Redis does nothing else while a script runs: some 2 ms. */
const rowsPerRun = 256;
const bytesPerRun = 256 * 1024;
/** Runs that wait in Redis while others are packed. */
const mostAhead = 4;
/** Redis takes arguments of up to 512 MiB. */
const largestRow = 500 * 1024 ** 2;

/** Compares and writes in Lua: any number of writers may be there. */
export class ScriptWriter implements RowWriter {
  readonly #connection: RedisConnection;
  readonly #options: Pick<RedisSinkOptions, 'prefix' | 'tombstoneSeconds'>;

  constructor(connection: RedisConnection, options: RedisSinkOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async write(
    work: RowWork,
    rows: Iterable<RowChange> | AsyncIterable<RowChange>,
    keep: boolean,
  ): Promise<boolean> {
    const packer = new RowPacker();
    const running: Promise<unknown>[] = [];
    let runs = 0;
    const run = async (keeps: boolean) => {
      const promise = this.#run(work, packer.take(), keeps);
      promise.catch(() => {}); // it is awaited below
      running.push(promise);
      runs++;
      if (running.length > mostAhead) await running.shift();
    };
    for await (const row of rows) {
      packer.add(row);
      if (packer.bytes > largestRow) throw tooLarge(work, row);
      if (packer.rows >= rowsPerRun || packer.bytes >= bytesPerRun) await run(false);
    }
    // Progress may only go with rows when no others can fail: a single run is all or nothing.
    const keepsAlong = keep && runs === 0;
    if (packer.rows > 0 || keepsAlong) await run(keepsAlong);
    await Promise.all(running);
    return keepsAlong;
  }

  async keep(work: RowWork): Promise<void> {
    await this.#run(work, new RowPacker().take(), true);
  }

  async unlistExpired(work: RowWork): Promise<void> {
    while ((await this.#run(work, new RowPacker().take(), false)) === expiredPerRun);
  }

  async #run({ layout, step }: RowWork, rows: Buffer, keeps: boolean): Promise<unknown> {
    const { prefix, tombstoneSeconds } = this.#options;
    const { table, value, indexes, ttl, keepsBeside } = layout;
    const expires = ttl !== undefined;
    const source = bytesAsText(table.source);
    try {
      return await this.#connection.run(writeScript, progressKey(prefix), [
        source,
        String(step.follows),
        keeps ? renderProgress(step.next) : '',
        value.kind,
        keepsBeside ? '' : value.version,
        prefix,
        String(tombstoneSeconds * 1000),
        expires ? '1' : '',
        expires && indexes.length > 0 ? expiringKey(prefix, source) : '',
        rows,
      ]);
    } catch (error) {
      const found = staleSequence(error);
      if (found !== undefined) throw staleProgress(table.source, found, step.follows);
      throw toSinkError(error, `Writing ${table.source}`, table.source);
    }
  }
}

function tooLarge({ layout }: RowWork, { key }: RowChange): Error {
  return rejectedRows(
    layout.table.source,
    `the row ${textOfBytes(key)} is larger than Redis takes`,
  );
}
