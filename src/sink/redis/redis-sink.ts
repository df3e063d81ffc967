import type { Problem } from '../../errors.ts';
import type { SinkContext } from '../open-sink.ts';
import type { LineBatch, LineSink, PrepareOptions, Progress, Sweep } from '../sink.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { bytesAsText, textOfBytes } from './byte-text.ts';
import { CommandWriter } from './command-writer.ts';
import { ExpirySweeps } from './expiry-sweeps.ts';
import { scanKeys } from './key-scan.ts';
import type { RedisSinkOptions } from './options.ts';
import { checkRedis } from './preflight.ts';
import { readBack } from './read-back.ts';
import { RedisConnection } from './redis-connection.ts';
import { deletedFate, type RowChange, versionText } from './row-change.ts';
import { type ReadRow, readRows } from './row-changes.ts';
import {
  expiringKey,
  parseProgress,
  progressKey,
  type RowWriter,
  versionKey,
} from './row-writer.ts';
import { ScriptWriter } from './script-writer.ts';
import { planLayout, StoredLayouts } from './stored-layouts.ts';
import { layoutOf, type TableLayout, templatesOf } from './table-layout.ts';
import { Trigger, type TriggerMessage, triggerMessage } from './trigger.ts';
import { redisTypes } from './type-map.ts';

/**
 * Rows as values of keys, with sets of rows as indexes. The rows of a batch are written first, then followers are told, then
 * the progress moves; a batch repeated after a crash between them changes nothing, and tells again.
 */
export class RedisSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONCompactEachRow';
  readonly formatSettings = { output_format_json_escape_forward_slashes: 0 };
  readonly types = redisTypes;
  readonly #options: RedisSinkOptions;
  readonly #connection: RedisConnection;
  readonly #writer: RowWriter;
  readonly #sweeps: ExpirySweeps;
  readonly #layouts: StoredLayouts;
  readonly #trigger: Trigger | undefined;
  /** Made once: a .proto file that is edited counts from the next start on, where `prepare` sees it. */
  readonly #known = new WeakMap<SinkTable, TableLayout>();

  constructor(options: RedisSinkOptions, { logger }: Pick<SinkContext, 'logger'>) {
    this.#options = options;
    this.#connection = new RedisConnection(options);
    const Writer = options.scripts ? ScriptWriter : CommandWriter;
    const writer: RowWriter = new Writer(this.#connection, options);
    this.#writer = writer;
    this.#sweeps = new ExpirySweeps(async (work) => writer.unlistExpired?.(work), logger);
    this.#layouts = new StoredLayouts(this.#connection, options.prefix);
    this.#trigger = options.trigger && new Trigger(options.trigger, logger);
  }

  preflight(): Promise<Problem[]> {
    return checkRedis(this.#connection, this.#options, this.#trigger);
  }

  async progress(): Promise<ReadonlyMap<string, Progress>> {
    const args = ['HGETALL', progressKey(this.#options.prefix)];
    const found = (await this.#connection.send('Reading the progress', args)) as string[];
    const progress = new Map<string, Progress>();
    for (let at = 0; at + 1 < found.length; at += 2) {
      progress.set(textOfBytes(found[at] as string), parseProgress(found[at + 1] as string));
    }
    return progress;
  }

  async plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return planLayout(this.#layoutOf(table), await this.#layouts.all(), options).sentences;
  }

  async prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    const layout = this.#layoutOf(table);
    const plan = planLayout(layout, await this.#layouts.all(), options);
    if (plan.sentences.length === 0) return;
    if (!options.mayAlter) {
      throw incompatibleTable(table.source, 'it does not fit, and may not be altered.');
    }
    if (plan.dropped.length > 0) await this.#dropFields(layout, plan.dropped);
    await this.#layouts.keep(table.source, plan.description);
  }

  async write({ table, body, step }: LineBatch): Promise<void> {
    const layout = this.#layoutOf(table);
    const work = { layout, step };
    const told: TriggerMessage[] = [];
    const tell = this.#options.trigger;
    const changes = function* (rows: Iterable<ReadRow>): Generator<RowChange, void> {
      for (const row of rows) {
        if (tell !== undefined) told.push(triggerMessage(table, row, tell.key));
        yield row.change;
      }
    };
    const rows = changes(readRows(body, layout, this.#options));
    const hasKept = await this.#writer.write(work, rows, tell === undefined);
    if (!hasKept) {
      await this.#trigger?.send(told);
      await this.#writer.keep(work);
    }
    this.#sweeps.settled(work);
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const layout = this.#layoutOf(table);
    const work = { layout, step };
    const version = versionText(below - 1n);
    const { prefix } = this.#options;
    const connection = this.#connection;
    const deletions = async function* (): AsyncGenerator<RowChange, void> {
      for await (const keys of scanKeys(connection, prefix, layout.row)) {
        for (const key of keys) yield { key, version, fate: deletedFate, entries: '', values: [] };
      }
    };
    if (below > 0n) await this.#writer.write(work, deletions(), false);
    await this.#writer.keep(work);
  }

  async drop({ source }: SinkTable): Promise<void> {
    const doing = `Removing ${source}`;
    const { prefix } = this.#options;
    const field = bytesAsText(source);
    await this.#connection.send(doing, ['HDEL', progressKey(prefix), field]);
    const stored = (await this.#layouts.all()).get(source);
    if (stored === undefined) return;
    const { row, indexes } = templatesOf(stored);
    for (const template of indexes) {
      await this.#remove(doing, scanKeys(this.#connection, prefix, template));
    }
    await this.#remove(doing, scanKeys(this.#connection, prefix, row));
    await this.#remove(doing, scanKeys(this.#connection, versionKey(prefix, prefix), row));
    await this.#connection.send(doing, ['DEL', expiringKey(prefix, field)]);
    await this.#layouts.forget(source);
  }

  async *readBack(table: SinkTable): AsyncGenerator<Buffer, void> {
    yield* readBack(this.#connection, this.#options.prefix, this.#layoutOf(table));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweeps[Symbol.dispose]();
    await this.#trigger?.[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  #layoutOf(table: SinkTable): TableLayout {
    const layout = this.#known.get(table) ?? layoutOf(table);
    this.#known.set(table, layout);
    return layout;
  }

  async #dropFields({ table, row }: TableLayout, names: readonly string[]): Promise<void> {
    const doing = `Removing columns of ${table.source}`;
    const fields = names.map(bytesAsText);
    for await (const keys of scanKeys(this.#connection, this.#options.prefix, row)) {
      await Promise.all(keys.map((key) => this.#connection.send(doing, ['HDEL', key, ...fields])));
    }
  }

  async #remove(doing: string, pages: AsyncIterable<string[]>): Promise<void> {
    // Pika knows DEL only.
    const remove = this.#options.scripts ? 'UNLINK' : 'DEL';
    for await (const keys of pages) await this.#connection.send(doing, [remove, ...keys]);
  }
}
