import type { ChangeBatch } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { SharedLock } from '../lib/shared-lock.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import type { LookupState } from '../route/lookup-state.ts';
import type { Routed, Router, RouteState } from '../route/router.ts';
import {
  type RoutedTable,
  routedPrefix,
  sourcePrefix,
  sourceSchemas,
  targetPrefix,
} from './routed-tables.ts';

const lookupCheckpoint = 'route/lookup';
/** Rows left out because no route matched them, by table. */
export const unmatchedPrefix = 'route/unmatched/';
const warnEveryMs = 60_000;

export interface RoutedAppend {
  /** Asked for when it is known what becomes of the batch. */
  readonly checkpoints: (routed: Routed) => Readonly<Record<string, unknown>>;
  readonly open?: boolean;
  /** The log keeps rows routed like those of the stream as a chunk of a snapshot: they are no transaction. */
  readonly storedAs?: 'snapshot';
  readonly signal: AbortSignal;
}

/**
 * The log as the capture writes to it: batches of the source go through the router, and what routing
 * depends on (schemas of the source, looked-up routes) is stored in the same commits.
 *
 * Batches that change this are appended alone, all others side by side, so a batch is always routed with
 * what lies before it in the log. What a transaction in open parts changes counts for its own parts only,
 * until it is whole.
 */
export class RoutedLog {
  readonly #log: ChangeLog;
  readonly #router: Router;
  readonly #logger: Logger;
  readonly #lock = new SharedLock();
  /** Tables whose changes are not taken in. */
  readonly #stopped: () => ReadonlySet<TableId>;
  #stored: StoredState;
  /** What the open parts add; undefined: there are none that change anything. */
  #open: StoredState | undefined;
  #unmatched = new Map<TableId, number>();
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly log: ChangeLog;
    readonly router: Router;
    readonly logger: Logger;
    readonly stopped: () => ReadonlySet<TableId>;
  }) {
    this.#log = options.log;
    this.#router = options.router;
    this.#logger = options.logger;
    this.#stopped = options.stopped;
    this.#stored = this.#read();
  }

  /** The newest schema of a table as it is in the source. */
  source(table: TableId): TableSchema | undefined {
    return this.#stored.source(table);
  }

  get hasLookup(): boolean {
    return this.#router.lookup?.id === this.#stored.lookup?.id;
  }

  /** Drops the open parts, and takes up what the log knows. */
  async discardOpen(): Promise<void> {
    await this.#log.discardOpen();
    this.#open = undefined;
    this.#stored = this.#read();
  }

  /**
   * Appends a batch after the rules. Resolves to the tables of the source that must be read again because
   * of it. Throws what Router.route throws; then nothing is
   * appended.
   */
  append(batch: ChangeBatch, options: RoutedAppend): Promise<ReadonlySet<TableId>> {
    const changesState = batch.sections.some(
      ({ kind, table }) => kind === 'schema' || table === this.#router.lookup?.table,
    );
    const work = () => this.#append(batch, options);
    return changesState
      ? this.#lock.alone(options.signal, work)
      : this.#lock.shared(options.signal, work);
  }

  /** Appends a batch that was routed over another state than the log's; no other one is under way. */
  async appendRouted(
    before: ChangeBatch,
    routed: Routed,
    checkpoints: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await this.#log.append([routed.batch], {
      checkpoints: { ...checkpoints, ...this.#checkpointsOf(before, routed) },
    });
    this.#stored = this.#read();
  }

  async #append(batch: ChangeBatch, options: RoutedAppend): Promise<ReadonlySet<TableId>> {
    const isStream = batch.origin === 'stream';
    const state = (isStream ? this.#open : undefined) ?? this.#stored;
    const routed = this.#router.route(batch, state);
    const checkpoints = { ...options.checkpoints(routed), ...this.#checkpointsOf(batch, routed) };
    const { open = false, signal, storedAs: origin } = options;
    const stored = origin === undefined ? routed.batch : { ...routed.batch, origin };
    const appended = this.#log.append([stored], { checkpoints, open, signal });
    const after = state.after(batch, routed);
    await appended;
    if (open) {
      if (after !== state) this.#open = after;
    } else if (isStream && this.#open !== undefined) {
      // Others may have gone on meanwhile: only the log has both.
      this.#open = undefined;
      this.#stored = this.#read();
    } else this.#stored = after === state ? this.#stored : after;
    return routed.reread;
  }

  #checkpointsOf(batch: ChangeBatch, routed: Routed): Record<string, unknown> {
    const checkpoints: Record<string, unknown> = {};
    for (const section of batch.sections) {
      if (section.kind !== 'schema') continue;
      const { table, schema: source } = section;
      const target = this.#router.tableOf(table);
      const rules = this.#router.rulesOf(source);
      const only = this.#router.onlyOf(table);
      const known: RoutedTable | undefined =
        rules === undefined ? undefined : { target, rules, ...(only && { only }) };
      checkpoints[routedPrefix + table] = known;
      checkpoints[sourcePrefix + table] = known && source;
      if (target !== table) checkpoints[targetPrefix + target] = true;
      else checkpoints[targetPrefix + table] = undefined;
    }
    if (routed.lookup !== undefined) checkpoints[lookupCheckpoint] = routed.lookup;
    for (const [table, rows] of routed.unmatched) {
      const total = (this.#unmatched.get(table) ?? 0) + rows;
      this.#unmatched.set(table, total);
      checkpoints[unmatchedPrefix + table] = total;
      this.#warn(table, total);
    }
    return checkpoints;
  }

  #warn(table: TableId, rows: number): void {
    if (performance.now() - this.#warnedAtMs < warnEveryMs) return;
    this.#warnedAtMs = performance.now();
    this.#logger.warn({ table, rows }, 'Rows that no route matches are left out.');
  }

  #read(): StoredState {
    const stopped = this.#stopped();
    const unmatched = this.#log.checkpoints<number>(unmatchedPrefix);
    this.#unmatched = new Map(
      [...unmatched].map(([name, rows]) => [name.slice(unmatchedPrefix.length), rows]),
    );
    return new StoredState(
      sourceSchemas(this.#log),
      this.#log.schemas(),
      this.#log.checkpoint<LookupState>(lookupCheckpoint),
      stopped,
    );
  }
}

