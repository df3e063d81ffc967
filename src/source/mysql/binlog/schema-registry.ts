import {
  binlogFileNumber,
  comparePositions,
  type Position,
  type unpackVersion,
} from '../../../change/position.ts';
import type { TableId } from '../../../change/table-id.ts';
import type { TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import { deriveSchema } from './derived-schema.ts';
import { planSchemaChange } from './schema-change.ts';
import { matchColumns } from './schema-match.ts';
import type { Alteration } from './statement.ts';
import type { TableMap } from './table-map.ts';

/** A table as the server describes it now. */
export interface ProbedTable {
  readonly schema: TableSchema;
  /** What rows that were there before hold in a column when it is added, as SQL literals by column name. */
  readonly defaults: Readonly<Record<string, string>>;
}

/** Asks the server, over a connection other than the stream's. */
export interface SchemaProbe {
  /**
   * The table now, undefined when there is none (a view or a sequence is none). A DDL statement is in
   * the binlog a moment before `information_schema` shows it: the implementation waits for its metadata
   * lock first (`SELECT 1 FROM table LIMIT 0`). Throws CDC_TYPE_UNSUPPORTED, CDC_TABLE_NO_PRIMARY_KEY.
   */
  readTable(table: TableId): Promise<ProbedTable | undefined>;
  endPosition(): Promise<Position>;
}

/** From here on the table has this schema; see SchemaSection. */
export interface SchemaUpdate {
  readonly schema: TableSchema;
  readonly existingRows: 'keep' | 'resnapshot';
  readonly defaults?: Readonly<Record<string, string>>;
  /** False when the server has dropped the table since: it cannot be read again, and need not be. */
  readonly isThere: boolean;
  /** The statements that have led to it, where they were met. */
  readonly ddl?: string;
}

/** What DDL has been passed for a table without its effect being known for certain yet. */
interface Pending {
  readonly probed: ProbedTable | undefined;
  /** End of the binlog after the table was described: from there on the description holds. */
  readonly end: Position;
  readonly endFileNumber: number;
  readonly alterations: readonly Alteration[];
  readonly isNew: boolean;
  readonly ddl?: string;
}

/**
 * Knows the schema in force for each table at the place the stream has reached, and finds the next one
 * by the rules of docs/ARCHITECTURE.md: from the server as it is now, when that fits the rows (TABLE_MAP)
 * or when no rows lie between; else from the TABLE_MAP alone.
 */
export class SchemaRegistry {
  readonly #probe: SchemaProbe;
  readonly #inForce: Map<TableId, TableSchema>;
  readonly #pending = new Map<TableId, Pending>();

  /** `known`: the schemas in force where the stream begins. */
  constructor(probe: SchemaProbe, known: ReadonlyMap<TableId, TableSchema>) {
    this.#probe = probe;
    this.#inForce = new Map(known);
  }

  inForce(table: TableId): TableSchema | undefined {
    return this.#inForce.get(table);
  }

  /** Tables with a schema in force. */
  tables(): TableId[] {
    return [...this.#inForce.keys()];
  }

  /**
   * Rows whose shape is not the one in force: the schema has changed just here. Undefined when the rows
   * are of no interest: a table that we never had and that does not exist any more, or no base table.
   */
  async adopt(map: TableMap): Promise<SchemaUpdate | undefined> {
    const { table } = map;
    const probed = await this.#probe.readTable(table);
    const pending = this.#pending.get(table);
    if (pending !== undefined) {
      const place = await this.#readEnd();
      this.#pending.set(table, { probed, ...place, alterations: [], isNew: false });
    }
    const before = this.#inForce.get(table);
    if (before === undefined && probed === undefined) return undefined;
    if (probed !== undefined) assertPlainRows(map, probed.schema);
    const isFitting = probed !== undefined && matchColumns(map, probed.schema) !== undefined;
    const next: SchemaUpdate = isFitting
      ? this.#plan(probed, pending)
      : {
          schema: deriveSchema(map, before ?? probed?.schema),
          existingRows: before === undefined && pending?.isNew ? 'keep' : resnapshot,
          isThere: probed !== undefined,
          ...ddlOf(pending),
        };
    this.#inForce.set(table, next.schema);
    return next;
  }

  /** A statement that may have changed, created or renamed the table has been passed. */
  async noteChange(
    table: TableId,
    change: { readonly isNew: boolean; readonly alteration?: Alteration; readonly ddl?: string },
  ): Promise<void> {
    const probed = await this.#describe(table);
    const place = await this.#readEnd();
    const earlier = this.#pending.get(table);
    this.#pending.set(table, {
      probed,
      ...place,
      alterations: [
        ...(earlier?.alterations ?? []),
        ...(change.alteration ? [change.alteration] : []),
      ],
      isNew: change.isNew || (earlier?.isNew ?? false),
      ...ddlOf(earlier, change),
    });
  }

  /** The table is gone: dropped or renamed away. */
  forget(table: TableId): void {
    this.#inForce.delete(table);
    this.#pending.delete(table);
  }

  /** True while the effect of a statement is not known for certain. */
  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** False when `settle` would find nothing there; for the many places where that is so. */
  isDue({ epoch, fileNumber, offset }: ReturnType<typeof unpackVersion>): boolean {
    for (const { end, endFileNumber } of this.#pending.values()) {
      const distance = epoch - end.epoch || fileNumber - endFileNumber || offset - end.offset;
      if (distance >= 0) return true;
    }
    return false;
  }

  /** Schemas that are certain now that the stream stands at `position`. */
  settle(position: Position): SchemaUpdate[] {
    const updates: SchemaUpdate[] = [];
    for (const [table, pending] of this.#pending) {
      if (comparePositions(position, pending.end) < 0) continue;
      this.#pending.delete(table);
      if (pending.probed === undefined) continue;
      const update = this.#plan(pending.probed, pending);
      if (update.existingRows === 'keep' && this.#isInForce(update.schema)) continue;
      this.#inForce.set(table, update.schema);
      updates.push(update);
    }
    return updates;
  }

  async #readEnd(): Promise<Pick<Pending, 'end' | 'endFileNumber'>> {
    const end = await this.#probe.endPosition();
    return { end, endFileNumber: binlogFileNumber(end.file) };
  }

  #isInForce({ table, version }: TableSchema): boolean {
    return this.#inForce.get(table)?.version === version;
  }

  #plan({ schema, defaults }: ProbedTable, pending: Pending | undefined): SchemaUpdate {
    const before = this.#inForce.get(schema.table);
    const update = { schema, isThere: true, ...ddlOf(pending) };
    // A table created in the stream has no rows but those that the stream brings.
    if (before === undefined && pending?.isNew) return { ...update, existingRows: 'keep' };
    if (before === undefined || isUncertain(pending?.alterations ?? [])) {
      return { ...update, existingRows: resnapshot };
    }
    const plan = planSchemaChange(before, schema, defaults);
    if (plan.existingRows === resnapshot) return { ...update, existingRows: resnapshot };
    return { ...update, existingRows: 'keep', defaults: plan.defaults };
  }

  /**
   * A table that we do not have yet may not be fit for capture when it is created (no key) and become so
   * before it has rows; if not, its first rows are the place to say so.
   */
  async #describe(table: TableId): Promise<ProbedTable | undefined> {
    try {
      return await this.#probe.readTable(table);
    } catch (error) {
      const isUnfit = error instanceof CdcError && error.kind === 'operator';
      if (isUnfit && !this.#inForce.has(table)) return undefined;
      throw error;
    }
  }
}

