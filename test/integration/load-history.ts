import fc from 'fast-check';
import type { ChangeBatch, Section } from '../../src/change/change-batch.ts';
import type { Row, RowValue } from '../../src/change/row-codec.ts';
import type { Column, TableSchema } from '../../src/change/table-schema.ts';
import { aBatch, aPosition, rowsSection } from '../contract/change-log-batches.ts';

/** What happens in the source, one after another. `table` is a number below `tableCount`. */
export type Happening =
  | {
      readonly op: 'put';
      readonly table: number;
      readonly id: number;
      readonly note: string | null;
    }
  | { readonly op: 'delete'; readonly table: number; readonly id: number }
  | { readonly op: 'truncate'; readonly table: number }
  | { readonly op: 'rekey'; readonly table: number; readonly id: number; readonly to: number }
  | { readonly op: 'add'; readonly table: number; readonly value: number }
  | { readonly op: 'drop'; readonly table: number }
  | { readonly op: 'reread'; readonly table: number }
  /** A new snapshot; the row `lost` disappears from the source without a trace in the stream. */
  | { readonly op: 'snapshot'; readonly table: number; readonly lost: number }
  /** The batch ends; `open`: in the middle of its transaction. */
  | { readonly op: 'commit'; readonly open: boolean };

export const tableCount = 2;

const table = fc.nat(tableCount - 1);
const id = fc.nat(5);

export const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constant('put' as const),
        table,
        id,
        note: fc.option(fc.string({ maxLength: 3 })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), table, id }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('rekey' as const), table, id, to: id }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('truncate' as const), table }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant('add' as const), table, value: fc.nat(99) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constantFrom('drop' as const, 'reread' as const), table }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('snapshot' as const), table, lost: id }) },
    { weight: 6, arbitrary: fc.record({ op: fc.constant('commit' as const), open: fc.boolean() }) },
  ),
  { minLength: 10, maxLength: 60 },
);

export interface HistoryItem {
  readonly batch: ChangeBatch;
  readonly open: boolean;
}

interface SourceTable {
  schema: TableSchema;
  /** Values beside the id. */
  readonly rows: Map<number, RowValue[]>;
}

/** A source in memory: turns what happens into the batches a capture would append. */
export class History {
  readonly items: HistoryItem[] = [];
  readonly #tables: SourceTable[];
  #sections: Section[] = [];
  #version = 1;
  #columns = 0;
  /** Chunk and sweep of a snapshot, read already and not yet appended. */
  #late: ChangeBatch[] = [];

