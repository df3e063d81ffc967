import type { TableId } from '../../../change/table-id.ts';
import type { BinlogCursor } from './binlog-cursor.ts';
import { type EventPlace, RowDecoder } from './row-decoder.ts';
import { readRowsTableId } from './rows-event.ts';
import { matchColumns } from './schema-match.ts';
import type { SchemaTracker } from './schema-tracker.ts';
import type { SectionBuffer } from './section-buffer.ts';
import { parseTableId, parseTableMap, type TableMap } from './table-map.ts';
import { unsupportedEvent } from './unsupported-event.ts';

interface TableDecodersOptions {
  readonly schemas: SchemaTracker;
  readonly detail: 'rows' | 'changes';
  readonly isMariaDb: () => boolean;
  readonly hold: (work: Promise<void>) => void;
}

/** What is known of one table id: the server gives a table a new id when its definition changes. */
interface MappedTable {
  /** The TABLE_MAP body it was made from. */
  readonly bytes: Buffer;
  /** Undefined for a table whose rows are of no interest. */
  map: TableMap | undefined;
  /** Undefined as long as the schema of these rows is not known. */
  decoder: RowDecoder | undefined;
}

/** Ids are never reused, so old ones only take room; a table in use comes back at its next transaction. */
const maxTables = 4096;

/** Finds a row decoder for every table that the binlog announces. */
export class TableDecoders {
  readonly #options: TableDecodersOptions;
  readonly #tables = new Map<number, MappedTable>();

  constructor(options: TableDecodersOptions) {
    this.#options = options;
  }

  /** The table with that id when it is captured. */
  tableOf(id: number): TableId | undefined {
    return this.#tables.get(id)?.map?.table;
  }

  /** The decoder for rows of that table id; undefined when they are of no interest. */
  decoderOf(id: number): RowDecoder | undefined {
    return this.#tables.get(id)?.decoder;
  }

  /**
   * Takes in a TABLE_MAP. Every transaction repeats those of its tables; the same bytes need no second
   * look. A schema section goes `into` the transaction when its rows have a new shape.
   */
  readMap(
    buffer: Buffer,
    body: number,
    end: number,
    cursor: BinlogCursor,
    into: SectionBuffer,
  ): void {
    const id = readRowsTableId(buffer, body);
    let mapped = this.#tables.get(id);
    if (mapped === undefined || mapped.bytes.compare(buffer, body, end) !== 0) {
      mapped = this.#parse(Buffer.from(buffer.subarray(body, end)));
      if (this.#tables.size >= maxTables) this.#tables.clear();
      this.#tables.set(id, mapped);
    }
    if (mapped.map !== undefined) this.#prepare(mapped, mapped.map, cursor, into);
  }

  #parse(bytes: Buffer): MappedTable {
    const isCaptured = this.#options.schemas.isCaptured(parseTableId(bytes));
    const map = isCaptured ? parseTableMap(bytes, this.#options.isMariaDb()) : undefined;
    return { bytes, map, decoder: undefined };
  }

  /** Makes sure that rows of this shape can be decoded, now or after the schema was found. */
  #prepare(mapped: MappedTable, map: TableMap, cursor: BinlogCursor, into: SectionBuffer): void {
    const { schemas, hold, detail } = this.#options;
    const inForce = schemas.inForce(map.table);
    if (inForce !== undefined && mapped.decoder?.schema === inForce) return;
    const place = cursor.place();
    if (map.columns.some((column) => column.name === '')) throw undescribed(map, place);
    if (inForce !== undefined && matchColumns(map, inForce) !== undefined) {
      mapped.decoder = new RowDecoder(map, inForce, detail);
      return;
    }
    hold(
      schemas.adopt(map, place, into).then((schema) => {
        if (schema === undefined) mapped.map = undefined;
        else mapped.decoder = new RowDecoder(map, schema, detail);
      }),
    );
  }
}

function undescribed({ table }: TableMap, place: EventPlace): Error {
  return unsupportedEvent(
    place,
    `rows of ${table} come without column names`,
    'SET GLOBAL binlog_row_metadata = FULL, then run `cdc init --restart`.',
  );
}
