import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { mergeSchemas } from './merged-schema.ts';
import type { MessageSchema } from './message-schema.ts';
import { schemaOf, type TopicTable } from './topic-table.ts';

/**
 * The schemas of the tables that topics fill, as far as they are known: declared ones, those the log
 * remembers, and what messages have said since. Shared by everyone who reads for one source.
 */
export class SchemaBook {
  readonly #schemas: Map<TableId, TableSchema>;

  readonly #initials = new Map<TableId, Record<string, string>>();

  constructor(known: ReadonlyMap<TableId, TableSchema> = new Map()) {
    this.#schemas = new Map(known);
  }

  get(table: TableId): TableSchema | undefined {
    return this.#schemas.get(table);
  }

  /** Values of rows from before a column was added, as a schema section has them. */
  initials(table: TableId): Readonly<Record<string, string>> | undefined {
    return this.#initials.get(table);
  }

  /** Takes in what a message or the project file says; returns the schema that holds from here on. */
  admit(table: TopicTable, found: MessageSchema): TableSchema {
    const known = this.#schemas.get(table.table);
    const schema = schemaOf(table, found);
    const isFixed = known === undefined || table.declared !== undefined;
    const merged = isFixed ? schema : mergeSchemas(known, schema.columns, schema.key);
    const isSame = known?.version === merged.version && known.comment === merged.comment;
    const next = isSame ? known : merged;
    this.#schemas.set(table.table, next);
    for (const { name, initial } of found.columns) {
      if (initial === undefined) continue;
      this.#initials.set(table.table, { ...this.#initials.get(table.table), [name]: initial });
    }
    return next;
  }
}
