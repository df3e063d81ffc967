import { splitTableId, type TableId } from '../../../change/table-id.ts';
import type { ColumnType } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import type { ColumnDescription, SourceTable } from '../schema/schema-reader.ts';
import { type KeyColumn, keyLiteral, keyText } from './key-value.ts';

/** `name` as an identifier in SQL. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function quoteTable(id: TableId): string {
  const { database, table } = splitTableId(id);
  return `${quoteName(database)}.${quoteName(table)}`;
}

/** What to SELECT for a column; `name` is quoted. */
export type ColumnExpression = (
  name: string,
  type: ColumnType,
  description: ColumnDescription,
) => string;

/** SELECTs that walk a table in the order of its key, each going on after the last key of the one before. */
export class KeysetQuery {
  readonly #table: SourceTable;
  readonly #keyColumns: readonly (KeyColumn & { readonly index: number; readonly name: string })[];
  readonly #select: string;

  constructor(table: SourceTable, expression: ColumnExpression) {
    this.#table = table;
    const { columns, key } = table.schema;
    const described = columns.map((column, index) => {
      const description = table.description.columns[index];
      if (description === undefined)
        throw new CdcError('CDC_INTERNAL', 'A column has no description.');
      return { index, name: `t.${quoteName(column.name)}`, type: column.type, description };
    });
    this.#keyColumns = key.map((name) => {
      const column = described[columns.findIndex((candidate) => candidate.name === name)];
      if (column === undefined) throw new CdcError('CDC_INTERNAL', `No key column ${name}.`);
      return column;
    });
    const expressions = described.map(({ name, type, description }) =>
      expression(name, type, description),
    );
    this.#select = `SELECT ${expressions.join(', ')} FROM ${quoteTable(table.schema.table)} AS t`;
  }

  /** False: no index has the key in order, so the table can only be read in one go. */
  get isOrdered(): boolean {
    return this.#index !== '';
  }

  /** The next `limit` rows after `last`, in key order. */
  chunk(last: readonly string[] | undefined, limit: number): string {
    const where = last === undefined ? '' : ` WHERE ${this.#after(last)}`;
    const order = this.#keyColumns.map(({ name }) => name).join(', ');
    // Left alone, the optimizer may sort the whole table for a large LIMIT.
    const index = ` FORCE INDEX (${quoteName(this.#index)})`;
    return `${this.#select}${index}${where} ORDER BY ${order} LIMIT ${limit}`;
  }

  /** Every row, in no order. */
  all(): string {
    return this.#select;
  }

  /** The rows with these keys. */
  byKeys(keys: readonly (readonly string[])[]): string {
    const rows = keys.map((key) => {
      const literals = this.#literals(key);
      return `(${this.#keyColumns.map(({ name }, index) => `${name} = ${literals[index]}`).join(' AND ')})`;
    });
    return `${this.#select} WHERE ${rows.join(' OR ')}`;
  }

  /** The key of a row packet that a SELECT of this query gave. */
  keyOf(buffer: Buffer, offset: number, end: number): string[] {
    const fields = splitRowPacket(buffer, offset, end);
    return this.#keyColumns.map((column) =>
      keyText(column, fields[column.index] ?? Buffer.alloc(0)),
    );
  }

  get #index(): string {
    return this.#table.description.key?.index ?? '';
  }

  /**
   * Row-constructor comparisons are not optimized into index ranges, this form is:
   * `a >= x AND (a > x OR (a = x AND b > y))`.
   */
  #after(last: readonly string[]): string {
    const literals = this.#literals(last);
    const names = this.#keyColumns.map(({ name }) => name);
    const alternatives = names.map((name, index) => {
      const equal = names.slice(0, index).map((other, at) => `${other} = ${literals[at]}`);
      return [...equal, `${name} > ${literals[index]}`].join(' AND ');
    });
    if (alternatives.length === 1) return alternatives[0] ?? '';
    return `${names[0]} >= ${literals[0]} AND (${alternatives.map((text) => `(${text})`).join(' OR ')})`;
  }

  #literals(key: readonly string[]): string[] {
    return this.#keyColumns.map((column, index) => keyLiteral(column, key[index] ?? ''));
  }
}

/** The values of a text protocol row; undefined for NULL. Slow: for single rows only. */
export function splitRowPacket(
  buffer: Buffer,
  offset: number,
  end: number,
): (Buffer | undefined)[] {
  const fields: (Buffer | undefined)[] = [];
  let at = offset;
  while (at < end) {
    let length = buffer[at++] ?? 0;
    if (length === 0xfb) {
      fields.push(undefined);
      continue;
    }
    if (length > 0xfb) {
      const bytes = length === 0xfc ? 2 : length === 0xfd ? 3 : 8;
      length = bytes === 8 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUIntLE(at, bytes);
      at += bytes;
    }
    fields.push(buffer.subarray(at, at + length));
    at += length;
  }
  return fields;
}
