import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { OdsCatalog } from '../model/ods-catalog.ts';
import type { Relation } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import type { NodeSource } from '../node/node-sources.ts';
import { Lanes } from '../refresh/lanes.ts';
import type { FoundBy } from './explanation.ts';

/** A source whose reader depends on all of its rows, and does not say on which for one of its own. */
export interface GraphSource extends NodeSource {
  readonly isWhole?: true;
}

/** All maintained tables of a project by the name that their readers use. */
export class NodeGraph {
  readonly #nodes: ReadonlyMap<string, MaintainedNode>;
  readonly #models: ReadonlyMap<string, CompiledModel>;
  readonly #ods: OdsCatalog;
  readonly #lanes = new Lanes();

  /** The models in order of dependency. */
  constructor(models: readonly CompiledModel[], ods: OdsCatalog) {
    this.#models = new Map(models.map((compiled) => [compiled.model.name, compiled]));
    const nodes = models.flatMap((compiled) => compiled.nodes);
    this.#nodes = new Map(nodes.map((node) => [node.relation.name, node]));
    this.#ods = ods;
    this.#lanes.follow(models);
  }

  names(): string[] {
    return [...this.#models.keys()];
  }

  model(name: string): CompiledModel | undefined {
    return this.#models.get(name);
  }

  /** A model's own node, or a hidden stage. */
  node(name: string): MaintainedNode | undefined {
    return this.#nodes.get(name);
  }

  kindOf(name: string): 'table' | 'model' | 'stage' {
    if (this.#models.has(name)) return 'model';
    return this.#nodes.has(name) ? 'stage' : 'table';
  }

  /** It shows the changes of several cuts at once. */
  isOfMinutes(model: string): boolean {
    return this.#lanes.isOfMinutes(model);
  }

  /** What a node cannot tell the rows of (sets of a condition, all when it is computed whole) it reads all of. */
  sourcesOf(node: MaintainedNode): readonly GraphSource[] {
    const sources = node.sources ?? [];
    const told = new Set(sources.map(({ relation }) => relation.name));
    const rest = node.reads.filter((name) => !told.has(name));
    return [...sources, ...rest.flatMap((name) => this.#wholeSource(name))];
  }

  /** The same for people: tables and models in place of hidden stages. */
  shownSourcesOf(node: MaintainedNode): readonly GraphSource[] {
    return this.sourcesOf(node).flatMap((source) => {
      const { name } = source.relation;
      return source.isWhole && this.kindOf(name) === 'stage' ? this.#belowStage(name) : [source];
    });
  }

  #belowStage(name: string): GraphSource[] {
    const reads = this.#nodes.get(name)?.reads ?? [];
    return reads.flatMap((read) => {
      return this.kindOf(read) === 'stage' ? this.#belowStage(read) : this.#wholeSource(read);
    });
  }

  #wholeSource(name: string): GraphSource[] {
    const relation: Relation | undefined =
      this.#nodes.get(name)?.relation ?? this.#ods.relation(name);
    if (relation === undefined) return [];
    const { columns } = relation;
    return [{ relation, alias: name, equal: [], columns, reads: [], isWhole: true }];
  }
}

export function foundBy({ equal, relation, isWhole }: GraphSource): FoundBy {
  if (isWhole) return 'all';
  const expressions = new Set(equal.map(({ expression }) => expression));
  const hasKey = relation.key.every(({ name }) => expressions.has(quoteIdentifier(name)));
  return hasKey && relation.key.length > 0 ? 'key' : 'group';
}
