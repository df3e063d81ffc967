import { type Origin, usedAt } from './origin.ts';
import type { CteNode, Part, SourceNode, WindowNode } from './query-tree.ts';

/** One thing of FROM, with the columns that names can mean. */
export interface ScopeSource {
  /** By which its columns are qualified: the alias, or `table` and `database.table`. */
  readonly names: readonly string[];
  /** Undefined when nobody knows them: any name may be one. */
  readonly columns: readonly string[] | undefined;
  /** A table whose columns are named directly; absent for queries. */
  readonly table?: string;
  readonly originsOf: (column: string) => readonly Origin[];
  readonly side: SourceNode['side'];
  /** Columns that are one with those of the sources before it. */
  readonly using: ReadonlySet<string>;
  /** ARRAY JOIN: its names hide those of the tables. */
  readonly isArray: boolean;
}

export interface FoundColumn {
  readonly source: ScopeSource;
  readonly column: string;
  readonly isUncertain?: true;
}

/** Names that a SELECT can use, and those of the SELECTs around it. */
export class Scope {
  readonly parent: Scope | undefined;
  readonly sources: ScopeSource[] = [];
  /** What stands before AS in the SELECT. */
  readonly aliases = new Map<string, Part>();
  /** `WITH expression AS name`. */
  readonly named = new Map<string, Part>();
  readonly ctes = new Map<string, CteNode>();
  readonly windows = new Map<string, WindowNode>();
  /** Arguments of the lambda around the place that is looked at. */
  readonly parameters: ReadonlySet<string>;

  constructor(parent?: Scope, parameters: readonly string[] = []) {
    this.parent = parent;
    this.parameters = new Set(parameters);
  }

  /** Columns of this SELECT that a name can mean; several when it stands for both sides of USING. */
  find(path: readonly string[]): FoundColumn[] {
    const qualified = this.#qualified(path);
    if (qualified.length > 0) return qualified;
    const [name = ''] = path;
    const known = this.sources.flatMap((source) => {
      const column = columnOf(source, path);
      return column === undefined ? [] : [{ source, column }];
    });
    const arrays = known.filter(({ source }) => source.isArray);
    const [first] = arrays.length > 0 ? arrays : known;
    if (first === undefined) return [];
    const merged = known.filter(({ source }) => source.using.has(name));
    const full = merged.filter(({ source }) => source.side === 'full');
    if (full.length > 0) return [first, ...full];
    return [merged.findLast(({ source }) => source.side === 'right') ?? first];
  }

  /** The same among sources whose columns nobody knows. */
  findOpen([name = '']: readonly string[]): FoundColumn[] {
    const open = this.sources.filter(({ columns }) => columns === undefined);
    if (open.length === 1) return open.map((source) => ({ source, column: name }));
    return open.map((source) => ({ source, column: name, isUncertain: true }));
  }

  /** What a name stands for that is no column. */
  aliasOf(path: readonly string[]): Part | undefined {
    return this.find(path).length > 0 ? undefined : this.aliases.get(path[0] ?? '');
  }

  hasAlias([name = '']: readonly string[]): boolean {
    return this.aliases.has(name) || this.named.has(name);
  }

  get hasOpenSources(): boolean {
    return this.sources.some(({ columns }) => columns === undefined);
  }

  #qualified(path: readonly string[]): FoundColumn[] {
    for (const length of [2, 1]) {
      const name = path.slice(0, length).join('.');
      const rest = path.slice(length);
      const source = this.sources.find(({ names }) => names.includes(name));
      if (source === undefined || rest.length === 0) continue;
      const column = source.columns === undefined ? rest[0] : columnOf(source, rest);
      if (column !== undefined) return [{ source, column }];
    }
    return [];
  }
}

/** The column that a path begins with: `n.x` of a Nested one, or `tuple` of `tuple.part`. */
function columnOf({ columns = [] }: ScopeSource, path: readonly string[]): string | undefined {
  const whole = path.join('.');
  if (columns.includes(whole)) return whole;
  return columns.find((column) => column === path[0]);
}

export function originsOf({ source, column, isUncertain }: FoundColumn, at: number): Origin[] {
  const origins = usedAt(at, source.originsOf(column));
  return isUncertain ? origins.map((origin) => ({ ...origin, isUncertain })) : origins;
}
