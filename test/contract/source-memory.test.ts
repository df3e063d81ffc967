import type { TableSchema } from '../../src/change/table-schema.ts';
import { type MemoryChange, MemorySource } from '../../src/source/memory/memory-source.ts';
import type { MemoryRow } from '../../src/source/memory/row-encoder.ts';
import { ReplicaState } from './replica-state.ts';
import { type Change, type Detail, describeSource, type SourceHarness } from './source.ts';

const chunkRows = 10;

function schemaOf(table: string, withNote = false): TableSchema {
  return {
    table,
    version: `${table}-${withNote ? 2 : 1}`,
    key: ['id'],
    columns: [
      {
        name: 'id',
        type: { kind: 'int', bits: 32, unsigned: false },
        nullable: false,
        sourceType: 'int',
      },
      { name: 'name', type: { kind: 'string' }, nullable: true, sourceType: 'varchar(40)' },
      {
        name: 'amount',
        type: { kind: 'decimal', precision: 10, scale: 2 },
        nullable: false,
        sourceType: 'decimal(10,2)',
      },
      ...(withNote
        ? [
            {
              name: 'note',
              type: { kind: 'string' },
              nullable: true,
              sourceType: 'varchar(40)',
            } as const,
          ]
        : []),
    ],
  };
}

async function open(detail: Detail): Promise<SourceHarness> {
  const reader = new ReplicaState();
  const tables = ['shop.orders', 'shop.students'] as const;
  const knownSchema = (table: string) => reader.schema(table);
  const source = new MemorySource({ chunkRows, detail, knownSchema });
  // The test keeps its own idea of the rows: the source must not be its own judge.
  const rows = new Map<string, Map<number, MemoryRow>>();
  for (const table of tables) {
    source.createTable(schemaOf(table));
    rows.set(table, new Map());
  }
  return {
    source,
    chunkRows,
    reader,
    tables,
    async commit(changes) {
      source.commit(changes.map(memoryChange));
      for (const change of changes) note(rows.get(change.table) ?? new Map(), change);
    },
    async truncate(table) {
      source.truncateTable(table);
      rows.get(table)?.clear();
    },
    async addNote(table) {
      source.alterTable(schemaOf(table, true), { existingRows: 'keep' });
    },
    async rows(table) {
      const schema = (await source.tables()).find((candidate) => candidate.table === table);
      const names = schema?.columns.map(({ name }) => name) ?? [];
      return [...(rows.get(table) ?? new Map<number, MemoryRow>())]
        .sort(([left], [right]) => left - right)
        .map(([, row]) => Object.fromEntries(names.map((name) => [name, textOf(row[name])])));
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

function memoryChange(change: Change): MemoryChange {
  switch (change.kind) {
    case 'insert':
      return { insert: change.table, row: { ...change.row } };
    case 'update':
      return { update: change.table, key: { id: change.id }, row: { ...change.row } };
    case 'delete':
      return { delete: change.table, row: { id: change.id } };
  }
}

function note(rows: Map<number, MemoryRow>, change: Change): void {
  if (change.kind !== 'insert') rows.delete(change.id);
  if (change.kind !== 'delete') rows.set(change.row.id, { ...change.row });
}

function textOf(value: MemoryRow[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

describeSource('memory', open);
