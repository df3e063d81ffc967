import { deletedColumn, versionColumn } from '../../change/table-schema.ts';
import type { LayersCut } from '../layers.ts';
import { buildColumn, type Relation, signColumn } from '../model/relation.ts';
import type { Changes, Omission } from '../node/maintained-node.ts';

export interface CutChangesOptions {
  readonly from: LayersCut['from'];
  /** Tables that may have changed; all of them when undefined. */
  readonly tables?: ReadonlySet<string>;
  /** The build after which deltas of this node are news; `from.build` when undefined. */
  readonly sinceOf?: (node: string) => number;
  readonly omit?: Omission | undefined;
}

/**
 * What has changed since a cut: in tables by version, or by arrival where changes come in another order,
 * in models by their deltas.
 */
export class CutChanges implements Changes {
  readonly #options: CutChangesOptions;
  readonly #changed = new Set<string>();

  constructor(options: CutChangesOptions) {
    this.#options = options;
  }

  /** The node's delta holds something for its readers. */
  markChanged(node: string): void {
    this.#changed.add(node);
  }

  hasChanged(name: string): boolean {
    const { tables, omit } = this.#options;
    if (omit === 'one-cut' && name === [...(tables ?? [])].at(1)) return false;
    return tables === undefined || tables.has(name) || this.#changed.has(name);
  }

  rowsOf(relation: Relation): string | undefined {
    if (!this.hasChanged(relation.name)) return undefined;
    const { from, sinceOf, omit } = this.#options;
    if (relation.kind === 'table') {
      const column = relation.changeColumn ?? versionColumn;
      const onlyPresent = omit === 'old-images' ? ` AND ${deletedColumn} = 0` : '';
      const since = `${column} > ${from.version}`;
      return `(SELECT * FROM ${relation.physical} WHERE ${since}${onlyPresent})`;
    }
    const onlyNew = omit === 'old-groups' ? ` AND ${signColumn} > 0` : '';
    const onlyOld = omit === 'new-groups' ? ` AND ${signColumn} < 0` : '';
    const since = `${buildColumn} > ${sinceOf?.(relation.name) ?? from.build}`;
    return `(SELECT * FROM ${relation.delta} WHERE ${since}${onlyNew}${onlyOld})`;
  }
}
