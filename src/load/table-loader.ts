import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';
import { retry } from '../lib/retry.ts';
import type { Logger } from '../ops/logger.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { LoadPlan } from './load-plan.ts';
import type { Ods } from './ods.ts';
import { type PausedTable, pauseFor } from './paused-tables.ts';
import { countRows, type TableOperation } from './table-operations.ts';

/** What one batch has for one table. */
export interface TableWork {
  readonly plan: LoadPlan;
  readonly table: TableId;
  readonly operations: readonly TableOperation[];
  /** The table was paused before. */
  readonly pause: PausedTable | undefined;
  readonly signal: AbortSignal;
}

export interface TableOutcome {
  readonly table: TableId;
  /** Rows written. */
  readonly rows: number;
  /** The table was emptied and is being read again. */
  readonly isRecreated: boolean;
  /** The table is paused now. */
  readonly pause: PausedTable | undefined;
}

/** Carries out the operations of a table in their order; several tables may be under way at once. */
export class TableLoader {
  readonly #ods: Ods;
  readonly #log: Pick<ChangeFeed, 'schema'>;
  readonly #logger: Logger;

  constructor(options: { ods: Ods; log: Pick<ChangeFeed, 'schema'>; logger: Logger }) {
    this.#ods = options.ods;
    this.#log = options.log;
    this.#logger = options.logger;
  }

  async load(work: TableWork): Promise<TableOutcome> {
    const { table, operations, pause, plan } = work;
    const start = pause === undefined ? 0 : operations.findIndex(isResnapshot);
    const skippedRows = pause?.skippedRows ?? 0;
    if (pause !== undefined && start < 0) {
      const longer = { ...pause, skippedRows: skippedRows + countRows(operations) };
      return { table, rows: 0, isRecreated: false, pause: longer };
    }
    const isReleased = plan.recreates(table);
    try {
      if (isReleased && plan.doneOf(table) === 0) await this.#recreate(work);
      await this.#perform(work, Math.max(start, plan.doneOf(table)));
    } catch (error) {
      const begun = pauseFor(
        table,
        error,
        skippedRows + countRows(operations),
        pause?.since ?? plan.from,
      );
      if (begun === undefined) throw error;
      this.#logger.error({ table, error }, 'Table paused.');
      return { table, rows: 0, isRecreated: false, pause: begun };
    }
    return {
      table,
      rows: countRows(operations.slice(start)),
      isRecreated: isReleased || operations.some(isResnapshot),
      pause: undefined,
    };
  }

  async #perform(work: TableWork, start: number): Promise<void> {
    const { plan, table, operations } = work;
    for (const [index, operation] of operations.entries()) {
      if (index < start) continue;
      // Rows in the old columns do not fit any more once these are applied, so never send them again.
      if (operation.kind === 'schema' && index > 0) await plan.recordDone(table, index);
      const token = plan.token(table, index);
      await this.#retry(work, () => this.#performOne(operation, table, token));
    }
  }

  async #performOne(operation: TableOperation, table: TableId, token: string): Promise<void> {
    switch (operation.kind) {
      case 'schema':
        return this.#ods.applySchema(operation);
      case 'truncate':
      case 'sweep':
        return this.#ods.deleteOlder(operation);
      case 'rows': {
        const { rowCount, chunks, schemaVersion, layout } = operation;
        const schema = this.#schema(table, schemaVersion);
        return this.#ods.write({ schema, rowCount, chunks, token, ...(layout && { layout }) });
      }
    }
  }

  /** Makes a released table anew, in the columns of its first rows. */
  async #recreate(work: TableWork): Promise<void> {
    const { table, operations } = work;
    const schema = operations
      .map((operation) => this.#schemaOf(table, operation))
      .find((each) => each !== undefined);
    if (schema === undefined) return;
    await this.#retry(work, () =>
      this.#ods.applySchema({
        kind: 'schema',
        table,
        schema,
        existingRows: 'resnapshot',
        version: 0n,
      }),
    );
  }

  #retry(work: TableWork, action: () => Promise<void>): Promise<void> {
    return retry(action, {
      signal: work.signal,
      isTransient: (error) => error instanceof CdcError && error.kind === 'transient',
      onRetry: (error, attempt, delayMs) =>
        this.#logger.warn({ table: work.table, error, attempt, delayMs }, 'Loading again.'),
    });
  }

  #schemaOf(table: TableId, operation: TableOperation): TableSchema | undefined {
    if (operation.kind === 'schema') return operation.schema;
    return operation.kind === 'rows' ? this.#schema(table, operation.schemaVersion) : undefined;
  }

  #schema(table: TableId, version: string): TableSchema {
    const schema = this.#log.schema(table, version);
    if (schema !== undefined) return schema;
    throw new CdcError(
      'CDC_LOG_CORRUPT',
      `Loading ${table}: the log has rows of schema version ${version}, but not the schema.`,
      { details: { table, version } },
    );
  }
}

function isResnapshot(operation: TableOperation): boolean {
  return operation.kind === 'schema' && operation.existingRows === 'resnapshot';
}
