import type { Catalog } from '../catalog/catalog.ts';
import { renderPosition, versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { arrivalColumn, type TableSchema, versionColumn } from '../change/table-schema.ts';
import type { ClickhouseEngine } from '../engine/clickhouse-engine.ts';
import { clickhouseType } from '../engine/column-type.ts';
import { lastVersionOf, publishedModels } from '../layers/published-models.ts';
import { odsDatabase, physicalTable } from '../load/clickhouse/ddl.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { FeedColumn, FeedTable, SinkFeed } from '../sink/feed.ts';
import { completeReadings } from './settled-tables.ts';
import { refillsOf } from './sink-requests.ts';
import { type Cut, cutKey, settledPrefix } from './warehouse.ts';

export interface WarehouseFeedParts {
  readonly engine: ClickhouseEngine;
  readonly catalog: Catalog;
  readonly log: ChangeLog;
}

interface ColumnRow {
  readonly database: string;
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/**
 * The captured tables and the models of a project for its sinks, as of the last published cut.
 *
 * A captured table is left out while it is read anew, and while the loader has not yet followed its columns; a model while
 * it was built after the cut. Both come back by themselves.
 */
export class WarehouseFeed implements SinkFeed {
  readonly #parts: WarehouseFeedParts;

  constructor(parts: WarehouseFeedParts) {
    this.#parts = parts;
  }

  /** The last published cut; undefined: there is nothing for sinks yet. */
  cut(): Cut | undefined {
    return this.#parts.catalog.get<Cut>(cutKey);
  }

  async tables(signal: AbortSignal): Promise<readonly FeedTable[]> {
    const cut = this.cut();
    if (cut === undefined) return [];
    const models = this.#models(cut);
    const columns = await this.#columns(
      models.map(({ name }) => name),
      signal,
    );
    const tables = await this.#captured(cut, columns, signal);
    const position = renderPosition(cut.position);
    const readable = models.filter(({ name }) => columns.has(name));
    return [
      ...tables,
      ...readable.map(({ name, physical, key, build, upTo = cut.build }) => ({
        source: name,
        physical,
        columns: columns.get(name) ?? [],
        key,
        changeColumn: versionColumn,
        generation: this.#generation(name, `build ${build}`),
        readTo: lastVersionOf(Math.min(upTo, cut.build)),
        position,
      })),
    ];
  }

  #models(cut: Cut) {
    return publishedModels(this.#parts.catalog).filter(({ build }) => build <= cut.build);
  }

  async #captured(
    cut: Cut,
    columns: ReadonlyMap<string, readonly FeedColumn[]>,
    signal: AbortSignal,
  ): Promise<FeedTable[]> {
    const { catalog, log, engine } = this.#parts;
    const readings = completeReadings(log);
    const published = catalog.entries<string>(settledPrefix);
    const schemas = log.schemas();
    const uuids = await engine.rows<{ name: string; uuid: string }>(
      'SELECT name, toString(uuid) AS uuid FROM system.tables WHERE database = {database:String}',
      { params: { database: odsDatabase }, signal },
    );
    const position = renderPosition(cut.position);
    return uuids.flatMap(({ name, uuid }) => {
      const schema = schemas.get(name);
      const mark = published.get(settledPrefix + name);
      if (schema === undefined || mark === undefined || mark !== readings.get(name)) return [];
      const own = columns.get(physicalName(name)) ?? [];
      const captured = capturedColumns(schema, own);
      if (captured === undefined) return [];
      const hasArrival = own.some((column) => column.name === arrivalColumn);
      return {
        source: name,
        physical: physicalTable(name),
        columns: captured,
        key: schema.key,
        ...(schema.comment !== undefined && { comment: schema.comment }),
        changeColumn: hasArrival ? arrivalColumn : versionColumn,
        generation: this.#generation(name, `${uuid} ${mark}`),
        readTo: versionOf(cut.position),
        position,
      };
    });
  }

  #generation(name: TableId, own: string): string {
    const refills = refillsOf(this.#parts.catalog, name);
    return refills === 0 ? own : `${own} ${refills}`;
  }

  /** Columns of the captured tables and of the models’ views, in their order. */
  async #columns(
    models: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, FeedColumn[]>> {
    const layers = [...new Set(models.map((name) => name.slice(0, name.indexOf('.'))))];
    const rows = await this.#parts.engine.rows<ColumnRow>(
      'SELECT database, table, name, type FROM system.columns ' +
        'WHERE database IN {databases:Array(String)} ORDER BY database, table, position',
      { params: { databases: [odsDatabase, ...layers] }, signal },
    );
    const columns = new Map<string, FeedColumn[]>();
    for (const { database, table, name, type } of rows) {
      const id = `${database}.${table}`;
      const before = columns.get(id);
      if (before === undefined) columns.set(id, [{ name, engineType: type }]);
      else before.push({ name, engineType: type });
    }
    return columns;
  }
}

function physicalName(table: TableId): string {
  return `${odsDatabase}.${table}`;
}

/** The columns of the schema, if the table has them as they are; otherwise the loader has still to follow. */
function capturedColumns(
  schema: TableSchema,
  own: readonly FeedColumn[],
): FeedColumn[] | undefined {
  const types = new Map(own.map(({ name, engineType }) => [name, engineType]));
  const isFollowed = schema.columns.every(
    (column) => types.get(column.name) === clickhouseType(column),
  );
  if (!isFollowed) return undefined;
  return schema.columns.map((column) => {
    const { name, type, sourceType, comment } = column;
    const captured = { type, sourceType, ...(comment !== undefined && { comment }) };
    return { name, engineType: clickhouseType(column), captured };
  });
}
