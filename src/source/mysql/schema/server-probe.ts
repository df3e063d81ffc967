import type { Position } from '../../../change/position.ts';
import type { TableId } from '../../../change/table-id.ts';
import type { ProbedTable, SchemaProbe } from '../binlog/schema-registry.ts';
import type { MysqlSession } from '../connection.ts';
import { serverErrno } from '../error-map.ts';
import { quoteTable } from '../snapshot/keyset-query.ts';
import type { SchemaReader } from './schema-reader.ts';

/** Tells the stream what tables look like now. */
export class ServerProbe implements SchemaProbe {
  readonly #connected: () => Promise<{ session: MysqlSession; schemas: SchemaReader }>;
  readonly endPosition: () => Promise<Position>;

  constructor(options: {
    readonly connected: () => Promise<{ session: MysqlSession; schemas: SchemaReader }>;
    readonly endPosition: () => Promise<Position>;
  }) {
    this.#connected = options.connected;
    this.endPosition = options.endPosition;
  }

  async readTable(table: TableId): Promise<ProbedTable | undefined> {
    const { session, schemas } = await this.#connected();
    try {
      // A DDL statement is in the binlog before its table can be described; its lock ends with it.
      await session.command(`SELECT 1 FROM ${quoteTable(table)} LIMIT 0`);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    const description = await schemas.describe(session, table);
    return description && schemas.toSourceTable(description);
  }
}

/** No such table, no such database, or a view whose tables are gone. */
function isMissing(error: unknown): boolean {
  return [1146, 1049, 1356].includes(serverErrno(error));
}
