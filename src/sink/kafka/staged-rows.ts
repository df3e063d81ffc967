import { clickhouseType } from '../../engine/column-type.ts';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';

const database = '_sinks';

interface StagedNames {
  /** What readers of the topic have: the row of each key as it was sent last, deleted ones included. */
  readonly sent: string;
  /** The batch on its way. */
  readonly next: string;
}

/** How a batch goes out. */
export interface StagedBatch {
  /** Which attempt at staging it is: rows of another one may still be arriving. */
  readonly attempt: string;
  /** Sequence of the progress with it. */
  readonly sequence: number;
}

export interface ReadOptions {
  /** Rows are compared with those sent before, and images of these go along. */
  readonly before: boolean;
  /** Rows that look as if they were there are sent all the same. */
  readonly isRepair: boolean;
}

/**
 * The statements of a batch. What is to be sent must be the same after a crash in the middle, and the rows of the warehouse have
 * moved on by then; so the batch is put aside first, and the rows that readers have change only when it is sent.
 *
 *     next := the batch ─> messages: next compared with sent ─> progress ─> sent := sent + next
 */
export class StagedSql {
  readonly #table: SinkTable;
  readonly #name: string;
  readonly #names: StagedNames;

  /** `sink`: its name. */
  constructor(sink: string, table: SinkTable) {
    this.#table = table;
    this.#name = `${sink}/${table.target}`;
    this.#names = { sent: quoted(this.#name), next: quoted(`${this.#name}~next`) };
  }

  /** Both tables as they have to be, if they are not there. */
  create(): string[] {
    return [
      `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(database)}`,
      `CREATE TABLE IF NOT EXISTS ${this.#createSent(this.#names.sent)}`,
      `CREATE TABLE IF NOT EXISTS ${this.#names.next} (_attempt UInt64, _row UInt64, ${this.#columns()}) ` +
        `ENGINE = MergeTree ORDER BY (${versionColumn}, _row)`,
    ];
  }

