import type { Position } from '../../src/change/position.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { MysqlSession } from '../../src/source/mysql/connection.ts';
import { type MysqlSourceOptions, mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { SchemaReader } from '../../src/source/mysql/schema/schema-reader.ts';
import { readServerInfo } from '../../src/source/mysql/server-info.ts';
import { positionAt, readBinlogEnd } from '../../src/source/mysql/server-position.ts';
import { TableSnapshot } from '../../src/source/mysql/snapshot/table-snapshot.ts';
import { openWatermarks } from '../../src/source/mysql/snapshot/watermark.ts';
import type { SnapshotItem, SnapshotProgress } from '../../src/source/source.ts';
import { type DecodedRow, decodeRows } from '../contract/decode-rows.ts';
import type { TestDatabase } from '../support/test-database.ts';

export interface Reading {
  readonly items: SnapshotItem[];
  readonly rows: DecodedRow[];
  readonly schema: TableSchema;
}

export interface ReadingOptions {
  readonly chunkRows?: number;
  readonly resume?: SnapshotProgress;
  readonly known?: TableSchema;
  readonly source?: Partial<MysqlSourceOptions>;
  /** Ends the reading after the item for which it gives true. */
  readonly until?: (item: SnapshotItem) => boolean | Promise<boolean>;
}

/** Reads one table as `cdc init` would, without a stream beside it. */
export async function readTable(
  database: TestDatabase,
  name: string,
  options: ReadingOptions = {},
): Promise<Reading> {
  const { host, port, user, password } = database.options;
  const source: MysqlSourceOptions = {
    ...mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables: ['*.*'] }),
    ...options.source,
  };
  const table = `${database.name}.${name}`;
  await using session = await MysqlSession.open(source);
  await using control = await MysqlSession.open(source);
  const server = await readServerInfo(session);
  const schemas = new SchemaReader(source, server.flavour);
  const snapshot = new TableSnapshot(table, {
    session,
    schemas,
    knownSchema: () => options.known,
    openWatermarks: (reader) =>
      openWatermarks(reader, { server, epoch: 0, streamPosition: () => undefined }),
    endPosition: async (): Promise<Position> =>
      positionAt(await readBinlogEnd(control, server), server, 0),
    chunkRows: options.chunkRows ?? 1000,
    schemaWaitMs: 0,
    signal: new AbortController().signal,
  });
  const items: SnapshotItem[] = [];
  for await (const item of snapshot.items(options.resume)) {
    items.push(item);
    if (await options.until?.(item)) break;
  }
  const description = await schemas.describe(control, table);
  if (description === undefined) throw new Error(`no table ${table}`);
  const { schema } = schemas.toSourceTable(description);
  return { items, schema, rows: items.flatMap((item) => rowsOf(item, schema)) };
}

function rowsOf({ batch }: SnapshotItem, schema: TableSchema): DecodedRow[] {
  return batch.sections.flatMap((section) =>
    section.kind === 'rows' && section.schemaVersion === schema.version
      ? decodeRows(schema, section.bytes)
      : [],
  );
}
