import type { ChangeBatch, RowsSection } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';
import { columnText, readLookupRows } from './lookup-reader.ts';
import { LookupRoutes, type LookupState } from './lookup-state.ts';
import type { LookupOptions } from './options.ts';
import type { RouteState } from './router.ts';
import type { Destinations } from './row-router.ts';
import type { TablePlan } from './table-plan.ts';

const nobody: readonly string[] = [];

/**
 * Routes rows by the lookup table, whose changes are in the same batches: a route that was changed before
 * an event in the source is changed before it here, however far behind the capture is.
 */
export class LookupUse {
  readonly table: TableId;
  readonly id: string;
  readonly #options: LookupOptions;
  /** The routes made from a state, as long as the state stays. */
  #made: { readonly state: LookupState; readonly routes: LookupRoutes } | undefined;
  #routes: LookupRoutes | undefined;
  #unmatched = new Map<TableId, number>();

  constructor(options: LookupOptions) {
    const { table, key, business } = options;
    this.#options = options;
    this.table = table;
    this.id = JSON.stringify([table, key, business]);
  }

  /** Takes in what a batch changes in the lookup table; returns the state after it when it does. */
  begin(batch: ChangeBatch, stored: RouteState): LookupState | undefined {
    this.#unmatched = new Map();
    // Routes read from another table, or from other columns, are none.
    const state = stored.lookup?.id === this.id ? stored.lookup : undefined;
    if (state !== undefined && this.#made?.state !== state) {
      this.#made = { state, routes: new LookupRoutes(state) };
    }
    this.#routes = state && this.#made?.routes;
    if (!batch.sections.some(({ table }) => table === this.table)) return undefined;
    const routes = new LookupRoutes(state ?? { id: this.id, rows: [] });
    this.#takeIn(batch, routes, stored.source(this.table));
    this.#routes = routes;
    return routes.state();
  }

  /** Where rows of the table go; undefined: they are not looked up. */
  destinations(
    { route, source, filter, eventColumn }: TablePlan,
    origin: ChangeBatch['origin'],
    hasTopics: boolean,
  ): Destinations | undefined {
    if (eventColumn === undefined) return undefined;
    const routes = this.#routes;
    if (routes === undefined) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Routing ${route.source}: ${this.table} has not been read.`,
      );
    }
    const own = [route.business ?? ''];
    return (row, version, isNew) => {
      if (filter !== undefined && filter(row) !== true) return nobody;
      const value = columnText(source, eventColumn, row);
      const place = origin === 'stream' ? version : undefined;
      const found = value === null ? nobody : routes.businessesOf(value, place);
      const wanted = found.length > 0 ? found : this.#unmatchedRow(route.source, own, isNew);
      return hasTopics || wanted.length === 0 ? wanted : own;
    };
  }

  /** Every business that rows of a table of this business may go to, as far as is known. */
  businesses(own: string | undefined): readonly string[] {
    const { unmatched } = this.#options;
    const rest = unmatched === 'drop' || unmatched === 'stop' ? undefined : unmatched;
    const last = rest === 'default' ? own : rest;
    const names = new Set([...(this.#routes?.businesses() ?? []), ...(last ? [last] : [])]);
    return [...names].sort();
  }

  /** Rows left out since the batch began, by table. */
  takeUnmatched(): Map<TableId, number> {
    return this.#unmatched;
  }

  #unmatchedRow(table: TableId, own: readonly string[], isNew: boolean): readonly string[] {
    const { unmatched } = this.#options;
    if (unmatched === 'default') return own;
    if (unmatched !== 'drop' && unmatched !== 'stop') return [unmatched];
    if (!isNew) return nobody;
    if (unmatched === 'stop') throw noRoute(table, this.#options);
    this.#unmatched.set(table, (this.#unmatched.get(table) ?? 0) + 1);
    return nobody;
  }

  #takeIn(batch: ChangeBatch, routes: LookupRoutes, known: TableSchema | undefined): void {
    let schema = known;
    for (const section of batch.sections) {
      if (section.table !== this.table) continue;
      if (section.kind === 'schema') schema = section.schema;
      else if (section.kind === 'rows') routes.apply(this.#read(section, schema));
      else if (section.kind !== 'messages') routes.deleteOlder(section.version);
    }
  }

  #read(section: RowsSection, schema: TableSchema | undefined) {
    if (schema !== undefined) return readLookupRows(section, schema, this.#options);
    throw new CdcError('CDC_INTERNAL', `Routing ${section.table}: it has no schema.`);
  }
}

function noRoute(table: TableId, { event, table: lookup }: LookupOptions): CdcError {
  return new CdcError(
    'CDC_ROUTE_UNMATCHED',
    `Routing ${table}: a row has a value in column ${event.column} for which ${lookup} names no business.`,
    { details: { table } },
  );
}
