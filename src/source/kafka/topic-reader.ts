import { type MessageLayout, rowsOfMessage } from '../../change/message-layout.ts';
import { packVersion, type Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { readBlockSchema } from './block-schema.ts';
import { readCanalSchema } from './canal-schema.ts';
import { controlMessageIn } from './control-message.ts';
import type { MessageSchema } from './message-schema.ts';
import type { SchemaBook } from './schema-book.ts';
import {
  canalTypes,
  canalTypesStart,
  connectPrefix,
  payloadAfter,
  standsAt,
} from './schema-bytes.ts';
import { tableNameIn } from './table-name.ts';
import { layoutOf, type TopicTable, withEncodings } from './topic-table.ts';

/** Where the lines of a message go. The same object for all messages alike. */
export interface Target {
  readonly table: TableId;
  readonly schema: TableSchema;
  readonly layout: MessageLayout;
}

/** What becomes of a message. */
export type Placement =
  | { readonly kind: 'line'; readonly target: Target; readonly value: Buffer }
  | { readonly kind: 'refused'; readonly target: Target; readonly reason: string }
  | { readonly kind: 'empty'; readonly table: TableId; readonly version: Version | undefined }
  | { readonly kind: 'skipped'; readonly table?: TableId; readonly what?: string };

/** A piece of messages that describes their columns, the same in one after another. */
interface Description {
  readonly bytes: Buffer;
  readonly schemas: Map<TopicTable, MessageSchema | undefined>;
}

interface TopicReaderOptions {
  readonly topic: string;
  /** At least one. */
  readonly tables: readonly TopicTable[];
  readonly book: SchemaBook;
  readonly unmatched: 'deadLetter' | 'ignore';
  /** Messages about these are skipped. */
  readonly excluded: ReadonlySet<TableId>;
  /** Of positions now; versions by offset begin with it. */
  readonly epoch: number;
}

const rememberedDescriptions = 64;
/** Why a message has no place whose entry expects it to say its columns. */
export const undescribed = 'it does not describe its columns, and none are declared';
const skipped: Placement = { kind: 'skipped' };
const nullPayload = Buffer.from('null');

/**
 * Says of each message of a topic which table it is about and in which columns, from a few bytes of it:
 * the rest is not looked at here. Throws CDC_TYPE_UNSUPPORTED, CDC_TABLE_NO_PRIMARY_KEY,
 * CDC_SCHEMA_INCOMPATIBLE and CDC_MESSAGE_MALFORMED, each about one table.
 */
export class TopicReader {
  readonly #options: TopicReaderOptions;
  readonly #first: TopicTable;
  /** By the name messages use; undefined when every message is about the only table. */
  readonly #byName: ReadonlyMap<string, TopicTable> | undefined;
  readonly #isExcluded: boolean;
  readonly #targets = new Map<TopicTable, { found: MessageSchema | undefined; target: Target }>();
  /** The one met last is the first. */
  readonly #descriptions: Description[] = [];
  /** Offsets fit beside it exactly while nobody has begun the history anew, and the sum is quick. */
  readonly #numberBase: number | undefined;
  /** Versions between two offsets. */
  readonly #spacing: number;

  constructor(options: TopicReaderOptions) {
    const { tables, epoch } = options;
    const [first] = tables;
    if (first === undefined) throw new CdcError('CDC_INTERNAL', `${options.topic} has no table.`);
    this.#options = options;
    this.#first = first;
    this.#isExcluded = tables.every(({ table }) => options.excluded.has(table));
    const names = tables.map((table) => [table.entry.messageTable ?? table.table, table] as const);
    this.#byName = tables.length > 1 || sharesTopics(first) ? new Map(names) : undefined;
    this.#spacing = first.format === 'canal' ? rowsOfMessage : 1;
    this.#numberBase = epoch === 0 ? Number(packVersion(0, 1, 0)) : undefined;
  }

  /** Whether offsets are what orders the changes of its tables. */
  get isOrderedByOffset(): boolean {
    return this.#first.version === 'offset';
  }

  place(record: KafkaRecord): Placement {
    if (record.value === null || this.#isExcluded) return skipped;
    const description = this.#describe(record.value);
    const value = this.#bodyOf(record.value, description);
    if (value.equals(nullPayload)) return skipped;
    const table = this.#tableOf(value);
    if (table !== undefined && this.#options.excluded.has(table.table)) return skipped;
    const control = controlMessageIn(value, this.#first.format);
    if (control !== undefined) {
      if (table === undefined || control.kind === 'other') {
        return { kind: 'skipped', what: control.what, ...(table && { table: table.table }) };
      }
      const version = table.version === 'offset' ? this.version(record.offset) : control.version;
      return { kind: 'empty', table: table.table, version };
    }
    if (table === undefined) {
      if (this.#options.unmatched === 'ignore') return skipped;
      return this.#refuse(record, this.#firstIncluded(), 'no entry of the topic is for its table');
    }
    const found = this.#schemaIn(description, table, record, value);
    const target = this.#target(table, found);
    if (target !== undefined) return { kind: 'line', target, value };
    return this.#refuse(record, table, undescribed);
  }

  /** Version of what has this offset, in tables ordered by it. */
  version(offset: number): Version {
    return packVersion(this.#options.epoch, 1, 0) + BigInt(offset) * BigInt(this.#spacing);
  }

  /** The same as text, for a line. */
  versionText(offset: number): string {
    const base = this.#numberBase;
    return base === undefined
      ? this.version(offset).toString()
      : String(base + offset * this.#spacing);
  }

  #firstIncluded(): TopicTable {
    const { tables, excluded } = this.#options;
    return tables.find(({ table }) => !excluded.has(table)) ?? this.#first;
  }

  #describe(value: Buffer): Description | undefined {
    const { format } = this.#first;
    if (format === 'maxwell') return undefined;
    const start = format === 'canal' ? canalTypesStart(value) : 0;
    if (start < 0) return undefined;
    const known = this.#descriptions.findIndex(({ bytes }) => standsAt(value, bytes, start));
    if (known === 0) return this.#descriptions[0];
    if (known > 0) {
      const [found] = this.#descriptions.splice(known, 1);
      if (found !== undefined) this.#descriptions.unshift(found);
      return found;
    }
    const fresh = format === 'canal' ? canalTypes(value, start) : connectPrefix(value);
    if (fresh === undefined) return undefined;
    // A copy: the message is part of a fetched answer, which must not be kept for it.
    const description = { bytes: Buffer.from(fresh), schemas: new Map() };
    this.#descriptions.unshift(description);
    this.#descriptions.length = Math.min(this.#descriptions.length, rememberedDescriptions);
    return description;
  }

  /** The envelope or row: what follows a schema block. */
  #bodyOf(value: Buffer, description: Description | undefined): Buffer {
    if (description === undefined || this.#first.format === 'canal') return value;
    return payloadAfter(description.bytes, value);
  }

  #tableOf(value: Buffer): TopicTable | undefined {
    if (this.#byName === undefined) return this.#first;
    const name = tableNameIn(value, this.#first.format);
    return name === undefined ? undefined : this.#byName.get(name);
  }

  #schemaIn(
    description: Description | undefined,
    table: TopicTable,
    { key }: KafkaRecord,
    value: Buffer,
  ): MessageSchema | undefined {
    if (description === undefined) return undefined;
    if (description.schemas.has(table)) return description.schemas.get(table);
    const read = this.#first.format === 'canal' ? readCanalSchema : readBlockSchema;
    const message = { description: description.bytes, key, value };
    const found =
      table.declared === undefined
        ? read(table.table, message)
        : unlessUnsupported(() => read(table.table, message));
    description.schemas.set(table, found);
    return found;
  }

  /** Undefined when the columns are neither declared nor described. */
  #target(table: TopicTable, found: MessageSchema | undefined): Target | undefined {
    const { book } = this.#options;
    const known = this.#targets.get(table);
    if (known !== undefined && known.found === found) {
      const schema = book.get(table.table);
      if (schema === known.target.schema || schema === undefined) return known.target;
      return this.#remember(table, found, { ...known.target, schema });
    }
    const said = table.declared === undefined ? found : withEncodings(table.declared, found);
    if (said === undefined) return undefined;
    const all = table.declared
      ? said
      : { ...said, columns: [...said.columns, ...table.placeColumns] };
    const key = all.key ?? table.placeColumns.map(({ name }) => name);
    const schema = book.admit(table, { ...all, key });
    const layout = layoutOf(table, all);
    // Messages alike stay in one section although they describe themselves differently.
    const isSame = JSON.stringify(layout) === JSON.stringify(known?.target.layout);
    const kept = isSame ? known?.target.layout : undefined;
    return this.#remember(table, found, { table: table.table, schema, layout: kept ?? layout });
  }

  #remember(table: TopicTable, found: MessageSchema | undefined, target: Target): Target {
    this.#targets.set(table, { found, target });
    return target;
  }

  /** A line of the table that cannot be placed goes with the rows of the table, to be kept as it is. */
  #refuse({ offset }: KafkaRecord, table: TopicTable, reason: string): Placement {
    const { topic, book } = this.#options;
    const schema = book.get(table.table);
    const known =
      this.#targets.get(table)?.target ??
      this.#target(table, undefined) ??
      (schema && { table: table.table, schema, layout: layoutOf(table, { columns: [], key: [] }) });
    if (known !== undefined) return { kind: 'refused', target: known, reason };
    throw new CdcError(
      'CDC_MESSAGE_MALFORMED',
      `Reading ${topic}: the message at offset ${offset} cannot be placed (${reason}), and no message says the columns of ${table.table}.`,
      {
        details: { table: table.table, topic, offset },
        remedy: `Declare columns for ${table.table} in source.tables, then: cdc init --tables ${table.table}`,
      },
    );
  }
}

/** Declared columns stand whatever the message says of others. */
function unlessUnsupported(read: () => MessageSchema | undefined): MessageSchema | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CdcError && error.code === 'CDC_TYPE_UNSUPPORTED') return undefined;
    throw error;
  }
}

/** Tools that write all their tables into one topic unless told otherwise. */
function sharesTopics({ format }: TopicTable): boolean {
  return format === 'maxwell' || format === 'canal';
}
