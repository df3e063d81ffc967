import { groupBy } from '../../lib/group-by.ts';
import { lineAndColumn } from '../text/sql-text.ts';
import type { TracedModel } from './lineage-models.ts';
import type { Influence, Origin } from './origin.ts';

/** `source` is a table where changes are captured, `table` its copy in the warehouse. */
export type TableKind = 'source' | 'table' | 'model';

export interface LineageTable {
  readonly kind: TableKind;
  readonly name: string;
  /** Of a model. */
  readonly file?: string;
  readonly columns: readonly LineageColumn[];
}

export interface LineageColumn {
  readonly name: string;
  /** In the words of its store; empty when not known. */
  readonly type: string;
  /** How a model makes it, as written. */
  readonly expression?: string;
  /** `layers/dwd/order_wide.sql:8:3`. */
  readonly at?: string;
}

export interface ColumnNode {
  readonly kind: TableKind;
  readonly table: string;
  readonly column: string;
}

export interface LineageEdge {
  readonly from: ColumnNode;
  /** Without a column: which rows there are. */
  readonly to: Omit<ColumnNode, 'column'> & { readonly column?: string };
  readonly influence: Influence;
  /** Where it is used. */
  readonly at?: string;
  readonly isUncertain?: true;
  /** The rules of the project hide its value: it is masked or hashed. */
  readonly isMasked?: true;
}

/** How a table of the source becomes one of the warehouse. */
export interface CapturedTable {
  readonly source: string;
  readonly target: string;
  readonly sourceColumns: readonly LineageColumn[];
  readonly columns: readonly {
    readonly from: string;
    readonly to: string;
    readonly influence: 'identity' | 'transformation';
    readonly isMasked?: true;
  }[];
}

export interface GraphInput {
  readonly models: readonly TracedModel[];
  readonly tables: ReadonlyMap<string, readonly { name: string; type: string }[]>;
  readonly captured: readonly CapturedTable[];
}

/** Every column of the project and what flows between them. */
export class LineageGraph {
  readonly tables: readonly LineageTable[];
  readonly edges: readonly LineageEdge[];
  readonly #up: ReadonlyMap<string, readonly LineageEdge[]>;
  readonly #down: ReadonlyMap<string, readonly LineageEdge[]>;

  constructor({ models, tables, captured }: GraphInput) {
    this.tables = [
      ...captured.map(({ source, sourceColumns }): LineageTable => {
        return { kind: 'source', name: source, columns: sourceColumns };
      }),
      ...[...tables].map(([name, columns]): LineageTable => ({ kind: 'table', name, columns })),
      ...models.map(modelTable),
    ];
    const kinds = new Map(models.map(({ model }) => [model.name, 'model' as const]));
    const kindOf = (table: string) => kinds.get(table) ?? 'table';
    this.edges = [
      ...captured.flatMap(captureEdges),
      ...models.flatMap((traced) => modelEdges(traced, kindOf)),
    ];
    this.#up = groupBy(this.edges, ({ to }) => nodeKey(to));
    this.#down = groupBy(this.edges, ({ from }) => nodeKey(from));
  }

  /** A table by the name a person types; that of the warehouse, when the source has one of that name too. */
  table(name: string): LineageTable | undefined {
    const found = this.tables.filter((table) => table.name === name);
    return found.find(({ kind }) => kind !== 'source') ?? found[0];
  }

  /** What a column is made of, or what decides the rows of a table. */
  up(node: LineageEdge['to']): readonly LineageEdge[] {
    return this.#up.get(nodeKey(node)) ?? [];
  }

  down(node: ColumnNode): readonly LineageEdge[] {
    return this.#down.get(nodeKey(node)) ?? [];
  }
}

export function nodeKey({ kind, table, column }: LineageEdge['to']): string {
  return JSON.stringify([kind, table, column ?? null]);
}

/** Where a part of a model's text stands, for people. */
export function placeOf(
  { model, parsed }: Pick<TracedModel, 'model' | 'parsed'>,
  at: number,
): string {
  const { line, column } = lineAndColumn(parsed.sql, Math.max(at, 0));
  return `${model.file}:${line}:${column}`;
}

function modelTable(traced: TracedModel): LineageTable {
  const { model, columns, lineage } = traced;
  const described = columns.map(({ name, type }, index): LineageColumn => {
    const output = lineage.outputs[index];
    if (output?.expression === undefined) return { name, type };
    const { expression, at } = output;
    return { name, type, expression: oneLine(expression), at: placeOf(traced, at) };
  });
  return { kind: 'model', name: model.name, file: model.file, columns: described };
}

/** As written, without the comments and line ends in it. */
function oneLine(expression: string): string {
  return expression
    .replace(/--[^\n]*/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function captureEdges({ source, target, columns }: CapturedTable): LineageEdge[] {
  return columns.map(({ from, to, ...how }) => ({
    from: { kind: 'source', table: source, column: from },
    to: { kind: 'table', table: target, column: to },
    ...how,
  }));
}

function modelEdges(traced: TracedModel, kindOf: (table: string) => TableKind): LineageEdge[] {
  const { model, lineage } = traced;
  const edge = (
    { table, column, influence, at, isUncertain }: Origin,
    output?: string,
  ): LineageEdge => ({
    from: { kind: kindOf(table), table, column },
    to: { kind: 'model', table: model.name, ...(output === undefined ? {} : { column: output }) },
    influence,
    at: placeOf(traced, at),
    ...(isUncertain ? { isUncertain } : {}),
  });
  return [
    ...lineage.outputs.flatMap(({ name, origins }) => origins.map((origin) => edge(origin, name))),
    ...lineage.rows.map((origin) => edge(origin)),
  ];
}
