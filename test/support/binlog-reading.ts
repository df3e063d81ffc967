import type { RowsSection, Section } from '../../src/change/change-batch.ts';
import type { Position } from '../../src/change/position.ts';
import type { TableId } from '../../src/change/table-id.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { BinlogStream } from '../../src/source/mysql/binlog/binlog-stream.ts';
import type { SchemaProbe } from '../../src/source/mysql/binlog/schema-registry.ts';
import { MysqlSession } from '../../src/source/mysql/connection.ts';
import { type MysqlSourceOptions, mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { SchemaReader } from '../../src/source/mysql/schema/schema-reader.ts';
import { readServerInfo, type ServerInfo } from '../../src/source/mysql/server-info.ts';
import { positionAt, readBinlogEnd } from '../../src/source/mysql/server-position.ts';
import type { StreamItem } from '../../src/source/source.ts';
import { type DecodedRow, decodeRows } from '../contract/decode-rows.ts';
import type { TestDatabase } from './test-database.ts';

let nextServerId = 900_000 + (process.pid % 10_000) * 10;

/** Reads the binlog of a test's server for one database, as `cdc run` would. */
export class BinlogReading implements AsyncDisposable {
  readonly server: ServerInfo;
  /** Of streams opened from here on; see MysqlSourceContext. */
  detail: 'rows' | 'changes' = 'rows';
  readonly snapshotsNeeded: TableId[] = [];
  readonly schemas = new Map<string, TableSchema>();
  readonly #source: MysqlSourceOptions;
  readonly #session: MysqlSession;
  readonly #reader: SchemaReader;

  private constructor(source: MysqlSourceOptions, session: MysqlSession, server: ServerInfo) {
    this.#source = source;
    this.#session = session;
    this.server = server;
    this.#reader = new SchemaReader(source, server.flavour);
  }

  static async open(
    database: TestDatabase,
    options: Partial<MysqlSourceOptions> = {},
  ): Promise<BinlogReading> {
    const { host, port, user, password } = database.options;
    const tables = [`${database.name}.*`];
    const source = {
      ...mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables }),
      heartbeatSeconds: 0.5,
      ...options,
    };
    const session = await MysqlSession.open(source);
    return new BinlogReading(source, session, await readServerInfo(session));
  }

  /** The end of the binlog, with the GTIDs that lie before it; nothing may be written meanwhile. */
  async here(): Promise<Position> {
    const place = await readBinlogEnd(this.#session, this.server);
    const gtids = this.server.flavour === 'mysql' ? 'gtid_executed' : 'gtid_binlog_pos';
    const row = await this.#session.row<{ gtid: string }>(`SELECT @@GLOBAL.${gtids} AS gtid`);
    return positionAt(place, this.server, 0, row?.gtid.replaceAll(/\s/g, '') ?? '');
  }

  /** The schema of a table as it is now; remembered for `rows`. */
  async schema(table: TableId): Promise<TableSchema> {
    const probed = await this.#readTable(table);
    if (probed === undefined) throw new Error(`no table ${table}`);
    this.schemas.set(probed.schema.version, probed.schema);
    return probed.schema;
  }

  /** A stream of its own; `stream.stream(...)` starts it. */
  stream(probe: Partial<SchemaProbe> = {}, serverId = nextServerId++): BinlogStream {
    return new BinlogStream({
      source: this.#source,
      serverId,
      detail: this.detail,
      onSnapshotNeeded: (table) => this.snapshotsNeeded.push(table),
      probe: {
        readTable: (table) => this.#readTable(table),
        endPosition: () => this.here(),
        ...probe,
      },
    });
  }

  /** Everything from `from` to the end of the binlog now. */
  async readToEnd(from: Position, known: Iterable<TableSchema> = []): Promise<StreamItem[]> {
    return this.readUntil(from, await this.here(), known);
  }

  async readUntil(
    from: Position,
    end: Position,
    known: Iterable<TableSchema> = [],
  ): Promise<StreamItem[]> {
    const schemas = new Map([...known].map((schema) => [schema.table, schema]));
    const items: StreamItem[] = [];
    const isThere = ({ file, offset }: Position) =>
      file > end.file || (file === end.file && offset >= end.offset);
    if (isThere(from)) return items;
    const signal = AbortSignal.timeout(30_000);
    for await (const item of this.stream().stream(from, schemas, signal)) {
      items.push(item);
      if (!item.open && isThere(item.batch.position)) return items;
    }
    throw new Error(`the stream did not reach ${end.file}:${end.offset} within 30 s`);
  }

  /** Rows of all sections, decoded; of one table when given. */
  rows(items: readonly StreamItem[], table?: TableId): DecodedRow[] {
    const sections = sectionsOf(items);
    for (const section of sections) {
      if (section.kind === 'schema') this.schemas.set(section.schema.version, section.schema);
    }
    return sections
      .filter((section): section is RowsSection => section.kind === 'rows')
      .filter((section) => table === undefined || section.table === table)
      .flatMap((section) => {
        const schema = this.schemas.get(section.schemaVersion);
        if (schema === undefined) throw new Error(`unknown schema ${section.schemaVersion}`);
        const rows = decodeRows(schema, section.bytes);
        if (rows.length !== section.rowCount) throw new Error('the row count is wrong');
        return rows;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  async #readTable(table: TableId) {
    const name = table.split('.').map((part) => `\`${part.replaceAll('`', '``')}\``);
    await this.#session.rows(`SELECT 1 FROM ${name.join('.')} LIMIT 0`).catch(() => undefined);
    const description = await this.#reader.describe(this.#session, table);
    return description && this.#reader.toSourceTable(description);
  }
}

export function sectionsOf(items: readonly StreamItem[]): Section[] {
  return items.flatMap(({ batch }) => batch.sections);
}
