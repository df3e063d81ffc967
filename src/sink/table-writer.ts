import { createHash } from 'node:crypto';
import { CdcError } from '../errors.ts';
import { readAhead } from '../lib/read-ahead.ts';
import { retry } from '../lib/retry.ts';
import type { Logger } from '../ops/logger.ts';
import type { CommonSinkOptions } from './common-options.ts';
import type { DeadRows } from './dead-rows.ts';
import { halves, type Lines, lineBatches } from './line-batches.ts';
import { type Place, parsePlace } from './place.ts';
import type { RowEngine } from './row-engine.ts';
import { RowSelect } from './row-select.ts';
import type { LineSink, Progress, ProgressStep, Sink } from './sink.ts';
import { incompatibleTable } from './sink-errors.ts';
import type { SinkTable } from './sink-table.ts';
import type { TablePlan } from './table-plan.ts';

/** Rows of one statement that are refused before it is not worth going on. */
const mostRefused = 1_000;

export interface TableWriterOptions {
  readonly sink: Sink;
  readonly options: CommonSinkOptions;
  readonly engine: RowEngine;
  readonly deadRows: DeadRows;
  readonly logger: Logger;
}

/** Statements of row-select.ts for the same rows. */
export interface RowStatements {
  readonly rows: string;
  readonly printed: string;
  readonly refused: string | undefined;
  readonly maxRows: number;
  /** As of a QueryBatch. */
  readonly isRepair?: true;
}

export interface Written {
  readonly rows: number;
  /** Rows that became dead letters. */
  readonly refused: number;
}

/** Puts rows of one table into one store, step by step; knows where the store is. */
export class TableWriter {
  readonly #source: string;
  readonly #setup: TableWriterOptions;
  #progress: Progress | undefined;
  #isKnown = false;

  constructor(source: string, setup: TableWriterOptions) {
    this.#source = source;
    this.#setup = setup;
  }

  /** Where the store is; undefined: it has nothing. */
  get place(): Place | undefined {
    return this.#progress && parsePlace(this.#progress);
  }

