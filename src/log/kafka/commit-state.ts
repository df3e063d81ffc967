import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { CommitRecord, CommitStep, LogState } from './commit-record.ts';

/** One commit in so many holds the whole state. */
export const stateEvery = 1_000;

/** What follows from all commits so far. */
export class CommitState {
  readonly #checkpoints = new Map<string, unknown>();
  readonly #schemas = new Map<TableId, Map<string, TableSchema>>();
  readonly #newest = new Map<TableId, string>();
  readonly #ends = new Map<string, Map<number, number>>();
  readonly #lost = new Map<string, number>();
  #bytes = 0;
  /** Of the last commit; -1 before the first. */
  number = -1;

  /** Takes in the next commit. One with a state replaces everything. */
  apply(record: CommitRecord): void {
    if (record.state !== undefined) this.#restore(record.state);
    else this.#add(record);
    this.number = record.number;
  }

  get bytes(): number {
    return this.#bytes;
  }

  checkpoint(name: string): unknown {
    return this.#checkpoints.get(name);
  }

  checkpoints(prefix: string): Map<string, unknown> {
    const names = [...this.#checkpoints.keys()].filter((name) => name.startsWith(prefix)).sort();
    return new Map(names.map((name) => [name, this.#checkpoints.get(name)]));
  }

  schema(table: TableId, version: string): TableSchema | undefined {
    return this.#schemas.get(table)?.get(version);
  }

  newestSchemas(): Map<TableId, TableSchema> {
    const newest = [...this.#newest].sort(([left], [right]) => (left < right ? -1 : 1));
    return new Map(
      newest.flatMap(([table, version]) => {
        const schema = this.schema(table, version);
        return schema === undefined ? [] : [[table, schema] as const];
      }),
    );
  }

  topics(): string[] {
    return [...this.#ends.keys()];
  }

  /** The offset after the last record of the partition that a commit knows. */
  end(topic: string, partition: number): number {
    return this.#ends.get(topic)?.get(partition) ?? 0;
  }

  /** Whether what this commit says of the topic was of one that was deleted later. */
  isLost(topic: string, number: number): boolean {
    return number < (this.#lost.get(topic) ?? 0);
  }

  export(): LogState {
    return {
      checkpoints: Object.fromEntries(this.#checkpoints),
      schemas: [...this.#schemas.values()].flatMap((versions) => [...versions.values()]),
      newest: Object.fromEntries(this.#newest),
      ends: Object.fromEntries(
        [...this.#ends].map(([topic, ends]) => [topic, Object.fromEntries(ends)]),
      ),
      lost: Object.fromEntries(this.#lost),
      bytes: this.#bytes,
    };
  }

  #add({ number, steps, checkpoints, removed, lostTopics, bytes }: CommitRecord): void {
    for (const topic of lostTopics) {
      this.#ends.delete(topic);
      this.#lost.set(topic, number);
    }
    for (const step of steps) this.#pass(step);
    for (const [name, value] of Object.entries(checkpoints)) this.#checkpoints.set(name, value);
    for (const name of removed) this.#checkpoints.delete(name);
    this.#bytes += bytes;
  }

  #pass(step: CommitStep): void {
    if ('barrier' in step) {
      if (step.barrier.kind === 'schema') this.#remember(step.barrier.schema);
      return;
    }
    for (const { topic, partition, end } of step.ranges) {
      if (end > this.end(topic, partition)) this.#endsOf(topic).set(partition, end);
    }
  }

  #remember(schema: TableSchema): void {
    const versions = this.#schemas.get(schema.table) ?? new Map<string, TableSchema>();
    versions.set(schema.version, schema);
    this.#schemas.set(schema.table, versions);
    this.#newest.set(schema.table, schema.version);
  }

  #endsOf(topic: string): Map<number, number> {
    const ends = this.#ends.get(topic) ?? new Map<number, number>();
    this.#ends.set(topic, ends);
    return ends;
  }

  #restore(state: LogState): void {
    this.#checkpoints.clear();
    this.#schemas.clear();
    this.#ends.clear();
    this.#lost.clear();
    for (const [name, value] of Object.entries(state.checkpoints)) {
      this.#checkpoints.set(name, value);
    }
    for (const schema of state.schemas) this.#remember(schema);
    for (const [table, version] of Object.entries(state.newest)) this.#newest.set(table, version);
    for (const [topic, ends] of Object.entries(state.ends)) {
      for (const [partition, end] of Object.entries(ends)) {
        this.#endsOf(topic).set(Number(partition), end);
      }
    }
    for (const [topic, number] of Object.entries(state.lost)) this.#lost.set(topic, number);
    this.#bytes = state.bytes;
  }
}
