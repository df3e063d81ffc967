import type { Problem } from '../../errors.ts';
import { lineTexts } from '../line-rows.ts';
import type { LineBatch, LineSink, Progress, ProgressStep, Sweep } from '../sink.ts';
import { incompatibleTable, staleProgress } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { tsvText } from '../tsv-text.ts';
import { memoryTypes } from './type-map.ts';

/** Values as the canonical texts that the engine has printed, in the order of the columns. */
interface MemoryRow {
  readonly values: readonly (string | null)[];
  readonly version: bigint;
  readonly isDeleted: boolean;
}

interface MemoryTable {
  table: SinkTable;
  rows: Map<string, MemoryRow>;
}

/** A sink that lives as long as its process. */
export class MemorySink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONCompactEachRow';
  readonly formatSettings = {
    output_format_json_quote_64bit_integers: 1,
    output_format_json_quote_decimals: 1,
    output_format_json_quote_denormals: 1,
  };
  readonly types = memoryTypes;
  readonly #tables = new Map<string, MemoryTable>();
  readonly #progress = new Map<string, Progress>();

  async preflight(): Promise<Problem[]> {
    return [];
  }

  async progress(): Promise<ReadonlyMap<string, Progress>> {
    return new Map(this.#progress);
  }

  async plan(table: SinkTable, { drop }: { drop: boolean }): Promise<string[]> {
    const before = this.#tables.get(table.target)?.table;
    if (before === undefined) return [`create ${table.target}`];
    const names = new Set(table.columns.map(({ name }) => name));
    const known = new Set(before.columns.map(({ name }) => name));
    const gone = before.columns.filter(({ name }) => drop && !names.has(name));
    return [
      ...table.columns.filter(({ name }) => !known.has(name)).map(({ name }) => `add ${name}`),
      ...gone.map(({ name }) => `drop ${name}`),
    ];
  }

  async prepare(table: SinkTable, options: { drop: boolean; mayAlter: boolean }): Promise<void> {
    const known = this.#tables.get(table.target);
    if (known !== undefined && known.table.key.join() !== table.key.join()) {
      throw incompatibleTable(table.source, 'its key is another one.');
    }
    if (!options.mayAlter && (await this.plan(table, options)).length > 0) {
      throw incompatibleTable(table.source, 'it does not fit, and may not be altered.');
    }
    const places = new Map(known?.table.columns.map(({ name }, index) => [name, index]));
    const kept = options.drop
      ? []
      : (known?.table.columns ?? []).filter(({ name }) => !hasColumn(table, name));
    const columns = [...table.columns, ...kept];
    const rows = new Map(
      [...(known?.rows ?? [])].map(([key, row]) => {
        const values = columns.map(({ name }) => row.values[places.get(name) ?? -1] ?? null);
        return [key, { ...row, values }];
      }),
    );
    this.#tables.set(table.target, { table: { ...table, columns }, rows });
  }

  async write({ table, body, step }: LineBatch): Promise<void> {
    this.#follow(table, step);
    const stored = this.#stored(table);
    for (const texts of lineTexts(body)) {
      const values = texts.slice(0, table.columns.length);
      const [version = '0', deleted] = texts.slice(table.columns.length);
      const key = keyOf(table, values);
      const row = { values, version: BigInt(version ?? 0), isDeleted: deleted === '1' };
      const before = stored.rows.get(key);
      if (before === undefined || before.version <= row.version) stored.rows.set(key, row);
    }
    this.#progress.set(table.source, step.next);
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    this.#follow(table, step);
    const { rows } = this.#stored(table);
    for (const [key, { version }] of rows) if (version < below) rows.delete(key);
    this.#progress.set(table.source, step.next);
  }

  async drop(table: SinkTable): Promise<void> {
    this.#tables.delete(table.target);
    this.#progress.delete(table.source);
  }

  async *readBack(table: SinkTable): AsyncGenerator<Buffer, void> {
    for (const { values, version, isDeleted } of this.#stored(table).rows.values()) {
      if (isDeleted) continue;
      const texts = table.columns.map((_, index) => tsvText(values[index] ?? null));
      yield Buffer.from(`${[...texts, version].join('\t')}\n`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tables.clear();
  }

  #stored(table: SinkTable): MemoryTable {
    const stored = this.#tables.get(table.target);
    if (stored === undefined) throw incompatibleTable(table.source, 'it is missing.');
    return stored;
  }

  #follow(table: SinkTable, { follows }: ProgressStep): void {
    const found = this.#progress.get(table.source)?.sequence ?? 0;
    if (found !== follows) throw staleProgress(table.source, found, follows);
  }
}

function hasColumn({ columns }: SinkTable, name: string): boolean {
  return columns.some((column) => column.name === name);
}

function keyOf(table: SinkTable, values: readonly (string | null)[]): string {
  const places = table.key.map((name) => table.columns.findIndex((each) => each.name === name));
  return JSON.stringify(places.map((place) => values[place]));
}
