import type { TableId } from '../../change/table-id.ts';
import type { RecordRange } from './commit-record.ts';

interface OpenRange {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  end: number;
  readonly tables: Set<TableId>;
}

/** Gathers ranges; those that touch one another become one. */
export class StepRanges {
  readonly #ranges: OpenRange[] = [];
  /** The newest range of each partition. */
  readonly #last = new Map<string, OpenRange>();

  add({ topic, partition, start, end, tables }: RecordRange): void {
    const key = `${partition} ${topic}`;
    const last = this.#last.get(key);
    if (last?.end === start) {
      last.end = end;
      for (const table of tables) last.tables.add(table);
      return;
    }
    const range = { topic, partition, start, end, tables: new Set(tables) };
    this.#ranges.push(range);
    this.#last.set(key, range);
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  ranges(): RecordRange[] {
    return this.#ranges.map((range) => ({ ...range, tables: [...range.tables] }));
  }
}
