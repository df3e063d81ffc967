import { z } from 'zod';
import type { Progress, ProgressStep } from '../sink.ts';
import { sinkError, staleProgress } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { renderProperties } from './ddl.ts';
import { type DorisSinkOptions, settingsOf } from './options.ts';
import type { SqlClient } from './sql-client.ts';
import { quoteName } from './sql-text.ts';

const columnNames = z.array(z.string());
const tableName = 'cdc_progress';

/** What the store has for a table; `columns`: a list in JSON. */
export interface ProgressRow {
  readonly sequence: string;
  readonly value: string;
  readonly columns: string;
}

/**
 * `cdc_progress`: a row for each table of each sink that fills the database. `columns` are those that were made by us, and
 * `sequence` is 0 until the first batch. Written after the rows: a crash in between means that they are loaded again, which is
 * harmless, and mostly not even done, because their label is known.
 */
export class ProgressTable {
  readonly #options: DorisSinkOptions;
  readonly #sql: SqlClient;
  readonly #name: string;
  #isThere = false;

  constructor(options: DorisSinkOptions, sql: SqlClient) {
    this.#options = options;
    this.#sql = sql;
    this.#name = `${quoteName(options.database)}.${tableName}`;
  }

  /** The statements that make it and its database, when they are missing. */
  async missing(): Promise<string[]> {
    if (this.#isThere) return [];
    const rows = await this.#sql.rows(
      'SELECT TABLE_NAME AS name FROM information_schema.tables WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
      [this.#options.database, tableName],
      { doing: 'Looking for cdc_progress' },
    );
    this.#isThere = rows.length > 0;
    if (this.#isThere) return [];
    const { flavour, replicationNum, database } = this.#options;
    const isDoris = flavour === 'doris';
    const properties = renderProperties({
      ...(replicationNum !== undefined && { replication_num: String(replicationNum) }),
      ...(isDoris && { enable_unique_key_merge_on_write: 'true' }),
    });
    return [
      `CREATE DATABASE IF NOT EXISTS ${quoteName(database)}`,
      [
        `CREATE TABLE IF NOT EXISTS ${this.#name} (`,
        '  `sink` VARCHAR(255) NOT NULL, `source` VARCHAR(1024) NOT NULL, `target` VARCHAR(1024) NOT NULL,',
        '  `sequence` BIGINT NOT NULL, `value` STRING NOT NULL, `columns` STRING NOT NULL',
        `) ENGINE=OLAP\n${isDoris ? 'UNIQUE' : 'PRIMARY'} KEY(\`sink\`, \`source\`)`,
        'DISTRIBUTED BY HASH(`sink`, `source`) BUCKETS 1',
        ...properties,
      ].join('\n'),
    ];
  }

  async create(): Promise<void> {
    for (const statement of await this.missing()) {
      await this.#sql.run(statement, [], { doing: 'Creating cdc_progress' });
    }
  }

  async all(): Promise<Map<string, Progress>> {
    if ((await this.missing()).length > 0) return new Map();
    const rows = await this.#sql.rows<{ source: string; sequence: string; value: string }>(
      `SELECT source, sequence, value FROM ${this.#name} WHERE sink = ? AND sequence > 0`,
      [this.#options.name],
      { doing: 'Reading cdc_progress' },
    );
    return new Map(
      rows.map(({ source, sequence, value }) => [source, { sequence: Number(sequence), value }]),
    );
  }

  /** Throws CDC_SINK_STALE unless the store is where the step follows; the row as it is, for `keep`. */
  async following(table: SinkTable, { follows }: ProgressStep): Promise<ProgressRow | undefined> {
    const row = await this.#row(table);
    const found = Number(row?.sequence ?? 0);
    if (found !== follows) throw staleProgress(table.source, found, follows);
    return row;
  }

  /** Names of the columns that were made by us. */
  async columns(table: SinkTable): Promise<string[]> {
    if ((await this.missing()).length > 0) return [];
    const row = await this.#row(table);
    return row === undefined ? [] : columnNames.parse(JSON.parse(row.columns));
  }

  /** Throws CDC_SINK_FOREIGN when another sink fills the table; some are meant to be filled by several. */
  async assertUnshared(table: SinkTable): Promise<void> {
    if (settingsOf(table).partialColumns || (await this.missing()).length > 0) return;
    const doing = `Preparing ${table.source}`;
    const others = await this.#sql.rows<{ sink: string; source: string }>(
      `SELECT sink, source FROM ${this.#name} WHERE target = ?`,
      [table.target],
      { doing },
    );
    const other = others.find(
      ({ sink, source }) => sink !== this.#options.name || source !== table.source,
    );
    if (other === undefined) return;
    const why = `sink ${other.sink} fills the table ${table.target} from ${other.source}.`;
    throw sinkError('CDC_SINK_FOREIGN', doing, why, { table: table.source });
  }

  /** Notes the columns made by us; the progress stays what it is. */
  async noteColumns(table: SinkTable, names: readonly string[]): Promise<void> {
    const row = await this.#row(table);
    const columns = JSON.stringify(names);
    if (row?.columns === columns) return;
    const progress = { sequence: Number(row?.sequence ?? 0), value: row?.value ?? '' };
    await this.#write(table, progress, columns);
  }

  async keep(table: SinkTable, progress: Progress, before: ProgressRow | undefined): Promise<void> {
    await this.#write(table, progress, before?.columns ?? '[]');
  }

  async forget(table: SinkTable): Promise<void> {
    if ((await this.missing()).length > 0) return;
    await this.#sql.run(
      `DELETE FROM ${this.#name} WHERE sink = ? AND source = ?`,
      [this.#options.name, table.source],
      { doing: `Forgetting the progress of ${table.source}` },
    );
  }

  async #write(table: SinkTable, { sequence, value }: Progress, columns: string): Promise<void> {
    await this.#sql.run(
      `INSERT INTO ${this.#name} (sink, source, target, sequence, value, columns) VALUES (?, ?, ?, ?, ?, ?)`,
      [this.#options.name, table.source, table.target, sequence, value, columns],
      { doing: `Keeping the progress of ${table.source}` },
    );
  }

  async #row({ source }: SinkTable): Promise<ProgressRow | undefined> {
    const [row] = await this.#sql.rows<ProgressRow>(
      `SELECT sequence, value, columns FROM ${this.#name} WHERE sink = ? AND source = ?`,
      [this.#options.name, source],
      { doing: `Reading the progress of ${source}` },
    );
    return row;
  }
}
