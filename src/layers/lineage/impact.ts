import type { Problem } from '../../errors.ts';
import type { HeaderText } from '../model/model-header.ts';
import type { ColumnNode, LineageGraph } from './lineage-graph.ts';
import { nodeKey, placeOf } from './lineage-graph.ts';
import type { TracedModel } from './lineage-models.ts';
import type { Influence } from './origin.ts';

/** What happens to a column of a captured table. */
export type ColumnChange =
  | { readonly kind: 'drop' }
  | { readonly kind: 'type'; readonly type: string };

/** What a change of a column would do to a model. */
export interface ModelImpact {
  readonly name: string;
  readonly file: string;
  /**
   * `stops`: the engine refuses it; `waits`: it reads one that stops; `changes`: it is to be built anew,
   * for it names the column or gets other columns; `works`: it depends on the column and goes on. (A type
   * that is only wider may leave a model that names the column as it is, too.)
   */
  readonly effect: 'stops' | 'waits' | 'changes' | 'works';
  /** Why it stops, in the engine's words, with the place. */
  readonly problems: readonly Problem[];
  /** Every place that names the column, or one that is made of it. */
  readonly uses: readonly ColumnUseReport[];
  /** Outputs that depend on it; `type` and `after` where the type changes, `after` null where it goes. */
  readonly columns: readonly ImpactedColumn[];
  readonly decidesRows: boolean;
  readonly audits: readonly { readonly text: string; readonly where: string }[];
}

export interface ColumnUseReport {
  readonly table: string;
  readonly column: string;
  readonly role: Influence;
  readonly where: string;
}

export interface ImpactedColumn {
  readonly name: string;
  readonly type: string;
  readonly after: string | null;
}

/** Models that depend on a column, before and after the change, in order of dependency. */
export function modelImpacts(
  graph: LineageGraph,
  start: ColumnNode,
  before: readonly TracedModel[],
  after: readonly TracedModel[],
): ModelImpact[] {
  const { columns, rows } = dependents(graph, start);
  const changed = new Map(after.map((traced) => [traced.model.name, traced]));
  return before.flatMap((traced): ModelImpact[] => {
    const { model, lineage } = traced;
    const own = traced.columns.filter(({ name }) => columns.has(columnKey(model.name, name)));
    const uses = lineage.mentions.flatMap(({ table, column, role, at }) => {
      if (!columns.has(columnKey(table, column))) return [];
      return [{ table, column, role, where: placeOf(traced, at) }];
    });
    const now = changed.get(model.name);
    const isNew = now !== undefined && now.problems.length > 0 && traced.problems.length === 0;
    const isBlocked = now?.isBlocked === true && !traced.isBlocked;
    if (own.length === 0 && uses.length === 0 && !isNew && !isBlocked) return [];
    const isJudged = now !== undefined && !now.isBlocked && now.problems.length === 0;
    const compared = isJudged ? changesOf(traced, now) : [];
    const outputs = own.map(({ name, type }): ImpactedColumn => {
      return compared.find((change) => change.name === name) ?? { name, type, after: type };
    });
    const others = compared.filter(({ name }) => !own.some((column) => column.name === name));
    const isNamed = uses.some(
      ({ table, column }) => table === start.table && column === start.column,
    );
    const isOther = isNamed || compared.length > 0;
    const names = [...own.map(({ name }) => name), ...uses.map(({ column }) => column)];
    return [
      {
        name: model.name,
        file: model.file,
        effect: isNew ? 'stops' : isBlocked ? 'waits' : isOther ? 'changes' : 'works',
        problems: isNew ? now.problems : [],
        uses,
        columns: [...outputs, ...others],
        decidesRows: rows.has(model.name),
        audits: model.header.audits
          .filter((audit) => isBlocked || isNew || namesOne(audit, names))
          .map(({ text, offset }) => ({ text, where: placeOf(traced, offset) })),
      },
    ];
  });
}

/** Columns made of a column, that column itself, and the models whose rows any of them decides. */
function dependents(graph: LineageGraph, start: ColumnNode) {
  const columns = new Set<string>();
  const rows = new Set<string>();
  const seen = new Set<string>();
  for (const waiting = [start]; waiting.length > 0; ) {
    const node = waiting.pop() ?? start;
    if (seen.has(nodeKey(node))) continue;
    seen.add(nodeKey(node));
    columns.add(columnKey(node.table, node.column));
    for (const { to } of graph.down(node)) {
      const { kind, table, column } = to;
      if (column === undefined) rows.add(table);
      else waiting.push({ kind, table, column });
    }
  }
  return { columns, rows };
}

function changesOf(before: TracedModel, after: TracedModel): ImpactedColumn[] {
  const types = new Map(after.columns.map(({ name, type }) => [name, type]));
  return before.columns.flatMap(({ name, type }) => {
    const now = types.get(name) ?? null;
    return now === type ? [] : [{ name, type, after: now }];
  });
}

function namesOne({ text }: HeaderText, names: readonly string[]): boolean {
  const words = new Set(text.match(/\w+/gu) ?? []);
  return names.some((name) => words.has(name));
}

function columnKey(table: string, column: string): string {
  return JSON.stringify([table, column]);
}
