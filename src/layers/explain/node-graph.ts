import type { MaintainedNode } from '../maintained-node.ts';
import type { CompiledModel } from '../model-compiler.ts';
import type { NodeSource } from '../node-sources.ts';
import type { OdsCatalog } from '../ods-catalog.ts';
import type { Relation } from '../relation.ts';

/** All maintained tables of a project by the name that their readers use. */
export class NodeGraph {
  readonly #nodes: ReadonlyMap<string, MaintainedNode>;
  readonly #models: ReadonlyMap<string, CompiledModel>;
  readonly #ods: OdsCatalog;

  constructor(models: readonly CompiledModel[], ods: OdsCatalog) {
    this.#models = new Map(models.map((compiled) => [compiled.model.name, compiled]));
    const nodes = models.flatMap((compiled) => compiled.nodes);
    this.#nodes = new Map(nodes.map((node) => [node.relation.name, node]));
    this.#ods = ods;
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

  /** A node that cannot tell is made of all rows of what it reads. */
  sourcesOf(node: MaintainedNode): readonly NodeSource[] {
    return node.sources ?? node.reads.flatMap((name) => this.#wholeSource(name));
  }

  #wholeSource(name: string): NodeSource[] {
    const relation: Relation | undefined =
      this.#nodes.get(name)?.relation ?? this.#ods.relation(name);
    if (relation === undefined) return [];
    return [{ relation, alias: name, equal: [], columns: relation.columns, reads: [] }];
  }
}
