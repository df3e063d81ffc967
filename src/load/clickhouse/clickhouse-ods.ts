import type { SchemaSection, SweepSection, TruncateSection } from '../../change/change-batch.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import {
  arrivalColumn,
  deletedColumn,
  type TableSchema,
  versionColumn,
} from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import { type DeadLetter, deadLetterId, parseLine } from '../dead-letters.ts';
import type { Ods, TableLoad } from '../ods.ts';
import {
  deleteOlder,
  type ExistingColumn,
  type ExistingTable,
  incompatible,
  odsDatabase,
  physicalTable,
  planSchema,
} from './ddl.ts';
import { DeadLetterTable } from './dead-letter-table.ts';
import type { InsertEngine } from './insert-engine.ts';
import { type MessageLoad, MessageWriter, type UnfitLine } from './message-writer.ts';

/**
 * ODS in ClickHouse, embedded or a server: one ReplacingMergeTree a table in `_ods`, and a view of its
 * current rows under the source's own name. The engine stays the caller's.
 */
export class ClickhouseOds implements Ods {
  /** Messages that could not be written. */
  readonly deadLetters: DeadLetterTable;
  readonly #engine: InsertEngine;
  readonly #messages: MessageWriter;
  /** Schema version known to fit the table as it is. */
  readonly #fitting = new Map<TableId, string>();

  constructor(engine: InsertEngine) {
    this.#engine = engine;
    this.#messages = new MessageWriter(engine);
    this.deadLetters = new DeadLetterTable(engine);
  }

