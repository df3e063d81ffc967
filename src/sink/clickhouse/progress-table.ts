import { quoteString } from '../../engine/sql-quote.ts';
import type { Progress, ProgressStep } from '../sink.ts';
import { sinkError, staleProgress } from '../sink-errors.ts';
import { deletedColumn, type SinkColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { createTarget, onCluster } from './create-table.ts';
import type { ClickhouseSinkOptions } from './options.ts';
import { type Place, quoted } from './place.ts';
import type { Store } from './store.ts';
import { isMissing } from './store-errors.ts';
import { clickhouseTypes } from './type-map.ts';

const keyColumn = 'target';
const others = ['owner', 'source', 'value'];

/**
 * Which version of each table the store has: a table in the store, of the same kind as those that hold rows, one row a target. Its
 * version is the sequence of the progress.
 */
export class ProgressTable {
  readonly #store: Store;
  readonly #options: ClickhouseSinkOptions;
  readonly #owner: string;
  readonly #place: Place;
  #isCreated = false;

  /** `owner` tells sinks apart that share a store. */
  constructor(store: Store, options: ClickhouseSinkOptions, owner: string) {
    this.#store = store;
    this.#options = options;
    this.#owner = owner;
    const { storage, cluster } = options;
    const whole = { database: storage, table: '_progress' };
    const local = cluster === undefined ? whole : { ...whole, table: '_progress~local' };
    this.#place = { name: '_progress', view: whole, whole, local };
  }

  /** Makes it when it is not there. */
  async create(): Promise<void> {
    if (this.#isCreated) return;
    const { cluster, timeAs } = this.#options;
    const context = { place: this.#place, types: clickhouseTypes({ timeAs }), cluster };
    for (const sql of createTarget(progressTable, context)) {
      await this.#store.command(sql, { doing: 'Creating the table of progress' });
    }
    this.#isCreated = true;
  }

  async all(): Promise<Map<string, Progress>> {
    try {
      const rows = await this.#store.rows<{ source: string; sequence: string; value: string }>(
        `SELECT source, ${versionColumn} AS sequence, value FROM ${this.#name} FINAL WHERE owner = {owner:String}`,
        { doing: 'Reading the progress of the sink', params: { owner: this.#owner } },
      );
      return new Map(
        rows.map(({ source, sequence, value }) => [source, { sequence: Number(sequence), value }]),
      );
    } catch (error) {
      if (isMissing(causeOf(error))) return new Map();
      throw error;
    }
  }

  /** Throws CDC_SINK_FOREIGN when another sink, or another table of this one, has the target already. */
  async assertOurs({ source }: SinkTable, { name }: Place): Promise<void> {
    const [found] = await this.#read(source, name);
    if (found === undefined || (found.owner === this.#owner && found.source === source)) return;
    const why = `${name} in the store is filled with ${found.source} by ${found.owner} already.`;
    throw sinkError('CDC_SINK_FOREIGN', `Filling ${name} with ${source}`, why, { table: source });
  }

  /** Throws CDC_SINK_STALE unless the store is where the step begins. */
  async assertFollows({ source }: SinkTable, { name }: Place, step: ProgressStep): Promise<void> {
    const [found] = await this.#read(source, name);
    const sequence = found?.owner === this.#owner ? Number(found.sequence) : 0;
    if (sequence !== step.follows) throw staleProgress(source, sequence, step.follows);
  }

  async put({ source }: SinkTable, { name }: Place, { sequence, value }: Progress): Promise<void> {
    const row = { target: name, owner: this.#owner, source, value };
    const line = JSON.stringify({ ...row, [versionColumn]: sequence, [deletedColumn]: 0 });
    await this.#store.insert(
      {
        table: this.#name,
        columns: [keyColumn, ...others, versionColumn, deletedColumn],
        format: 'JSONEachRow',
        body: [Buffer.from(`${line}\n`)],
      },
      { doing: `Keeping the progress of ${source}`, table: source },
    );
  }

  /** The next life of a target begins with 1 again, so its row goes for good. */
  async remove({ source }: SinkTable, { name }: Place): Promise<void> {
    const target = `${quoted(this.#place.local)}${onCluster(this.#options.cluster)}`;
    try {
      await this.#store.command(
        `ALTER TABLE ${target} DELETE WHERE ${keyColumn} = ${quoteString(name)}`,
        { doing: `Removing the progress of ${source}` },
      );
    } catch (error) {
      if (!isMissing(causeOf(error))) throw error;
    }
  }

  get #name(): string {
    return quoted(this.#place.whole);
  }

  #read(source: string, name: string) {
    return this.#store.rows<{ owner: string; source: string; sequence: string }>(
      `SELECT owner, source, ${versionColumn} AS sequence FROM ${this.#name} FINAL WHERE ${keyColumn} = {name:String}`,
      { doing: `Reading the progress of ${source}`, table: source, params: { name } },
    );
  }
}

const progressTable: SinkTable = {
  source: '_progress',
  target: '_progress',
  columns: [keyColumn, ...others].map(
    (name): SinkColumn => ({
      name,
      type: { kind: 'string' },
      nullable: false,
      isKey: name === keyColumn,
      engineType: 'String',
    }),
  ),
  key: [keyColumn],
  comment: 'Which rows the sinks of cdc have written.',
  settings: {},
};

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
