import { setTimeout as delay } from 'node:timers/promises';
import { incompatibleTable, sinkError } from '../sink-errors.ts';
import { type SinkTable, versionColumn } from '../sink-table.ts';
import {
  renderColumn,
  renderCreateTable,
  renderModify,
  versionColumnOf,
  type WantedColumn,
} from './ddl.ts';
import { type DorisSinkOptions, settingsOf } from './options.ts';
import type { SqlClient } from './sql-client.ts';
import { quoteName } from './sql-text.ts';
import { compareTypes } from './store-types.ts';

interface StoredShape {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** In the order of the store; empty when the store does not tell. */
  readonly key: readonly string[];
}

interface Alteration {
  readonly id: string;
  readonly state: 'FINISHED' | 'CANCELLED';
  readonly message: string;
}

const pollMs = 100;

/** Tables of the store as they are, and what makes them fit. */
export class StoredTables {
  readonly #options: DorisSinkOptions;
  readonly #sql: SqlClient;

  constructor(options: DorisSinkOptions, sql: SqlClient) {
    this.#options = options;
    this.#sql = sql;
  }

  name({ target }: Pick<SinkTable, 'target'>): string {
    return `${quoteName(this.#options.database)}.${quoteName(target)}`;
  }

  /**
   * The statements that make the table fit. `droppable`: columns that may go when the table does not have them. Throws
   * CDC_SINK_INCOMPATIBLE where no statement can.
   */
  async plan(
    table: SinkTable,
    wanted: readonly WantedColumn[],
    droppable: readonly string[],
  ): Promise<string[]> {
    const stored = await this.#shape(table);
    if (stored === undefined) return [renderCreateTable(table, wanted, this.#options)];
    await this.#assertKept(table, stored);
    const name = this.name(table);
    const found = new Map(stored.columns.map((column) => [column.name.toLowerCase(), column]));
    const statements: string[] = [];
    for (const column of wanted) {
      const has = found.get(column.name.toLowerCase());
      if (has === undefined)
        statements.push(`ALTER TABLE ${name} ADD COLUMN ${renderColumn(column)}`);
      else if (this.#mustWiden(table, has.type, column))
        statements.push(renderModify(name, column));
    }
    const names = new Set(wanted.map((column) => column.name.toLowerCase()));
    const gone = stored.columns.filter((column) => !names.has(column.name.toLowerCase()));
    for (const column of gone.filter((each) => droppable.includes(each.name))) {
      statements.push(`ALTER TABLE ${name} DROP COLUMN ${quoteName(column.name)}`);
    }
    return statements;
  }

  /** Carries out what `plan` gave, each statement when the one before it is done and visible. */
  async apply(table: SinkTable, statements: readonly string[]): Promise<void> {
    const about = { doing: `Preparing ${table.source}`, table: table.source };
    for (const statement of statements) {
      const before = await this.settle(table);
      await this.#sql.run(statement, [], about);
      const after = await this.settle(table);
      if (after === undefined || after.id === before?.id || after.state !== 'CANCELLED') continue;
      const why = `the store gave up the change of a column: ${after.message}`;
      throw incompatibleTable(table.source, why);
    }
  }

  /** Waits until no change of a column’s type is under way; the last one there was. */
  async settle(table: SinkTable): Promise<Alteration | undefined> {
    const about = { doing: `Preparing ${table.source}`, table: table.source };
    const sql = `SHOW ALTER TABLE COLUMN FROM ${quoteName(this.#options.database)} WHERE TableName = ? ORDER BY CreateTime DESC LIMIT 1`;
    const giveUpAt = Date.now() + this.#options.schemaChangeSeconds * 1000;
    for (;;) {
      const [row] = await this.#sql.rows(sql, [table.target], about);
      if (row === undefined) return undefined;
      const state = row['State']?.toUpperCase() ?? '';
      if (state === 'FINISHED' || state === 'CANCELLED') {
        return { id: row['JobId'] ?? '', state, message: row['Msg'] ?? '' };
      }
      if (Date.now() > giveUpAt) {
        throw sinkError(
          'CDC_SINK_BUSY',
          about.doing,
          'a change of its columns is still under way.',
        );
      }
      await delay(pollMs);
    }
  }

  /** The statements that take the table away, or out of one that others fill, the columns that were made by us. */
  async planDrop(table: SinkTable, own: readonly string[]): Promise<string[]> {
    const name = this.name(table);
    if (!settingsOf(table).partialColumns) return [`DROP TABLE IF EXISTS ${name}`];
    const stored = (await this.#shape(table))?.columns ?? [];
    const columns = stored.filter((column) => own.includes(column.name));
    return columns
      .filter((column) => !table.key.includes(column.name))
      .map((column) => `ALTER TABLE ${name} DROP COLUMN ${quoteName(column.name)}`);
  }

  #mustWiden(table: SinkTable, stored: string, { name, type }: WantedColumn): boolean {
    const comparison = compareTypes(stored, type);
    if (comparison !== 'no') return comparison === 'wider';
    const why = `column ${name} is ${stored} in the store and would have to be ${type}.`;
    throw incompatibleTable(table.source, why);
  }

  async #shape({ target }: SinkTable): Promise<StoredShape | undefined> {
    const rows = await this.#sql.rows<Record<string, string>>(
      'SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, COLUMN_KEY AS is_key, ORDINAL_POSITION AS place ' +
        'FROM information_schema.columns WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
      [this.#options.database, target],
      { doing: `Reading the columns of ${target}` },
    );
    if (rows.length === 0) return undefined;
    const columns = rows
      .map((row) => ({
        name: row['name'] ?? '',
        type: row['type'] ?? '',
        isKey: (row['is_key'] ?? '') !== '',
        place: Number(row['place']),
      }))
      .sort((a, b) => a.place - b.place);
    return { columns, key: columns.filter(({ isKey }) => isKey).map(({ name }) => name) };
  }

  /** The same key, and rows ordered by their version. */
  async #assertKept(table: SinkTable, { columns, key }: StoredShape): Promise<void> {
    const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase()).sort();
    if (key.length > 0 && lower(key).join() !== lower(table.key).join()) {
      const why = `its key is (${key.join(', ')}) in the store and not (${table.key.join(', ')}).`;
      throw incompatibleTable(table.source, why);
    }
    const isPartial = settingsOf(table).partialColumns;
    const version = versionColumnOf(table, this.#options);
    if (!isPartial && !columns.some(({ name }) => name === version)) {
      throw incompatibleTable(table.source, `the table in the store has no column ${version}.`);
    }
    if (this.#options.flavour === 'starrocks') return;
    const doing = `Reading the definition of ${table.target}`;
    const [row] = await this.#sql.rows(`SHOW CREATE TABLE ${this.name(table)}`, [], { doing });
    const definition = row?.['Create Table'] ?? '';
    const isSequenced = definition.includes(`"function_column.sequence_col" = "${versionColumn}"`);
    if (isSequenced === !isPartial) return;
    const why = isPartial
      ? 'the table in the store has a sequence column, which rows of several sinks cannot share.'
      : `the table in the store has not ${versionColumn} as its sequence column (function_column.sequence_col).`;
    throw incompatibleTable(table.source, why);
  }
}
