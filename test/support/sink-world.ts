import { randomUUID } from 'node:crypto';
import { encodeRows, type RowValue } from '../../src/change/row-codec.ts';
import type { Column, ColumnType, TableSchema } from '../../src/change/table-schema.ts';
import { clickhouseType } from '../../src/engine/column-type.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { physicalTable } from '../../src/load/clickhouse/ddl.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import type { CommonSinkOptions } from '../../src/sink/common-options.ts';
import { compareTable, type SinkDifference } from '../../src/sink/compare-table.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import type { FeedTable } from '../../src/sink/feed.ts';
import type { Sink } from '../../src/sink/sink.ts';
import { TableCopier } from '../../src/sink/table-copier.ts';
import { openTestEngine, type TestEngine } from './test-engine.ts';

/** A warehouse of one test: ODS tables that rows are put into, and sinks that are fed from them. */
export class SinkWorld implements AsyncDisposable {
  readonly #engine: TestEngine;
  readonly #ods: ClickhouseOds;
  readonly #tables = new Map<string, { schema: TableSchema; generation: string }>();
  /** As of a project's state folder. */
  readonly owner = randomUUID();
  #version = 1000n;

  static async open(): Promise<SinkWorld> {
    return new SinkWorld(await openTestEngine());
  }

  private constructor(engine: TestEngine) {
    this.#engine = engine;
    this.#ods = new ClickhouseOds(engine.engine);
  }

  get engine() {
    return this.#engine.engine;
  }

  get stateFolder() {
    return this.#engine.stateFolder;
  }

  /** The version of the last row put. */
  get version(): bigint {
    return this.#version;
  }

  /** Creates a table, or gives it other columns. */
  async define(schema: TableSchema, existingRows: 'keep' | 'resnapshot' = 'keep'): Promise<void> {
    const { table } = schema;
    await this.#ods.applySchema({ kind: 'schema', table, schema, existingRows, version: 1n });
    const before = this.#tables.get(table);
    const isSame = before !== undefined && existingRows === 'keep';
    this.#tables.set(table, { schema, generation: isSame ? before.generation : randomUUID() });
  }

  /** Writes rows with new versions; `deleted`: as deletions. */
  async put(
    table: string,
    rows: readonly (readonly RowValue[])[],
    { deleted = false }: { deleted?: boolean } = {},
  ): Promise<void> {
    const { schema } = this.#table(table);
    const encoded = rows.map((values) => {
      this.#version += 1n;
      return { values, version: this.#version, deleted };
    });
    const bytes = encodeRows(schema, encoded);
    const token = randomUUID();
    await this.#ods.write({ schema, rowCount: rows.length, chunks: [bytes], token });
  }

  /** Anything else that changes tables: SQL over `physical(table)`. */
  async run(sql: string): Promise<void> {
    await this.engine.command(sql);
  }

  /** The table as a sink is offered it now. */
  feed(table: string, readTo: bigint = this.#version): FeedTable {
    const { schema, generation } = this.#table(table);
    const columns = schema.columns.map((column) => ({
      name: column.name,
      engineType: clickhouseType(column),
      captured: {
        type: column.type,
        sourceType: column.sourceType,
        ...(column.comment !== undefined && { comment: column.comment }),
      },
    }));
    return {
      source: table,
      physical: physicalTable(table),
      columns,
      key: schema.key,
      ...(schema.comment !== undefined && { comment: schema.comment }),
      changeColumn: '_version',
      generation,
      readTo,
      position: `binlog.000001:${readTo}`,
    };
  }

  copier(table: string, sink: Sink, options: CommonSinkOptions): TableCopier {
    const { engine, owner } = this;
    const deadRows = new DeadRows(engine);
    return new TableCopier(table, {
      sink,
      options,
      engine,
      owner,
      deadRows,
      logger: createSilentLogger(),
    });
  }

  /** Copies until the sink has everything; says how many rows became dead letters. */
  async copy(
    table: string,
    sink: Sink,
    options: CommonSinkOptions,
    copier: TableCopier = this.copier(table, sink, options),
  ): Promise<number> {
    let refused = 0;
    for (;;) {
      const step = await copier.copy(this.feed(table), new AbortController().signal);
      refused += step.refused;
      if (step.isCurrent) return refused;
    }
  }

  /** How the sink’s table differs from ours. */
  async differences(
    table: string,
    sink: Sink,
    options: CommonSinkOptions,
  ): Promise<readonly SinkDifference[]> {
    const plan = await this.copier(table, sink, options).plan(this.feed(table));
    const { signal } = new AbortController();
    return (await compareTable(plan, sink, this.engine, { signal })).differences;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  #table(table: string) {
    const found = this.#tables.get(table);
    if (found === undefined) throw new Error(`${table} is not defined`);
    return found;
  }
}

/** A column as a capture would describe it. */
export function columnOf(
  name: string,
  type: ColumnType,
  rest: { nullable?: boolean; sourceType?: string; comment?: string } = {},
): Column {
  return { name, type, nullable: true, sourceType: type.kind, ...rest };
}

/** A schema whose version follows from its columns. */
export function schemaOf(
  table: string,
  columns: readonly Column[],
  key: readonly string[] = ['id'],
  comment?: string,
): TableSchema {
  const version = JSON.stringify(columns.map(({ name, type, nullable }) => [name, type, nullable]));
  return { table, version, columns, key, ...(comment !== undefined && { comment }) };
}