  constructor(database: string, all: readonly Happening[]) {
    this.#tables = Array.from({ length: tableCount }, (_, index) => {
      const schema = schemaOf(`${database}.t${index}`, [idColumn, noteColumn]);
      this.#sections.push(this.#schemaSection(schema, 'keep'));
      return { schema, rows: new Map() };
    });
    for (const happening of all) this.#apply(happening);
    this.#endBatch(false);
  }

  /** What the sink must hold in the end: the rows of each table by column name, by id. */
  expected(): Map<string, Record<string, RowValue>[]> {
    return new Map(
      this.#tables.map(({ schema, rows }) => [
        schema.table,
        [...rows]
          .sort(([left], [right]) => left - right)
          .map(([key, values]) =>
            Object.fromEntries(
              schema.columns.map(({ name }, at) => [name, [key, ...values][at] ?? null]),
            ),
          ),
      ]),
    );
  }

  #apply(happening: Happening): void {
    const source = 'table' in happening ? this.#tables[happening.table] : undefined;
    if (happening.op === 'commit') this.#endBatch(happening.open);
    else if (source === undefined) throw new Error(`no table ${happening.table}`);
    else if (happening.op === 'put')
      this.#put(source, happening.id, [happening.note, ...extras(source)]);
    else if (happening.op === 'delete') this.#delete(source, happening.id);
    else if (happening.op === 'rekey') this.#rekey(source, happening);
    else if (happening.op === 'truncate') this.#truncate(source);
    else if (happening.op === 'add') this.#addColumn(source, happening.value);
    else if (happening.op === 'drop') this.#dropColumn(source);
    else if (happening.op === 'reread') this.#reread(source);
    else if (happening.op === 'snapshot') this.#snapshot(source, happening.lost);
  }

  #rekey(source: SourceTable, { id: key, to }: { readonly id: number; readonly to: number }): void {
    const values = source.rows.get(key);
    if (values === undefined || source.rows.has(to)) return;
    this.#delete(source, key);
    this.#put(source, to, values);
  }

  #truncate({ schema, rows }: SourceTable): void {
    rows.clear();
    this.#sections.push({ kind: 'truncate', table: schema.table, version: this.#next() });
  }

  #put(source: SourceTable, key: number, values: RowValue[]): void {
    source.rows.set(key, values);
    this.#row(source, [key, ...values], false);
  }

  #delete(source: SourceTable, key: number): void {
    const values = source.rows.get(key);
    if (values === undefined) return;
    source.rows.delete(key);
    this.#row(source, [key, ...values], true);
  }

  #row({ schema }: SourceTable, values: RowValue[], deleted: boolean): void {
    this.#sections.push(rowsSection(schema, [{ values, version: this.#next(), deleted }]));
  }

  #addColumn(source: SourceTable, value: number): void {
    this.#endBatch(false);
    const added: Column = { ...idColumn, name: `c${this.#columns++}` };
    source.schema = schemaOf(source.schema.table, [...source.schema.columns, added]);
    for (const values of source.rows.values()) values.push(value);
    const defaults = { [added.name]: String(value) };
    this.#sections.push({ ...this.#schemaSection(source.schema, 'keep'), defaults });
  }

  #dropColumn(source: SourceTable): void {
    if (source.schema.columns.length <= 2) return;
    this.#endBatch(false);
    source.schema = schemaOf(source.schema.table, source.schema.columns.slice(0, -1));
    for (const values of source.rows.values()) values.pop();
    this.#sections.push(this.#schemaSection(source.schema, 'keep'));
  }

  /** A change whose effect on old rows only a new snapshot tells: every note becomes another one. */
  #reread(source: SourceTable): void {
    this.#endBatch(false);
    for (const values of source.rows.values()) values[0] = `again ${values[0]}`;
    this.#sections.push(this.#schemaSection(source.schema, 'resnapshot'));
    this.#endBatch(false);
    this.#snapshot(source, -1);
  }

  #snapshot(source: SourceTable, lost: number): void {
    this.#endBatch(false);
    source.rows.delete(lost);
    const version = this.#next();
    const rows = [...source.rows].map(
      ([key, values]): Row => ({ values: [key, ...values], version, deleted: false }),
    );
    const rest = { origin: 'snapshot', transactions: 0, position: this.#position() } as const;
    this.#late = [
      aBatch([rowsSection(source.schema, rows)], rest),
      aBatch([{ kind: 'sweep', table: source.schema.table, version }], rest),
    ];
  }

  #endBatch(open: boolean): void {
    const isOpen = open && this.#sections.length > 0;
    const followsOpen = this.items.at(-1)?.open === true;
    if (this.#sections.length > 0 || followsOpen) {
      const batch = aBatch(this.#sections, { position: this.#position() });
      this.items.push({ batch, open: isOpen });
    }
    this.#sections = [];
    if (isOpen) return;
    for (const batch of this.#late) this.items.push({ batch, open: false });
    this.#late = [];
  }

  #schemaSection(schema: TableSchema, existingRows: 'keep' | 'resnapshot') {
    const version = this.#next();
    return { kind: 'schema', table: schema.table, schema, existingRows, version } as const;
  }

  #next(): bigint {
    return BigInt(this.#version++);
  }

  #position() {
    return aPosition(this.#version);
  }
}

const idColumn: Column = {
  name: 'id',
  type: { kind: 'int', bits: 32, unsigned: false },
  nullable: false,
  sourceType: 'int',
};
const noteColumn: Column = {
  name: 'note',
  type: { kind: 'string' },
  nullable: true,
  sourceType: 'text',
};

function schemaOf(name: string, columns: readonly Column[]): TableSchema {
  const version = columns.map((column) => column.name).join('+');
  return { table: name, version, columns, key: ['id'] };
}

/** Values for the columns that were added. */
function extras({ schema }: SourceTable): number[] {
  return schema.columns.slice(2).map((_, index) => index);
}
