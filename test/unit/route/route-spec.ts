import type { ChangeBatch, RowsSection, Section } from '../../../src/change/change-batch.ts';
import { decodeRows, encodeRows, type Row, type RowValue } from '../../../src/change/row-codec.ts';
import type { Column, ColumnType, TableSchema } from '../../../src/change/table-schema.ts';
import { type RouteOptions, routeOptions } from '../../../src/route/options.ts';
import type { RouteState } from '../../../src/route/router.ts';

/** A column as `bigint`, `decimal(10,2)`, `datetime(3)`, `string`; a `?` behind it: it can be NULL. */
export type SpecColumns = Readonly<Record<string, string>>;
export type SpecRow = Readonly<Record<string, string | number | null>>;

export function optionsOf(route: unknown): RouteOptions {
  return routeOptions.parse(route ?? {});
}

export function schemaOf(
  table: string,
  columns: SpecColumns,
  key: readonly string[] = ['id'],
): TableSchema {
  const list = Object.entries(columns).map(([name, text]): Column => {
    const type = text.replace(/\?$/, '');
    return { name, type: typeOf(type), nullable: text.endsWith('?'), sourceType: type };
  });
  return { table, version: JSON.stringify([columns, key]), columns: list, key };
}

function typeOf(text: string): ColumnType {
  const [, name = '', first = '0', second = '0'] =
    /^(\w+)(?:\((\d+)(?:,(\d+))?\))?/.exec(text) ?? [];
  const unsigned = text.endsWith(' unsigned');
  switch (name) {
    case 'tinyint':
      return { kind: 'int', bits: 8, unsigned };
    case 'int':
      return { kind: 'int', bits: 32, unsigned };
    case 'bigint':
      return { kind: 'int', bits: 64, unsigned };
    case 'float':
      return { kind: 'float', bits: 32 };
    case 'double':
      return { kind: 'float', bits: 64 };
    case 'decimal':
      return { kind: 'decimal', precision: Number(first), scale: Number(second) };
    case 'datetime':
    case 'timestamp':
    case 'time':
      return { kind: name, fsp: Number(first) };
    case 'date':
    case 'year':
    case 'bit':
    case 'json':
    case 'binary':
    case 'geometry':
    case 'string':
      return { kind: name };
    default:
      throw new Error(`no type ${text}`);
  }
}

/** Values as a person writes them: decimals and moments as text. */
export function specValue(type: ColumnType, value: string | number | null): RowValue {
  if (value === null) return null;
  switch (type.kind) {
    case 'decimal':
      return BigInt(Math.round(Number(value) * 10 ** type.scale));
    case 'date':
      return Date.parse(`${value}T00:00:00Z`) / 86_400_000;
    case 'datetime':
    case 'timestamp':
      return (
        (BigInt(Date.parse(`${String(value).replace(' ', 'T')}Z`)) * 10n ** BigInt(type.fsp)) /
        1000n
      );
    case 'time': {
      const [hours = 0, minutes = 0, seconds = 0] = String(value).split(':').map(Number);
      return BigInt(Math.round((hours * 3600 + minutes * 60 + seconds) * 10 ** type.fsp));
    }
    case 'int':
      return type.bits === 64 ? BigInt(value) : Number(value);
    case 'bit':
      return BigInt(value);
    case 'binary':
    case 'geometry':
      return Buffer.from(String(value));
    case 'float':
    case 'year':
      return Number(value);
    default:
      return String(value);
  }
}

export function encodeSpecRow(
  schema: TableSchema,
  row: SpecRow,
  version: bigint,
  kind: 'insert' | 'delete' | 'before' = 'insert',
): Buffer {
  const values = schema.columns.map(({ name, type }) => specValue(type, row[name] ?? null));
  const bytes = encodeRows(schema, [{ values, version, deleted: kind === 'delete' }]);
  if (kind === 'before') bytes[bytes.length - 1] = 2;
  return bytes;
}

export function rowsOf(
  schema: TableSchema,
  rows: readonly Buffer[],
  withBefore = false,
): RowsSection {
  return {
    kind: 'rows',
    table: schema.table,
    schemaVersion: schema.version,
    rowCount: rows.length,
    bytes: Buffer.concat(rows),
    ...(withBefore && { hasBeforeImages: true }),
  };
}

export function batchOf(
  sections: readonly Section[],
  origin: ChangeBatch['origin'] = 'stream',
): ChangeBatch {
  return {
    origin,
    sections,
    position: { epoch: 0, file: 'binlog.000001', offset: 4, serverId: '1' },
    transactions: 1,
    committedAtMs: 0,
    receivedAtMs: 0,
  };
}

export function declare(schema: TableSchema, version = 1n): Section {
  return { kind: 'schema', table: schema.table, schema, existingRows: 'keep', version };
}

/** What a caller keeps between batches. */
export class StoredState implements RouteState {
  readonly #sources = new Map<string, TableSchema>();
  readonly #routed = new Map<string, TableSchema>();
  lookup: RouteState['lookup'];

  source(table: string) {
    return this.#sources.get(table);
  }

  sources() {
    return this.#sources.values();
  }

  routed(table: string) {
    return this.#routed.get(table);
  }

  note(before: ChangeBatch, after: ChangeBatch, lookup?: RouteState['lookup']): void {
    for (const section of before.sections) {
      if (section.kind === 'schema') this.#sources.set(section.table, section.schema);
    }
    for (const section of after.sections) {
      if (section.kind === 'schema') this.#routed.set(section.table, section.schema);
    }
    this.lookup = lookup ?? this.lookup;
  }
}

/** A row of a routed section, as a person reads it. */
export interface ShownRow {
  readonly topic?: string;
  readonly table: string;
  readonly kind: 'insert' | 'delete' | 'before';
  readonly row: Record<string, unknown>;
  readonly version: bigint;
}

export function showRows(batch: ChangeBatch, state: StoredState): ShownRow[] {
  return batch.sections.flatMap((section) => {
    if (section.kind !== 'rows') return [];
    const schema = state.routed(section.table);
    if (schema?.version !== section.schemaVersion) throw new Error(`no schema of ${section.table}`);
    const rows = decodeRows(schema, section.bytes);
    if (rows.length !== section.rowCount) throw new Error(`rowCount of ${section.table} is wrong`);
    return rows.map((row) => ({
      ...(section.topic !== undefined && { topic: section.topic }),
      table: section.table,
      kind: kindOf(row),
      row: Object.fromEntries(
        schema.columns.map(({ name, type }, index) => [
          name,
          shown(type, row.values[index] ?? null),
        ]),
      ),
      version: row.version,
    }));
  });
}

function kindOf({ deleted, isBefore }: Row): ShownRow['kind'] {
  if (isBefore) return 'before';
  return deleted ? 'delete' : 'insert';
}

function shown(type: ColumnType, value: RowValue): unknown {
  if (value === null) return null;
  if (type.kind === 'decimal') return (Number(value) / 10 ** type.scale).toFixed(type.scale);
  if (Buffer.isBuffer(value)) return value.toString();
  return typeof value === 'bigint' ? Number(value) : value;
}