  /** Without `is deleted` in the engine's own words: FINAL would hide which version a deletion had. */
  #createSent(name: string): string {
    const key = this.#table.key.map(quoteIdentifier).join(', ');
    return `${name} (${this.#columns()}) ENGINE = ReplacingMergeTree(${versionColumn}) ORDER BY (${key})`;
  }

  /** Makes the rows that were sent fit columns that have changed: what is new has no value in them. */
  refit(kept: readonly string[]): string[] {
    const { sent, next } = this.#names;
    const other = quoted(`${this.#name}~refit`);
    const names = [...kept, versionColumn, deletedColumn].map(quoteIdentifier).join(', ');
    return [
      `DROP TABLE IF EXISTS ${other} SYNC`,
      `CREATE TABLE ${this.#createSent(other)}`,
      `INSERT INTO ${other} (${names}) SELECT ${names} FROM ${sent}`,
      `EXCHANGE TABLES ${sent} AND ${other}`,
      `DROP TABLE IF EXISTS ${other} SYNC`,
      `DROP TABLE IF EXISTS ${next} SYNC`,
    ];
  }

  /** SELECT of the names of the columns that the rows sent have as of now. */
  sentColumns(): string {
    return `SELECT name FROM system.columns WHERE database = ${quoteString(database)} AND table = ${quoteString(this.#name)}`;
  }

  drop(): string[] {
    return Object.values(this.#names).map((name) => `DROP TABLE IF EXISTS ${name} SYNC`);
  }

  /** `select`: the rows, then `_version` and `_deleted`. */
  stage(select: string, { attempt, sequence }: StagedBatch): string[] {
    const { next } = this.#names;
    return [
      `TRUNCATE TABLE ${next}`,
      `INSERT INTO ${next} SELECT ${attempt}, rowNumberInAllBlocks() + 1, * FROM (${select})`,
      // The batch is whole when this row is there.
      `INSERT INTO ${next} (_attempt, _row, ${versionColumn}) VALUES (${attempt}, 0, ${sequence})`,
    ];
  }

  /** Rows that readers have, as deletions: those older than `below`, as of that version, or all. */
  retraction(below?: bigint): string {
    const names = this.#table.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
    const version = below === undefined ? versionColumn : `toUInt64(${below})`;
    const older = below === undefined ? '' : ` AND ${versionColumn} < ${below}`;
    return (
      `SELECT ${names}, ${version}, toUInt8(1) FROM ` +
      `(SELECT * FROM ${this.#names.sent} FINAL WHERE ${deletedColumn} = 0${older})`
    );
  }

  /** The batch that lies in `next` whole, as StagedBatch; no row when there is none. */
  staged(): string {
    return `SELECT toString(_attempt) AS attempt, toUInt32(${versionColumn}) AS sequence FROM ${this.#names.next} WHERE _row = 0`;
  }

  /** `_row`, then an array of one image, or of the one before and the one after, in row bytes; in the order of versions. */
  messages({ attempt }: StagedBatch, { before, isRepair }: ReadOptions): string {
    const { next, sent } = this.#names;
    const batch = `_attempt = ${attempt} AND _row > 0`;
    const after = this.#image('n', `n.${versionColumn}`, `n.${deletedColumn}`);
    if (!before) {
      return `SELECT _row, [${after}] FROM ${next} AS n WHERE ${batch} ORDER BY ${versionColumn}, _row`;
    }
    const key = this.#table.key.map(quoteIdentifier);
    const has = `s._known = 1 AND s.${deletedColumn} = 0`;
    const goes = `n.${deletedColumn} = 1`;
    const isOther = isRepair ? '1' : `NOT (${this.#areEqual()})`;
    const removal = this.#image('s', `n.${versionColumn}`, 'toUInt8(1)');
    const update = `${this.#image('s', `s.${versionColumn}`, 'toUInt8(2)')}, ${after}`;
    return (
      `SELECT n._row, if(${has}, if(${goes}, [${removal}], [${update}]), [${after}]) FROM ${next} AS n ` +
      `LEFT JOIN (SELECT *, toUInt8(1) AS _known FROM ${sent} FINAL ` +
      `WHERE (${key.join(', ')}) IN (SELECT ${key.join(', ')} FROM ${next} WHERE ${batch})) AS s ` +
      `ON ${key.map((name) => `n.${name} = s.${name}`).join(' AND ')} ` +
      `WHERE n._attempt = ${attempt} AND n._row > 0 AND n.${versionColumn} >= s.${versionColumn} ` +
      `AND if(${has}, ${goes} OR ${isOther}, NOT (${goes})${isRepair ? ' OR 1' : ''}) ` +
      `ORDER BY n.${versionColumn}, n._row SETTINGS join_use_nulls = 0`
    );
  }

  /** What was sent is what readers have from now on. May be repeated. */
  settle({ attempt }: StagedBatch, refused: readonly string[]): string {
    const { next, sent } = this.#names;
    return (
      `INSERT INTO ${sent} SELECT * EXCEPT (_attempt, _row) FROM ${next} ` +
      `WHERE _attempt = ${attempt} AND _row > 0${except(refused)}`
    );
  }

  /** `key`, `version` and `reason` of rows of the batch, for dead letters. */
  deadRows({ attempt }: StagedBatch, refused: readonly string[], reason: string): string {
    const key = this.#table.key.map((name) => {
      const column = this.#table.columns.find((each) => each.name === name);
      const isText = column !== undefined && clickhouseType(column) === 'String';
      return `${isText ? 'hex' : 'toString'}(${quoteIdentifier(name)})`;
    });
    return (
      `SELECT toJSONString([${key.join(', ')}]) AS key, ${versionColumn} AS version, ${quoteString(reason)} AS reason ` +
      `FROM ${this.#names.next} WHERE _attempt = ${attempt} AND _row IN (${refused.join(', ')})`
    );
  }

  #columns(): string {
    const columns = this.#table.columns.map(
      (column) => `${quoteIdentifier(column.name)} ${clickhouseType(column)}`,
    );
    return [...columns, `${versionColumn} UInt64`, `${deletedColumn} UInt8`].join(', ');
  }

  #image(side: 'n' | 's', version: string, deleted: string): string {
    const columns = this.#table.columns.map(({ name }) => `${side}.${quoteIdentifier(name)}`);
    return `tuple(${[...columns, version, deleted].join(', ')})`;
  }

  /** Arrays are compared by their bytes, so that NULL equals NULL and NaN equals NaN. */
  #areEqual(): string {
    const names = this.#table.columns.filter(({ isKey }) => !isKey).map(({ name }) => name);
    if (names.length === 0) return '1';
    const side = (of: string) =>
      `[tuple(${names.map((name) => `${of}.${quoteIdentifier(name)}`).join(', ')})]`;
    return `${side('n')} = ${side('s')}`;
  }
}

function quoted(name: string): string {
  return `${quoteIdentifier(database)}.${quoteIdentifier(name)}`;
}

function except(rows: readonly string[]): string {
  return rows.length === 0 ? '' : ` AND _row NOT IN (${rows.join(', ')})`;
}
