import type { RowCondition } from '../change/change-batch.ts';
import { splitTableId, type TableId } from '../change/table-id.ts';
import { parseTablePatterns, type TableMatcher } from '../change/table-pattern.ts';
import type { ColumnRuleOptions, RouteOptions } from './options.ts';
import { fillTemplate } from './topic-template.ts';

/** An entry of a list of rules, with its place in the list. */
export interface Indexed<T> {
  readonly index: number;
  readonly rule: T;
}

/** What the project file says about one table of the source, whatever its columns are. */
export interface TableRoute {
  readonly source: TableId;
  /** Undefined: no business has the table, and the project file says to stop then. */
  readonly business: string | undefined;
  /** The table it goes into. */
  readonly target: TableId;
  /** A merged table: the rows that come from this shard. */
  readonly shard: RowCondition | undefined;
  /** Other tables are merged into one of its name, without it. */
  readonly isTaken: boolean;
  /** Place of the merge below `route`. */
  readonly mergePath: readonly (string | number)[] | undefined;
  readonly columns: readonly Indexed<ColumnRuleOptions>[];
  readonly filters: readonly Indexed<string>[];
  /** Rows go to businesses by what is looked up. */
  readonly isLookedUp: boolean;
}

/** Finds the rules of a table by its name; each table is looked at once. */
export class TableRoutes {
  readonly #options: RouteOptions;
  readonly #project: string;
  readonly #matchers = new Map<string, TableMatcher>();
  readonly #routes = new Map<TableId, TableRoute>();

  constructor(options: RouteOptions, project: string) {
    this.#options = options;
    this.#project = project;
  }

  of(source: TableId): TableRoute {
    const known = this.#routes.get(source);
    if (known !== undefined) return known;
    const route = this.#find(source);
    this.#routes.set(source, route);
    return route;
  }

  #find(source: TableId): TableRoute {
    const { businesses, columns, filter, lookup, unmatchedTables } = this.#options;
    const { database } = splitTableId(source);
    const at = businesses.findLastIndex((each) => parseTablePatterns(each.tables).matches(source));
    const unmatched = unmatchedTables === 'stop' ? undefined : database;
    const merges = businesses[at]?.merge ?? [];
    const mergeAt = merges.findLastIndex(({ tables }) => this.#matches(tables, source));
    const merge = merges[mergeAt];
    const values = { ...splitTableId(source), project: this.#project };
    return {
      source,
      business: businesses[at]?.name ?? unmatched,
      target: merge?.into ?? source,
      shard: merge && { column: merge.shard, value: fillTemplate(merge.shardValue, values) },
      isTaken:
        merge === undefined &&
        businesses.some((each) => each.merge.some(({ into }) => into === source)),
      mergePath: merge && ['businesses', at, 'merge', mergeAt],
      columns: columns
        .map((rule, index) => ({ index, rule }))
        .filter(({ rule }) => this.#matches(rule.tables, source)),
      filters: filter
        .map(({ tables, where }, index) => ({ index, rule: where, tables }))
        .filter(({ tables }) => this.#matches(tables, source)),
      isLookedUp: lookup !== undefined && this.#matches(lookup.event.tables, source),
    };
  }

  #matches(pattern: string, table: TableId): boolean {
    let matcher = this.#matchers.get(pattern);
    if (matcher === undefined) {
      matcher = parseTablePatterns([pattern]);
      this.#matchers.set(pattern, matcher);
    }
    return matcher.matches(table);
  }
}
