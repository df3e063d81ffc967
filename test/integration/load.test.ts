import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/lmdb-catalog.ts';
import type { RowValue } from '../../src/change/row-codec.ts';
import { openEngine } from '../../src/engine/clickhouse-engine.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { physicalTable } from '../../src/load/clickhouse/ddl.ts';
import { Loader } from '../../src/load/loader.ts';
import { MemoryOds } from '../../src/load/memory/memory-ods.ts';
import type { Ods } from '../../src/load/ods.ts';
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { type Happening, History, type HistoryItem, happenings } from './load-history.ts';

class Crash extends Error {}

/** The process ends during the call of a number: before the store did it, or after, unanswered. */
class CrashingSink implements Ods {
  readonly #ods: Ods;
  readonly #crashes: Map<number, 'before' | 'after'>;
  #calls = 0;

  constructor(ods: Ods, crashes: readonly (readonly [number, 'before' | 'after'])[]) {
    this.#ods = ods;
    this.#crashes = new Map(crashes);
  }

  applySchema(section: Parameters<Ods['applySchema']>[0]): Promise<void> {
    return this.#call(() => this.#ods.applySchema(section));
  }

  deleteOlder(section: Parameters<Ods['deleteOlder']>[0]): Promise<void> {
    return this.#call(() => this.#ods.deleteOlder(section));
  }

  write(load: Parameters<Ods['write']>[0]): Promise<void> {
    return this.#call(() => this.#ods.write(load));
  }

  async #call(action: () => Promise<void>): Promise<void> {
    const crash = this.#crashes.get(this.#calls++);
    if (crash === 'before') throw new Crash();
    await action();
    if (crash === 'after') throw new Crash();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

type Tick = 'append' | 'step' | 'crash';

/** How the history is taken in: what happens when, and where the process ends. */
interface Schedule {
  readonly ticks: readonly Tick[];
  readonly crashes: readonly (readonly [number, 'before' | 'after'])[];
  readonly maxBatchBytes: number;
}

const schedules: fc.Arbitrary<Schedule> = fc.record({
  ticks: fc.array(fc.constantFrom<Tick>('append', 'append', 'append', 'step', 'step', 'crash')),
  crashes: fc.array(fc.tuple(fc.nat(20), fc.constantFrom('before' as const, 'after' as const))),
  maxBatchBytes: fc.constantFrom(300, 1_000_000),
});

/** Capture, log and loader over ODS that outlives them. */
class Runner implements AsyncDisposable {
  readonly #folder: string;
  readonly #ods: Ods;
  readonly #items: readonly HistoryItem[];
  readonly #maxBatchBytes: number;
  #parts;
  #next = 0;

  constructor(folder: string, ods: Ods, items: readonly HistoryItem[], maxBatchBytes: number) {
    this.#maxBatchBytes = maxBatchBytes;
    this.#folder = folder;
    this.#ods = ods;
    this.#items = items;
    this.#parts = this.#open();
  }

  #open() {
    const catalog = openCatalog(join(this.#folder, 'catalog'));
    const log = new EmbeddedLog(catalog, { maxBytes: 1e9, retainBytes: 0 });
    const options = { maxBatchBytes: this.#maxBatchBytes, flushMs: 0 };
    const loader = new Loader({
      log,
      catalog,
      ods: this.#ods,
      options,
      logger: createSilentLogger(),
    });
    this.#next = log.checkpoint<number>('next') ?? 0;
    return { catalog, log, loader };
  }

  async run(all: readonly Tick[]): Promise<void> {
    for (const tick of all) await this.#tick(tick);
    while (this.#next < this.#items.length) await this.#tick('append');
    while (this.#parts.loader.offset() < this.#parts.log.end()) await this.#tick('step');
  }

  async #tick(tick: Tick): Promise<void> {
    const { log, loader } = this.#parts;
    const item = this.#items[this.#next];
    if (tick === 'crash') return this.#crash();
    if (tick === 'append' && item !== undefined) {
      this.#next++;
      await log.append([item.batch], { open: item.open, checkpoints: { next: this.#next } });
    } else if (tick === 'step' && loader.offset() < log.end()) {
      try {
        await loader.step(new AbortController().signal);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        await this.#crash();
      }
    }
  }

  async #crash(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#parts = this.#open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.log[Symbol.asyncDispose]();
    await this.#parts.catalog[Symbol.asyncDispose]();
  }
}

async function load(ods: Ods, history: History, schedule: Schedule): Promise<void> {
  const { ticks, crashes, maxBatchBytes } = schedule;
  await using folder = await openTempFolder();
  const crashing = new CrashingSink(ods, crashes);
  await using runner = new Runner(folder.path, crashing, history.items, maxBatchBytes);
  await runner.run(ticks);
}

describe('a history with crashes at any point is loaded as it was', () => {
  test('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(happenings, schedules, async (all, schedule) => {
        const ods = new MemoryOds();
        const history = new History('shop', all);
        await load(ods, history, schedule);
        for (const [table, rows] of history.expected()) expect(ods.rows(table)).toEqual(rows);
      }),
      { numRuns: 150 },
    );
  });

  test('in the engine', async () => {
    await using folder = await openTempFolder();
    await using engine = await openEngine(
      { type: 'embedded', port: 0 },
      { stateFolder: join(folder.path, '.cdc'), logger: createSilentLogger() },
    );
    let runs = 0;
    const compare = async (all: Happening[], schedule: Schedule) => {
      const history = new History(`run${runs++}`, all);
      await load(new ClickhouseOds(engine), history, schedule);
      for (const [table, expected] of history.expected()) {
        const [database, name] = table.split('.');
        const rows = await engine.rows<Record<string, RowValue>>(
          `SELECT * FROM ${database}.${name} ORDER BY id`,
        );
        expect(rows).toEqual(expected);
        await engine.command(`DROP TABLE ${physicalTable(table)} SYNC`);
      }
    };
    await fc.assert(fc.asyncProperty(happenings, schedules, compare), {
      numRuns: 8,
      endOnFailure: true,
    });
  });
});
