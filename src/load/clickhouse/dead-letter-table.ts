import type { MessageLayout } from '../../change/message-layout.ts';
import { encodeRows, type RowValue } from '../../change/row-codec.ts';
import type { TableId } from '../../change/table-id.ts';
import {
  type Column,
  type ColumnType,
  deletedColumn,
  type TableSchema,
  versionColumn,
} from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { DeadLetter } from '../dead-letters.ts';
import { odsDatabase } from './ddl.ts';
import type { InsertEngine } from './insert-engine.ts';

/** What letters are asked for; all of them when it is empty. */
export interface LetterFilter {
  readonly table?: TableId;
  readonly ids?: readonly string[];
}

const text: ColumnType = { kind: 'string' };
const long: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const moment: ColumnType = { kind: 'timestamp', fsp: 3 };

const columns: readonly Column[] = (
  [
    ['id', text],
    ['table', text],
    ['queue', text],
    ['partition', long],
    ['offset', long],
    ['messageAt', moment],
    ['reason', text],
    ['isUnplaced', { kind: 'int', bits: 8, unsigned: true }],
    ['message', { kind: 'binary' }],
    ['receivedAt', moment],
    ['schemaVersion', text],
    ['layout', text],
    ['version', { kind: 'int', bits: 64, unsigned: true }],
    ['arrival', { kind: 'int', bits: 64, unsigned: true }],
  ] as const
).map(([name, type]) => ({ name, type, nullable: false, sourceType: type.kind }));

const schema: TableSchema = {
  table: 'dead_letters',
  version: '1',
  columns,
  key: ['queue', 'partition', 'offset', 'table'],
};

const target = `${quoteIdentifier(odsDatabase)}.dead_letters`;

/**
 * `_ods.dead_letters`: the messages that could not be loaded, each once for its table, however often it
 * is met. A letter that is removed leaves a row that hides it, as in any table of ODS.
 */
export class DeadLetterTable {
  readonly #engine: InsertEngine;
  #exists = false;

  constructor(engine: InsertEngine) {
    this.#engine = engine;
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    await this.#write(letters, false);
  }

  async remove(letters: readonly DeadLetter[]): Promise<void> {
    await this.#write(letters, true);
  }

  /** Oldest first. */
  async find({ table, ids }: LetterFilter = {}): Promise<DeadLetter[]> {
    await this.#create();
    const conditions = [
      ...(table === undefined ? [] : ['table = {table:String}']),
      ...(ids === undefined ? [] : ['id IN {ids:Array(String)}']),
    ];
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const rows = await this.#engine.rows<LetterRow>(
      'SELECT id, table, queue, partition, offset, toUnixTimestamp64Milli(messageAt) AS timestampMs, ' +
        'reason, isUnplaced, base64Encode(message) AS base64, ' +
        'toUnixTimestamp64Milli(receivedAt) AS receivedAtMs, schemaVersion, layout, version, arrival ' +
        `FROM ${target} FINAL${where} ORDER BY receivedAt, queue, partition, "offset"`,
      { params: { ...(table !== undefined && { table }), ...(ids && { ids }) } },
    );
    return rows.map(({ base64, layout, ...row }) => ({
      ...row,
      partition: Number(row.partition),
      timestampMs: Number(row.timestampMs),
      receivedAtMs: Number(row.receivedAtMs),
      isUnplaced: Number(row.isUnplaced) === 1,
      layout: JSON.parse(layout) as MessageLayout,
      message: Buffer.from(base64, 'base64'),
    }));
  }

  async #write(letters: readonly DeadLetter[], deleted: boolean): Promise<void> {
    if (letters.length === 0) return;
    await this.#create();
    const version = BigInt(Date.now());
    const rows = letters.map((letter) => ({ values: valuesOf(letter), version, deleted }));
    await this.#engine.insert({
      table: target,
      columns: [...columns.map(({ name }) => name), versionColumn, deletedColumn],
      format: 'RowBinary',
      body: [encodeRows(schema, rows)],
    });
  }

  async #create(): Promise<void> {
    if (this.#exists) return;
    const definitions = columns.map(
      (column) => `${quoteIdentifier(column.name)} ${clickhouseType(column)}`,
    );
    const key = schema.key.map(quoteIdentifier).join(', ');
    await this.#engine.command(`CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(odsDatabase)}`);
    await this.#engine.command(
      `CREATE TABLE IF NOT EXISTS ${target} (${definitions.join(', ')}, ` +
        `${versionColumn} UInt64, ${deletedColumn} UInt8) ` +
        `ENGINE = ReplacingMergeTree(${versionColumn}, ${deletedColumn}) ORDER BY (${key})`,
    );
    this.#exists = true;
  }
}

interface LetterRow {
  readonly id: string;
  readonly table: TableId;
  readonly queue: string;
  readonly partition: string;
  readonly offset: string;
  readonly timestampMs: string;
  readonly reason: string;
  readonly isUnplaced: number;
  readonly base64: string;
  readonly receivedAtMs: string;
  readonly schemaVersion: string;
  readonly layout: string;
  readonly version: string;
  readonly arrival: string;
}

/** In the order of `columns`. */
function valuesOf(letter: DeadLetter): RowValue[] {
  return [
    letter.id,
    letter.table,
    letter.queue,
    BigInt(letter.partition),
    BigInt(letter.offset),
    BigInt(letter.timestampMs),
    letter.reason,
    letter.isUnplaced ? 1 : 0,
    letter.message,
    BigInt(letter.receivedAtMs),
    letter.schemaVersion,
    JSON.stringify(letter.layout),
    BigInt(letter.version),
    BigInt(letter.arrival),
  ];
}
