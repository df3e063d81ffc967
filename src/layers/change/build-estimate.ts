import { quoteString } from '../../engine/sql-quote.ts';
import { odsDatabase } from '../layer-names.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { BuildEstimate } from '../layers.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { SqlEngine } from '../sql-engine.ts';

/** Rows of a second, when nothing has been built yet: a careful guess for joins on a small machine. */
const unmeasuredRowsPerSecond = 500_000;

/** Rows of every captured table, superseded ones included, from the engine's own statistics. */
export async function tableSizes(engine: SqlEngine): Promise<ReadonlyMap<string, number>> {
  const rows = await engine.rows<{ name: string; rows: string | number | null }>(
    `SELECT name, total_rows AS rows FROM system.tables WHERE database = ${quoteString(odsDatabase)}`,
  );
  return new Map(rows.map(({ name, rows: count }) => [name, Number(count ?? 0)]));
}

/**
 * How much a build will be: a model that has been built before takes as long as then; a new one as long for each row it reads
 * as the others did.
 */
export class BuildEstimates {
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #records: ReadonlyMap<string, ModelRecord>;
  readonly #msPerRow: number;

  constructor(sizes: ReadonlyMap<string, number>, records: ReadonlyMap<string, ModelRecord>) {
    this.#sizes = sizes;
    this.#records = records;
    const built = [...records.values()].filter(({ rows }) => rows > 1_000);
    const rows = built.reduce((sum, record) => sum + record.rows, 0);
    const ms = built.reduce((sum, record) => sum + record.buildMs, 0);
    this.#msPerRow = rows === 0 ? 1_000 / unmeasuredRowsPerSecond : ms / rows;
  }

  of({ model, reads }: CompiledModel): BuildEstimate {
    const record = this.#records.get(model.name);
    if (record !== undefined) return { rows: record.rows, ms: record.buildMs, isMeasured: true };
    const rows = Math.max(0, ...reads.map((name) => this.#rowsOf(name)));
    return { rows, ms: Math.round(rows * this.#msPerRow), isMeasured: false };
  }

  #rowsOf(name: string): number {
    return this.#records.get(name)?.rows ?? this.#sizes.get(name) ?? 0;
  }
}