const resnapshot = 'resnapshot';

/** Statements one after the other. */
function ddlOf(...changes: readonly ({ readonly ddl?: string } | undefined)[]): { ddl?: string } {
  const texts = changes.flatMap((change) => change?.ddl ?? []);
  return texts.length === 0 ? {} : { ddl: texts.join(';\n') };
}

/** The rows of a system-versioned table of MariaDB: a delete is an update of the hidden `row_end`. */
function assertPlainRows(map: TableMap, { table, columns }: TableSchema): void {
  const isVersioned =
    map.columns.at(-2)?.name === 'row_start' &&
    map.columns.at(-1)?.name === 'row_end' &&
    !columns.some(({ name }) => name === 'row_end');
  if (!isVersioned) return;
  throw new CdcError('CDC_TYPE_UNSUPPORTED', `${table} is system-versioned`, {
    details: { table },
    remedy: `ALTER TABLE ${table} DROP SYSTEM VERSIONING, or exclude it: '!${table}'.`,
  });
}

/**
 * Comparing the schemas before and after is not enough when a column may have got the name of another
 * (`DROP a, ADD a`), in one statement or over several of which only the end is known.
 */
function isUncertain(alterations: readonly Alteration[]): boolean {
  const kinds = (['addsColumns', 'dropsColumns', 'renamesColumns'] as const).filter((kind) =>
    alterations.some((alteration) => alteration[kind]),
  );
  const onlyAdds = kinds.length === 1 && kinds[0] === 'addsColumns';
  return (
    alterations.some((alteration) => alteration.replacesRows) ||
    kinds.length > 1 ||
    (alterations.length > 1 && kinds.length > 0 && !onlyAdds)
  );
}
