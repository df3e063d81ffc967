import { createHash } from 'node:crypto';
import PQueue from 'p-queue';
import type { MessageLayout } from '../../change/message-layout.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import { shortReason } from '../dead-letters.ts';
import type { TableLoad } from '../ods.ts';
import { odsDatabase, physicalTable } from './ddl.ts';
import type { InsertEngine } from './insert-engine.ts';
import { bodyOf, divideLines, linesOf, numberedBody } from './message-body.ts';
import { type MessagePlan, messageFormat, planMessages } from './message-select.ts';

export interface MessageLoad extends TableLoad {
  readonly layout: MessageLayout;
}

/** A line that is no row, without its line end. */
export interface UnfitLine {
  readonly line: Buffer;
  readonly reason: string;
}

/** The engine uses one core to take a body apart, so a larger load goes as two at a time. */
const parallelPieces = 2;
const smallBytes = 4 * 1024 ** 2;
const pieceBytes = 16 * 1024 ** 2;
/** Lines whose reason the engine is asked for one by one; many wrong ones are wrong alike. */
const maxProbes = 20;

/**
 * Writes lines of messages into a table: one INSERT for a piece of the load. If the engine refuses it, a
 * second statement judges its lines one by one, those that fit are written, and the others are returned.
 * So the usual way costs nothing for it, and a piece with wrong lines takes a handful of statements,
 * however many are wrong.
 */
export class MessageWriter {
  readonly #engine: InsertEngine;
  /** The last plan of each table. */
  readonly #plans = new Map<string, { readonly of: string; readonly plan: MessagePlan }>();

  constructor(engine: InsertEngine) {
    this.#engine = engine;
  }