  /** Asks the store where it is, if that is not known. */
  async know(): Promise<void> {
    if (this.#isKnown) return;
    this.#progress = (await this.#setup.sink.progress()).get(this.#source);
    this.#isKnown = true;
  }

  /** Something broke off: what was on its way may have arrived. */
  forget(): void {
    this.#isKnown = false;
  }

  /** Sends what the statements give. The store is at `places.before` until the last row is there, then at `after`. */
  async send(
    plan: TablePlan,
    statements: RowStatements,
    places: { readonly before: Place; readonly after: Place },
    signal: AbortSignal,
  ): Promise<Written> {
    const { sink, engine, options, deadRows } = this.#setup;
    const { table } = plan;
    let refused = 0;
    if (statements.refused !== undefined) {
      refused += await deadRows.addFound(options.name, this.#source, statements.refused);
    }
    if (sink.takes === 'queries') {
      const { rows: select, maxRows, isRepair = false } = statements;
      const token = this.#token(places.after, select);
      let found = 0;
      const refuse = async (letters: string) => {
        found = await deadRows.addFound(options.name, this.#source, letters);
      };
      const batch = { table, token, maxRows, select, engine, isRepair, refuse };
      await this.#step(places.after, signal, (step) => sink.write({ ...batch, step }));
      return { rows: maxRows, refused: refused + found };
    }
    const { format, formatSettings: settings = {} } = sink;
    const chunks = engine.query(statements.printed, { format, settings, signal });
    const limits = { rows: options.batchRows, bytes: options.batchBytes };
    let rows = 0;
    let waiting: Lines | undefined;
    for await (const lines of readAhead(lineBatches(chunks, limits))) {
      if (waiting) refused += await this.#writeLines(sink, plan, waiting, places, signal, false);
      waiting = lines;
      rows += lines.rowCount;
    }
    waiting ??= { rowCount: 0, body: [] };
    refused += await this.#writeLines(sink, plan, waiting, places, signal, true);
    return { rows, refused };
  }

  async sweep(table: SinkTable, below: bigint, after: Place, signal: AbortSignal): Promise<void> {
    const { sink } = this.#setup;
    await this.#step(after, signal, (step) => sink.sweep(table, { below, step }));
  }

  async drop(table: SinkTable): Promise<void> {
    await this.#setup.sink.drop(table);
    this.#progress = undefined;
    this.#isKnown = true;
  }

  /** Writes lines; one that the store refuses for good becomes a dead letter. Returns how many did. */
  async #writeLines(
    sink: LineSink,
    plan: TablePlan,
    lines: Lines,
    { before, after }: { readonly before: Place; readonly after: Place },
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<number> {
    const { table } = plan;
    let found = 0;
    const write = async (part: Lines, place: Place): Promise<void> => {
      const hash = createHash('md5');
      for (const chunk of part.body) hash.update(chunk);
      const token = this.#token(place, hash.digest('hex'));
      try {
        await this.#step(place, signal, (step) => sink.write({ table, token, step, ...part }));
      } catch (error) {
        if (!isRejection(error) || part.rowCount === 0) throw error;
        if (part.rowCount > 1) {
          const [first, second] = halves(part);
          await write(first, before);
          await write(second, place);
          return;
        }
        found += 1;
        await this.#bury(sink, plan, part, error);
        if (found > mostRefused) throw tooManyRefused(table, error);
        await write({ rowCount: 0, body: [] }, place);
      }
    };
    await write(lines, isLast ? after : before);
    return found;
  }

  /** One step of the store; repeated while that may help, unless it has arrived although the answer did not. */
  async #step(
    place: Place,
    signal: AbortSignal,
    action: (step: ProgressStep) => Promise<void>,
  ): Promise<void> {
    const { sink, options, logger } = this.#setup;
    const value = JSON.stringify({ ...place, at: new Date().toISOString() });
    const follows = this.#progress?.sequence ?? 0;
    const next: Progress = { sequence: follows + 1, value };
    const hasArrived = async () => {
      const found = (await sink.progress()).get(this.#source);
      return found?.sequence === next.sequence && found.value === next.value;
    };
    await retry(
      async (attempt) => {
        if (attempt === 1 || !(await hasArrived())) await action({ follows, next });
      },
      {
        signal,
        isTransient: (error) =>
          error instanceof CdcError &&
          error.kind === 'transient' &&
          error.code !== 'CDC_SINK_STALE',
        onRetry: (error, attempt, delayMs) =>
          logger.warn(
            { sink: options.name, table: this.#source, error, attempt, delayMs },
            'Writing again.',
          ),
      },
    );
    this.#progress = next;
  }

  async #bury(sink: LineSink, plan: TablePlan, line: Lines, error: CdcError): Promise<void> {
    const { deadRows, options, logger, engine } = this.#setup;
    const bytes = Buffer.concat(line.body);
    const sql = new RowSelect(plan, sink.types).printedRow(sink.format, bytes);
    const settings = { max_query_size: 2 * sql.length };
    const [row] = await engine.rows<{ key: string; version: string }>(sql, { settings });
    if (row === undefined) {
      const what = `A refused row of ${this.#source} is not in the warehouse.`;
      throw new CdcError('CDC_INTERNAL', what, { cause: error });
    }
    const letter = { sink: options.name, table: this.#source, ...row, reason: error.message };
    await deadRows.add([letter]);
    logger.warn({ sink: options.name, table: this.#source, error }, 'A row became a dead letter.');
  }

  #token({ life, generation }: Place, what: string): string {
    const sequence = String(this.#progress?.sequence ?? 0);
    const parts = [this.#setup.options.name, this.#source, life, generation, sequence, what];
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
  }
}

function isRejection(error: unknown): error is CdcError {
  return error instanceof CdcError && error.code === 'CDC_SINK_REJECTED';
}

function tooManyRefused(table: SinkTable, cause: CdcError): CdcError {
  const why = `the store refuses more than ${mostRefused} of its rows; the last time: ${cause.message}`;
  return incompatibleTable(table.source, why, { cause });
}
