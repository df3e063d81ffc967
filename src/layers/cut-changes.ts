import { versionColumn } from '../change/table-schema.ts';
import type { Attempt } from './layer-state.ts';
import type { LayersCut } from './layers.ts';
import type { Changes, Omission } from './maintained-node.ts';
import { buildColumn, type Relation, signColumn } from './relation.ts';

/**
 * What has changed since the last published cut: in tables by version, or by arrival where changes come
 * in another order, in models by their deltas.
 */
export class CutChanges implements Changes {
  readonly #cut: LayersCut;
  readonly #attempt: Attempt;
  readonly #omit: Omission | undefined;
  readonly #changed = new Set<string>();

  constructor(cut: LayersCut, attempt: Attempt, omit?: Omission) {
    this.#cut = cut;
    this.#attempt = attempt;
    this.#omit = omit;
  }

  /** The node's delta, or for a model that is rebuilt its table, holds something for its readers. */
  markChanged(name: string): void {
    this.#changed.add(name);
  }

  hasChanged(name: string): boolean {
    return this.#cut.tables.has(name) || this.#changed.has(name);
  }

  rowsOf(relation: Relation): string | undefined {
    if (!this.hasChanged(relation.name)) return undefined;
    if (relation.kind === 'table') {
      const column = relation.changeColumn ?? versionColumn;
      return `(SELECT * FROM ${relation.physical} WHERE ${column} > ${this.#cut.from.version})`;
    }
    const onlyNew = this.#omit === 'old-groups' ? ` AND ${signColumn} > 0` : '';
    const since = `${buildColumn} > ${this.#attempt.since}`;
    return `(SELECT * FROM ${relation.delta} WHERE ${since}${onlyNew})`;
  }
}