  /** Resolves to the lines that do not fit. Throws when the engine refuses lines that do. */
  async write(load: MessageLoad): Promise<UnfitLine[]> {
    const { schema, layout, chunks, rowCount, token } = load;
    const plan = this.#planFor(schema, layout);
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const isOrdered = layout.format === 'maxwell' && layout.version === 'binlog';
    const count =
      bytes < smallBytes ? 1 : parallelPieces * Math.ceil(bytes / pieceBytes / parallelPieces);
    const pieces = divideLines(chunks, count);
    const lineCount = pieces.reduce((sum, piece) => sum + piece.lineCount, 0);
    if (lineCount !== rowCount) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Loading ${schema.table}: ${rowCount} messages were announced and ${lineCount} sent.`,
      );
    }
    // Maxwell gives the rows of one event one version: of two for a key the later one must come later.
    const queue = new PQueue({ concurrency: isOrdered ? 1 : parallelPieces });
    const unfit = await Promise.allSettled(
      pieces.map((piece, index) =>
        queue.add(() => this.#writePiece(schema, plan, { ...piece, token: `${token}/${index}` })),
      ),
    );
    return unfit.flatMap((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  #planFor(schema: TableSchema, layout: MessageLayout): MessagePlan {
    const of = JSON.stringify([schema.version, schema.arrival, layout]);
    const known = this.#plans.get(schema.table);
    if (known?.of === of) return known.plan;
    const plan = planMessages(schema, layout);
    this.#plans.set(schema.table, { of, plan });
    return plan;
  }

  async #writePiece(schema: TableSchema, plan: MessagePlan, piece: Piece): Promise<UnfitLine[]> {
    try {
      await this.#insert(schema, plan, piece);
      return [];
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const lines = linesOf(piece.chunks);
      const unfit = await this.#judge(plan, lines, piece.token);
      if (unfit.size === 0) throw error;
      const chunks = lines.flatMap((line, index) => (unfit.has(index) ? [] : [withEnd(line)]));
      const fitting = { chunks: [Buffer.concat(chunks)], lineCount: chunks.length };
      if (chunks.length > 0) {
        await this.#insert(schema, plan, { ...fitting, token: `${piece.token}/fitting` });
      }
      return [...unfit].map(([index, reason]) => ({ line: lines[index] as Buffer, reason }));
    }
  }

  /** Blocks dropped for their token may or may not count, and a line may be any number of rows. */
  async #insert(schema: TableSchema, plan: MessagePlan, piece: Piece): Promise<void> {
    const table = physicalTable(schema.table);
    const { chunks, lineCount, token } = piece;
    const insert = {
      ...{ table, columns: plan.columns, format: messageFormat, select: plan.rows },
      ...{ body: bodyOf(chunks, plan.isTwice), settings: plan.settings },
    } as const;
    if ((await this.#engine.insert({ ...insert, token })) >= lineCount) return;
    const expected = plan.isOneToOne ? lineCount : await this.#count(plan, insert.body);
    // Without a token all rows are taken, and a second copy of a version changes nothing.
    const written = await this.#engine.insert(insert);
    if (written >= expected) return;
    throw new CdcError(
      'CDC_INTERNAL',
      `Loading ${schema.table}: ${expected} rows were sent and ${written} written.`,
    );
  }

  #count(plan: MessagePlan, body: readonly Buffer[]): Promise<number> {
    return this.#engine.insert({
      table: "FUNCTION null('deleted UInt8')",
      columns: ['deleted'],
      format: messageFormat,
      select: plan.count,
      body,
      settings: plan.settings,
    });
  }

  /** Reasons by number of the line, of those that do not fit. */
  async #judge(
    plan: MessagePlan,
    lines: readonly Buffer[],
    token: string,
  ): Promise<Map<number, string>> {
    const name = createHash('sha256').update(token).digest('hex').slice(0, 16);
    const verdicts = `${quoteIdentifier(odsDatabase)}.${quoteIdentifier(`~verdicts ${name}`)}`;
    await this.#engine.command(
      `CREATE OR REPLACE TABLE ${verdicts} (line UInt32, reason String) ENGINE = Memory`,
    );
    try {
      const body = numberedBody(lines, { isTwice: plan.isTwice, isGuarded: true });
      await this.#engine.insert({
        ...verdictInsert(verdicts, plan, body),
        settings: { ...plan.settings, ...tolerant },
      });
      const found = await this.#engine.rows<{ line: number; reason: string }>(
        `SELECT line, max(reason) AS reason FROM ${verdicts} GROUP BY line`,
      );
      const reasons = new Map(found.map(({ line, reason }) => [Number(line), reason]));
      const probe = new Probe(this.#engine, verdicts, plan);
      const unfit = new Map<number, string>();
      for (const [index, line] of lines.entries()) {
        const reason = reasons.get(index) ?? (await probe.whyRefused(line));
        if (reason !== '') unfit.set(index, reason);
      }
      return unfit;
    } finally {
      await this.#engine.command(`DROP TABLE IF EXISTS ${verdicts} SYNC`);
    }
  }
}

interface Piece {
  readonly chunks: readonly Buffer[];
  readonly lineCount: number;
  readonly token: string;
}

/** Goes on after a line that cannot be parsed; in one thread, which keeps lines apart. */
const tolerant = {
  input_format_allow_errors_num: 4_294_967_295,
  input_format_allow_errors_ratio: 1,
  input_format_parallel_parsing: 0,
} as const;

/** Why the engine cannot parse a line. */
class Probe {
  readonly #engine: InsertEngine;
  readonly #verdicts: string;
  readonly #plan: MessagePlan;
  #count = 0;

  constructor(engine: InsertEngine, verdicts: string, plan: MessagePlan) {
    this.#engine = engine;
    this.#verdicts = verdicts;
    this.#plan = plan;
  }

  async whyRefused(line: Buffer): Promise<string> {
    if (++this.#count > maxProbes) return 'not a message such as its layout describes';
    const body = numberedBody([line], { isTwice: this.#plan.isTwice, isGuarded: false });
    try {
      await this.#engine.insert({
        ...verdictInsert(this.#verdicts, this.#plan, body),
        settings: this.#plan.settings,
      });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return shortReason(error.message);
    }
    return '';
  }
}

function verdictInsert(table: string, plan: MessagePlan, body: readonly Buffer[]) {
  const columns = ['line', 'reason'];
  return { table, columns, format: messageFormat, select: plan.verdicts, body } as const;
}

function isRefusal(error: unknown): error is CdcError {
  return error instanceof CdcError && error.code === 'CDC_ENGINE_REJECTED';
}

function withEnd(line: Buffer): Buffer {
  return Buffer.concat([line, Buffer.from('\n')]);
}
