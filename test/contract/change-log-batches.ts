import type { ChangeBatch, Section } from '../../src/change/change-batch.ts';
import type { Position } from '../../src/change/position.ts';
import { encodeRows, type Row } from '../../src/change/row-codec.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';

/** A table of two columns: `id` and a text. */
export function aSchema(table = 'shop.orders', version = 'v1'): TableSchema {
  return {
    table,
    version,
    key: ['id'],
    columns: [
      {
        name: 'id',
        type: { kind: 'int', bits: 32, unsigned: false },
        nullable: false,
        sourceType: 'int',
      },
      { name: 'note', type: { kind: 'string' }, nullable: true, sourceType: 'varchar(20)' },
    ],
  };
}

export function aPosition(offset: number): Position {
  return { epoch: 0, file: 'binlog.000001', offset, serverId: 'test' };
}

export function rowsSection(schema: TableSchema, rows: readonly Row[]): Section {
  return {
    kind: 'rows',
    table: schema.table,
    schemaVersion: schema.version,
    rowCount: rows.length,
    bytes: encodeRows(schema, rows),
  };
}

export function schemaSection(
  schema: TableSchema,
  rest: { existingRows?: 'keep' | 'resnapshot'; defaults?: Record<string, string> } = {},
): Section {
  return {
    kind: 'schema',
    table: schema.table,
    schema,
    existingRows: 'keep',
    version: 1n,
    ...rest,
  };
}

export function aBatch(
  sections: readonly Section[],
  rest: Partial<Omit<ChangeBatch, 'sections'>> = {},
): ChangeBatch {
  return {
    origin: 'stream',
    sections,
    position: aPosition(100),
    transactions: 1,
    committedAtMs: 1_700_000_000_000,
    receivedAtMs: 1_700_000_000_050,
    ...rest,
  };
}

/** A batch of one row whose text is `note`, or as many bytes long as a number says. */
export function aNote(id: number, note: string | number): ChangeBatch {
  const text = typeof note === 'number' ? 'x'.repeat(note) : note;
  const row = { values: [id, text], version: BigInt(id), deleted: false };
  return aBatch([rowsSection(aSchema(), [row])]);
}
