import { setTimeout as delay } from 'node:timers/promises';
import type { Section } from '../../src/change/change-batch.ts';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { Column, TableSchema } from '../../src/change/table-schema.ts';
import type { ChangeLog } from '../../src/log/change-log.ts';
import {
  aBatch,
  aPosition,
  aSchema,
  rowsSection,
  schemaSection,
} from '../contract/change-log-batches.ts';
import type { Random } from '../support/random.ts';

/** A row of every table that names the last transaction: tells whether a cut holds whole ones. */
export const markId = 1_000;

/** Transactions over many tables at once, with truncates and new columns in between. */
export class SharesTraffic {
  readonly tables: readonly string[];
  readonly #log: ChangeLog;
  readonly #random: Random;
  readonly #schemas = new Map<string, TableSchema>();
  /** By table, by id: the values after the id. */
  readonly #rows = new Map<string, Map<number, RowValue[]>>();
  #version = 10;

  constructor(log: ChangeLog, random: Random, tableCount: number) {
    this.#log = log;
    this.#random = random;
    this.tables = Array.from({ length: tableCount }, (_, index) => `shop.t${index}`);
  }

  /** The tables as a finished snapshot has left them, empty. */
  async begin(): Promise<void> {
    const sections = this.tables.map((table) => {
      const schema = aSchema(table);
      this.#schemas.set(table, schema);
      this.#rows.set(table, new Map());
      return schemaSection(schema);
    });
    const snapshots = this.tables.map((table) => [
      `snapshot/${table}`,
      { table, done: true, firstVersion: '1', highWatermark: aPosition(1), chunks: 1, rows: 0 },
    ]);
    await this.#log.append([aBatch(sections, { position: this.#position() })], {
      checkpoints: { stream: this.#position(), complete: true, ...Object.fromEntries(snapshots) },
    });
  }

  /** Transactions until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.transaction();
      await delay(this.#random.between(0, 8));
    }
  }

  async transaction(): Promise<void> {
    const sections = this.tables.flatMap((table) => this.#change(table));
    const mark = `transaction ${this.#version}`;
    for (const table of this.tables) sections.push(this.#put(table, markId, mark));
    const position = this.#position();
    await this.#log.append([aBatch(sections, { position, receivedAtMs: Date.now() })], {
      checkpoints: { stream: position },
    });
  }

  /** What a table must hold in the end, by its columns, in the order of the keys. */
  expected(table: string): Record<string, RowValue>[] {
    const names = this.#schema(table).columns.map(({ name }) => name);
    return [...(this.#rows.get(table) ?? [])]
      .sort(([left], [right]) => left - right)
      .map(([id, values]) =>
        Object.fromEntries(names.map((name, at) => [name, [id, ...values][at] ?? null])),
      );
  }

  #change(table: string): Section[] {
    const chance = this.#random.next();
    if (chance < 0.01) return this.#truncate(table);
    if (chance < 0.02 && this.#schema(table).columns.length < 6) return this.#addColumn(table);
    const id = this.#random.between(0, 30);
    return chance < 0.2 ? this.#delete(table, id) : [this.#put(table, id, `n${this.#version}`)];
  }

  #put(table: string, id: number, note: string): Section {
    const values = [
      note,
      ...this.#schema(table)
        .columns.slice(2)
        .map((_, index) => index),
    ];
    this.#rows.get(table)?.set(id, values);
    return this.#row(table, [id, ...values], false);
  }

  #delete(table: string, id: number): Section[] {
    const values = this.#rows.get(table)?.get(id);
    if (values === undefined) return [];
    this.#rows.get(table)?.delete(id);
    return [this.#row(table, [id, ...values], true)];
  }

  #truncate(table: string): Section[] {
    this.#rows.get(table)?.clear();
    return [{ kind: 'truncate', table, version: BigInt(this.#version++) }];
  }

  #addColumn(table: string): Section[] {
    const before = this.#schema(table);
    const [idColumn] = before.columns;
    if (idColumn === undefined) return [];
    const added: Column = { ...idColumn, name: `c${this.#version}` };
    const columns = [...before.columns, added];
    const schema = { ...before, columns, version: `v${this.#version}` };
    this.#schemas.set(table, schema);
    for (const values of this.#rows.get(table)?.values() ?? []) values.push(7);
    return [schemaSection(schema, { defaults: { [added.name]: '7' } })];
  }

  #row(table: string, values: RowValue[], deleted: boolean): Section {
    const row = { values, version: BigInt(this.#version++), deleted };
    return rowsSection(this.#schema(table), [row]);
  }

  #schema(table: string): TableSchema {
    const schema = this.#schemas.get(table);
    if (schema === undefined) throw new Error(`no table ${table}`);
    return schema;
  }

  #position() {
    return aPosition(this.#version);
  }
}