/** What the log knows, in memory; never changed, but replaced. */
class StoredState implements RouteState {
  readonly lookup: LookupState | undefined;
  readonly #sources: ReadonlyMap<TableId, TableSchema>;
  readonly #routed: ReadonlyMap<TableId, TableSchema>;
  readonly #stopped: ReadonlySet<TableId>;

  constructor(
    sources: ReadonlyMap<TableId, TableSchema>,
    routed: ReadonlyMap<TableId, TableSchema>,
    lookup: LookupState | undefined,
    stopped: ReadonlySet<TableId>,
  ) {
    this.#sources = sources;
    this.#routed = routed;
    this.lookup = lookup;
    this.#stopped = stopped;
  }

  source(table: TableId): TableSchema | undefined {
    return this.#sources.get(table);
  }

  sources(): Iterable<TableSchema> {
    return [...this.#sources.values()].filter(({ table }) => !this.#stopped.has(table));
  }

  routed(table: TableId): TableSchema | undefined {
    return this.#routed.get(table);
  }

  /** The state behind a batch; itself when the batch changes nothing. */
  after(before: ChangeBatch, { batch, lookup }: Routed): StoredState {
    const changed = before.sections.filter((section) => section.kind === 'schema');
    if (changed.length === 0 && lookup === undefined) return this;
    const sources = new Map(this.#sources);
    const routed = new Map(this.#routed);
    for (const { table, schema } of changed) sources.set(table, schema);
    for (const section of batch.sections) {
      if (section.kind === 'schema') routed.set(section.table, section.schema);
    }
    return new StoredState(sources, routed, lookup ?? this.lookup, this.#stopped);
  }
}
