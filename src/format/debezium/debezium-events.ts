import type {
  SchemaSection,
  Section,
  TransactionMark,
  TruncateSection,
} from '../../change/change-batch.ts';
import { unpackVersion, type Version } from '../../change/position.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { ChangePlace, EventMessage, SourceDescription } from '../change-format.ts';
import type { FormatOptions } from '../options.ts';
import { binlogFile, gtidOf } from '../place-text.ts';
import type { DebeziumSchemas } from './debezium-schemas.ts';
import { quotedId, tableChangeOf } from './table-change.ts';

/** Debezium's messages that are not about one row: schema changes, TRUNCATE, begin and end of transactions. */
export class DebeziumEvents {
  readonly #hasSchemas: boolean;
  readonly #source: SourceDescription;
  readonly #schemas: DebeziumSchemas;

  constructor(options: FormatOptions, source: SourceDescription, schemas: DebeziumSchemas) {
    this.#hasSchemas = options.schema;
    this.#source = source;
    this.#schemas = schemas;
  }

  of(section: Section, known: TableSchema | undefined, place: ChangePlace): EventMessage[] {
    if (section.kind === 'schema') {
      const change = tableChangeOf(section.schema, known === undefined ? 'CREATE' : 'ALTER');
      return [this.#schemaChange(section, [change], place)];
    }
    return section.kind === 'truncate' ? this.#truncated(section, known, place) : [];
  }

  begin(mark: TransactionMark): EventMessage {
    return this.#transaction(mark, { status: 'BEGIN', event_count: null, data_collections: null });
  }

  end(mark: TransactionMark, changes: ReadonlyMap<TableId, number>): EventMessage {
    const collections = [...changes].map(([data_collection, event_count]) => ({
      data_collection,
      event_count,
    }));
    const total = collections.reduce((sum, { event_count }) => sum + event_count, 0);
    return this.#transaction(mark, {
      status: 'END',
      event_count: total,
      data_collections: collections,
    });
  }

  /**
   * All rows are gone: `op` t. After DROP or RENAME the table is too, and the schema topic says so. Rows of
   * one shard of several cannot be said by `op` t, which means all: only the statement is shown.
   */
  #truncated(
    section: TruncateSection,
    known: TableSchema | undefined,
    place: ChangePlace,
  ): EventMessage[] {
    if (section.only !== undefined) return [this.#schemaChange(section, [], place)];
    const isTruncate = section.ddl === undefined || /^\s*truncate\b/i.test(section.ddl);
    const truncate = this.#truncate(section, known, place);
    if (isTruncate) return [truncate];
    const drop = { type: 'DROP', id: quotedId(section.table), table: null };
    return [truncate, this.#schemaChange(section, [drop], place)];
  }

  #schemaChange(
    { table, ddl, version }: SchemaSection | TruncateSection,
    changes: readonly object[],
    place: ChangePlace,
  ): EventMessage {
    const { database } = splitTableId(table);
    const value =
      `{"source":${this.#sourceText(table, version, place)},"ts_ms":${place.receivedAtMs},` +
      `"databaseName":${JSON.stringify(database)},"schemaName":null,` +
      `"ddl":${JSON.stringify(ddl ?? null)},"tableChanges":${JSON.stringify(changes)}}`;
    return {
      to: 'schema',
      key: this.#enclose(JSON.stringify({ databaseName: database }), () =>
        this.#schemas.schemaChangeKey(),
      ),
      value: this.#enclose(value, () => this.#schemas.schemaChange()),
    };
  }

  #truncate(
    { table, version }: TruncateSection,
    schema: TableSchema | undefined,
    place: ChangePlace,
  ): EventMessage {
    const value =
      `{"before":null,"after":null,"source":${this.#sourceText(table, version, place)},` +
      `"transaction":null,"op":"t",${times(place.receivedAtMs)}}`;
    return {
      to: 'table',
      key: null,
      value: this.#enclose(value, () =>
        schema === undefined ? 'null' : this.#schemas.value(schema),
      ),
    };
  }

  #transaction(
    { id, committedAtMs }: TransactionMark,
    { status, ...rest }: { readonly status: string; readonly [name: string]: unknown },
  ): EventMessage {
    const value = { status, id, ...rest, ts_ms: committedAtMs };
    return {
      to: 'transaction',
      key: this.#enclose(JSON.stringify({ id }), () => this.#schemas.transactionKey()),
      value: this.#enclose(JSON.stringify(value), () => this.#schemas.transaction()),
    };
  }

  #sourceText(id: TableId, version: Version, place: ChangePlace): string {
    const { toolVersion, connector, name, serverId = 0 } = this.#source;
    const { database, table } = splitTableId(id);
    const { fileNumber, offset } = unpackVersion(version);
    const isSnapshot = place.origin === 'snapshot';
    const head = JSON.stringify({ version: toolVersion, connector, name }).slice(0, -1);
    const { committedAtMs } = place.mark;
    const rest = JSON.stringify({
      table,
      server_id: isSnapshot ? 0 : serverId,
      gtid: gtidOf(place) ?? null,
      file: binlogFile(place, fileNumber),
      pos: offset,
      row: 0,
      thread: null,
      query: null,
    }).slice(1);
    return (
      `${head},"ts_ms":${committedAtMs},"snapshot":"${isSnapshot}",` +
      `"db":${JSON.stringify(database)},"sequence":null,` +
      `"ts_us":${withZeros(committedAtMs, 3)},"ts_ns":${withZeros(committedAtMs, 6)},${rest}`
    );
  }

  #enclose(payload: string, schema: () => string): Buffer {
    return Buffer.from(this.#hasSchemas ? `{"schema":${schema()},"payload":${payload}}` : payload);
  }
}

function times(ms: number): string {
  return `"ts_ms":${ms},"ts_us":${withZeros(ms, 3)},"ts_ns":${withZeros(ms, 6)}`;
}

/** Nanoseconds are beyond what a number holds exactly. */
function withZeros(ms: number, zeros: number): string {
  return ms === 0 ? '0' : String(ms) + '0'.repeat(zeros);
}