  async applySchema(section: SchemaSection): Promise<void> {
    const { table, schema } = section;
    this.#fitting.delete(table);
    await this.#forTable(table, async () => {
      await this.#assertViewIsFree(table);
      const statements = planSchema(await this.#readTable(table), section);
      for (const sql of statements) await this.#engine.command(sql, { settings: ddlSettings });
    });
    this.#fitting.set(table, schema.version);
  }

  async deleteOlder(section: TruncateSection | SweepSection): Promise<void> {
    const { table, version, only } = section;
    await this.#forTable(table, async () => {
      const existing = await this.#readTable(table);
      if (existing === undefined) return;
      const hasArrival = existing.columns.some(({ name }) => name === arrivalColumn);
      const arrival = 'arrival' in section ? section.arrival : undefined;
      await this.#engine.command(deleteOlder(table, { only: only?.column, hasArrival }), {
        params: {
          version: version.toString(),
          ...(hasArrival && { arrival: arrival ?? version.toString() }),
          ...(only && { only: only.value }),
        },
        // The index would skip the newer row of a key and bring the older one back.
        settings: { use_skip_indexes_if_final: 0 },
      });
    });
  }

  async write(load: TableLoad): Promise<void> {
    const { schema, rowCount, token, layout } = load;
    if (layout !== undefined) {
      await this.writeMessages({ ...load, layout });
      return;
    }
    await this.#forTable(schema.table, async () => {
      await this.#assertFits(schema);
      if ((await this.#insert(load, token)) >= rowCount) return;
      // Blocks dropped for their token may or may not count. Without a token all rows are taken, and
      // a second copy of a version changes nothing.
      const written = await this.#insert(load);
      if (written >= rowCount) return;
      throw new CdcError(
        'CDC_INTERNAL',
        `Loading ${schema.table}: ${rowCount} rows were sent and ${written} written.`,
      );
    });
  }

  /** Writes lines of messages; those that do not fit are kept as dead letters, and returned. */
  async writeMessages(load: MessageLoad): Promise<DeadLetter[]> {
    let letters: DeadLetter[] = [];
    await this.#forTable(load.schema.table, async () => {
      await this.#assertFits(load.schema);
      const unfit = await this.#messages.write(load);
      const receivedAtMs = Date.now();
      letters = unfit.map((line) => letterOf(load, line, receivedAtMs));
      await this.deadLetters.add(letters);
    });
    return letters;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fitting.clear();
  }

  #insert({ schema, chunks }: TableLoad, token?: string): Promise<number> {
    return this.#engine.insert({
      table: physicalTable(schema.table),
      columns: [...schema.columns.map(({ name }) => name), versionColumn, deletedColumn],
      format: 'RowBinary',
      body: chunks,
      ...(token !== undefined && { token }),
    });
  }

  /** RowBinary has no field names: bytes of another type would be taken for values. */
  async #assertFits(schema: TableSchema): Promise<void> {
    if (this.#fitting.get(schema.table) === schema.version) return;
    const existing = await this.#readTable(schema.table);
    if (existing === undefined) throw incompatible(schema.table, 'its table is missing');
    const types = new Map(existing.columns.map(({ name, type }) => [name, type]));
    if (schema.arrival && !types.has(arrivalColumn)) {
      throw incompatible(schema.table, `column ${arrivalColumn} of its table is missing`);
    }
    for (const column of schema.columns) {
      const found = types.get(column.name);
      const expected = clickhouseType(column);
      if (found === expected) continue;
      const state = found === undefined ? 'missing' : `${found} instead of ${expected}`;
      throw incompatible(schema.table, `column ${column.name} of its table is ${state}`);
    }
    this.#fitting.set(schema.table, schema.version);
  }

  async #readTable(table: TableId): Promise<ExistingTable | undefined> {
    const params = { database: odsDatabase, table };
    const where = 'WHERE database = {database:String}';
    const [found] = await this.#engine.rows<{ comment: string }>(
      `SELECT comment FROM system.tables ${where} AND name = {table:String}`,
      { params },
    );
    if (found === undefined) return undefined;
    const columns = await this.#engine.rows<Omit<ExistingColumn, 'isKey'> & { isKey: number }>(
      `SELECT name, type, comment, is_in_sorting_key AS isKey FROM system.columns ${where} ` +
        'AND table = {table:String} ORDER BY position',
      { params },
    );
    return {
      comment: found.comment,
      columns: columns.map((column) => ({ ...column, isKey: Number(column.isKey) === 1 })),
    };
  }

  /** The view takes the source's name; whatever else has that name is the user's and stays. */
  async #assertViewIsFree(id: TableId): Promise<void> {
    const [found] = await this.#engine.rows<{ engine: string; query: string }>(
      'SELECT engine, as_select AS query FROM system.tables ' +
        'WHERE database = {database:String} AND name = {table:String}',
      { params: splitTableId(id) },
    );
    if (found === undefined) return;
    if (found.engine === 'View' && found.query.includes(`${odsDatabase}.${quoteIdentifier(id)}`))
      return;
    const { database, table } = splitTableId(id);
    throw new CdcError(
      'CDC_SCHEMA_INCOMPATIBLE',
      `Loading ${id}: the warehouse already has a ${found.engine} named ${database}.${table} that is not ours.`,
      {
        details: { table: id },
        remedy: `Rename or drop it in the warehouse, then load the table anew: cdc init --tables ${id}`,
      },
    );
  }

  /** An engine's refusal is about this table, unless it would meet every other table as well. */
  async #forTable(table: TableId, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
      this.#fitting.delete(table);
      if (engineWideCodes.has(error.details['engineCode'])) throw error;
      throw new CdcError('CDC_ENGINE_REJECTED', `Loading ${table}: ${error.message}`, {
        cause: error,
        details: { ...error.details, table },
      });
    }
  }
}

function letterOf(
  load: MessageLoad,
  { line, reason }: UnfitLine,
  receivedAtMs: number,
): DeadLetter {
  const { version: schemaVersion } = load.schema;
  const table = load.lettersOf ?? load.schema.table;
  const parsed = parseLine(line);
  if (parsed === undefined) {
    throw new CdcError('CDC_INTERNAL', `Loading ${table}: a line of messages has no place in it.`);
  }
  const { refusal, ...place } = parsed;
  const isUnplaced = refusal !== undefined;
  return {
    ...place,
    ...{ id: deadLetterId(table, place), table, reason, isUnplaced, receivedAtMs, schemaVersion },
    layout: load.layout,
  };
}

/** Time64 is behind a switch in the versions that introduced it. */
const ddlSettings = { enable_time_time64_type: 1 };

/**
 * ClickHouse error numbers that say nothing about one table: no space, read-only server, unknown
 * user, access denied, wrong password.
 */
const engineWideCodes: ReadonlySet<unknown> = new Set([243, 164, 192, 497, 516]);
