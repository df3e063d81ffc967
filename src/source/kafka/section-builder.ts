import type { Section } from '../../change/change-batch.ts';
import { type LineSource, MessageLines } from '../../change/message-line.ts';
import type { Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { SchemaBook } from './schema-book.ts';
import type { Target } from './topic-reader.ts';

/** How a message is written as a line, beside what it is. */
export interface LineFacts {
  /** The topic as JSON text. */
  readonly queue: string;
  readonly version: string;
  readonly arrival: bigint;
  readonly reason?: string;
}

/** Gathers messages as sections of a batch: those of a table between two barriers in one. */
export class SectionBuilder {
  readonly #book: SchemaBook;
  /** Schema versions that whoever takes the sections knows. */
  readonly #declared: Map<TableId, string>;
  /** Lines by table, empty ones for their room; those being gathered have a target. */
  readonly #lines = new Map<TableId, { lines: MessageLines; target: Target | undefined }>();
  #sections: Section[] = [];
  #count = 0;

  constructor(book: SchemaBook, declared: ReadonlyMap<TableId, TableSchema>) {
    this.#book = book;
    this.#declared = new Map([...declared].map(([table, { version }]) => [table, version]));
  }

  add(target: Target, source: LineSource, facts: LineFacts): void {
    const open = this.#linesOf(target.table);
    if (open.target !== target) {
      this.#close(target.table);
      this.declare(target.schema, facts.arrival);
      open.target = target;
    }
    const { queue, version, arrival, reason } = facts;
    open.lines.add(source, queue, version, arrival, reason);
    this.#count++;
  }

  /** Puts the schema in front of what follows, unless it is known. */
  declare(schema: TableSchema, version: Version): void {
    const { table } = schema;
    if (this.#declared.get(table) === schema.version) return;
    this.#close(table);
    this.#declared.set(table, schema.version);
    const defaults = this.#book.initials(table);
    this.#sections.push({
      kind: 'schema',
      table,
      schema,
      existingRows: 'keep',
      ...(defaults && { defaults }),
      version,
    });
  }

  empty(table: TableId, version: Version, arrival: bigint): void {
    this.#close(table);
    this.#sections.push({ kind: 'truncate', table, version, arrival: arrival.toString() });
  }

  /** What was gathered; the builder goes on with the next batch. */
  take(): { sections: Section[]; messages: number } {
    for (const table of this.#lines.keys()) this.#close(table);
    const taken = { sections: this.#sections, messages: this.#count };
    this.#sections = [];
    this.#count = 0;
    return taken;
  }

  #linesOf(table: TableId) {
    const known = this.#lines.get(table);
    if (known !== undefined) return known;
    const fresh = { lines: new MessageLines(), target: undefined };
    this.#lines.set(table, fresh);
    return fresh;
  }

  #close(table: TableId): void {
    const open = this.#lines.get(table);
    if (open?.target === undefined) return;
    const { schema, layout } = open.target;
    const { rowCount, bytes } = open.lines.take();
    open.target = undefined;
    const schemaVersion = schema.version;
    this.#sections.push({ kind: 'messages', table, schemaVersion, layout, rowCount, bytes });
  }
}
