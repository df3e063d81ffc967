import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import { nodeTables } from '../layer-names.ts';
import { groupShape } from '../node/group-shape.ts';
import { describeGroups, GroupedNode } from '../node/grouped-node.ts';
import type { MaintainedNode, NodeOptions, Omission } from '../node/maintained-node.ts';
import { partitionShape } from '../node/partition-shape.ts';
import { describeRows, RowNode } from '../node/row-node.ts';
import { describeUnion, UnionNode } from '../node/union-node.ts';
import { describeWhole, WholeNode } from '../node/whole-node.ts';
import { callsIn } from '../text/aggregate-text.ts';
import { isUnsupported, readSelect } from '../text/select-text.ts';
import { renderStage, stageDatabase } from '../text/set-text.ts';
import { type ParsedSql, parseSql } from '../text/sql-parser.ts';
import { type Edit, quoteNames, type Span } from '../text/sql-text.ts';
import {
  limitDistinct,
  type SplitSelect,
  splitGroups,
  splitRows,
  withoutDistinct,
} from '../text/stage-text.ts';
import { UnsupportedSql } from '../text/token-ranges.ts';
import { BoundSelect } from './binding.ts';
import { overEmptyTables } from './model-sql.ts';
import type { Relation, TypedColumn } from './relation.ts';
import { type OpenOrder, openOrders } from './total-order.ts';

export interface CompilerSetup {
  /** The model, and the name of its tables. */
  readonly name: string;
  readonly storage: string;
  /** Columns that the user says identify a row of the model. */
  readonly key: readonly string[];
  /** Columns of a SELECT in the engine's words; throws CDC_ENGINE_REJECTED. */
  readonly describe: (sql: string) => Promise<TypedColumn[]>;
  readonly isAggregate: (functionName: string) => boolean;
  readonly lookup: (name: string) => Relation | undefined;
  readonly omit?: Omission;
}

/** What becomes of one statement. */
export interface Target {
  /** The model's own name for the last node; stages are numbered. */
  readonly isModel?: true;
  /** Names of the outputs, by position, where they are not those of the text. */
  readonly outputs?: readonly TypedColumn[];
  /** Text of our own making: its orders have been looked at where the user wrote them. */
  readonly isOurs?: true;
}

/** Thrown for a statement without a right answer. */
export class OpenOrderError extends Error {
  readonly orders: readonly OpenOrder[];

  constructor(orders: readonly OpenOrder[]) {
    super(orders.map(({ message }) => message).join(' '));
    this.orders = orders;
  }
}

/**
 * Makes nodes of SELECTs without subqueries, stages first: DISTINCT stands over windows and limits, these
 * over groups, groups over rows, and each step turns one text into a stage and the rest over it.
 */
export class FlatCompiler {
  readonly nodes: MaintainedNode[] = [];
  /** What the last node is, in plain words. */
  what = '';
  readonly #options: CompilerSetup;
  /** What the columns of stages of our making are, by stage and column. */
  readonly #labels = new Map<string, ReadonlyMap<string, string>>();

  constructor(options: CompilerSetup) {
    this.#options = options;
  }

  /** One SELECT without subqueries. */
  async flat(sql: string, target: Target): Promise<Relation> {
    const select = readSelect(parseSql(sql));
    if (isUnsupported(select)) throw new UnsupportedSql(select.reason);
    const bound = new BoundSelect(select, (name) => this.known(name));
    const { isAggregate } = this.#options;
    const calls = this.#calls(select.parsed);
    const isGrouped = select.groupBy.length > 0 || calls.length > 0 || select.having !== undefined;
    const isTailed = select.windows.length > 0 || select.limits.length > 0;
    const open = target.isOurs ? [] : openOrders(bound, isGrouped);
    if (open.length > 0) throw new OpenOrderError(open);
    if (select.isDistinct) return this.#overDistinct(bound, target);
    if (isGrouped) {
      const asksGroups = select.sets.some((set) => asksOfGroups(bound, set.span, calls));
      if (isTailed || asksGroups) return this.#split(splitGroups(bound, isAggregate), target);
      if (!isOfOneModel(bound)) return this.#split(splitRows(bound), target);
      const shape = groupShape(bound);
      const options = await this.#nodeOptions(describeGroups(shape), target);
      const by = select.groupBy.map((group) => plain(bound.expanded(bound.meant(group))));
      const source = this.#sourceOf(bound);
      const what =
        by.length > 0 ? `groups of ${source} by ${by.join(', ')}` : `one row over ${source}`;
      return this.#add(new GroupedNode(shape, options), what);
    }
    if (isTailed || select.qualify) {
      if (!isOfOneModel(bound)) return this.#split(splitRows(bound), target);
      const shape = partitionShape(bound);
      const options = await this.#nodeOptions(describeGroups(shape), target);
      const labels = this.#labels.get(bound.driving.relation.name);
      const by = shape.groups.map(({ text }) => plain(labels?.get(text) ?? text));
      const together = by.length > 0 ? `in partitions by ${by.join(', ')}` : 'all of them together';
      return this.#add(
        new GroupedNode(shape, options),
        `rows of ${this.#sourceOf(bound)}, ${together}`,
      );
    }
    const staged = await this.#withDimensions(bound);
    if (staged !== undefined) return this.flat(staged, target);
    const options = await this.#nodeOptions(describeRows(bound), target);
    const others = bound.joined.map(({ alias }) => alias).join(', ');
    const joined = others === '' ? '' : `, joined with ${others}`;
    return this.#add(new RowNode(bound, options), `rows of ${this.#sourceOf(bound)}${joined}`);
  }

  /** For people: the relation, or the tables and models below a stage. */
  #sourceOf({ driving }: BoundSelect): string {
    const named = (name: string): string[] => {
      const stage = this.nodes.find(({ relation }) => relation.name === name);
      return stage?.reads.flatMap(named) ?? [name];
    };
    return [...new Set(named(driving.relation.name))].join(' and ');
  }

  async #split({ stage, over, labels }: SplitSelect, target: Target): Promise<Relation> {
    const { name } = await this.flat(stage, { isOurs: true });
    if (labels !== undefined) this.#labels.set(name, labels);
    return this.flat(over(name), { ...target, isOurs: true });
  }

  async #overDistinct(bound: BoundSelect, target: Target): Promise<Relation> {
    const inner = withoutDistinct(bound);
    const outputs = target.outputs ?? (await this.outputsOf(inner)).outputs;
    const over = limitDistinct(bound, outputs);
    const rows = await this.flat(inner, { outputs, isOurs: true });
    if (over === undefined) return this.distinct(rows, { ...target, outputs });
    const stage = await this.distinct(rows, { outputs });
    return this.flat(over(stage.name), { ...target, outputs, isOurs: true });
  }

  /**
   * A joined table becomes a stage of the columns that the SELECT reads, so that a change of another column
   * ends there. Also when it has no others yet: the stages of a model must not change with a column that it
   * does not read. Undefined when there is none.
   */
  async #withDimensions(bound: BoundSelect): Promise<string | undefined> {
    if (bound.select.items.some(({ isStar }) => isStar)) return undefined;
    const driving = bound.driving.relation.name;
    const edits: Edit[] = [];
    const stages = new Map<string, string>();
    for (const { alias, columns, relation, span } of bound.joined) {
      if (relation.kind !== 'table' || columns.length === 0 || relation.name === driving) continue;
      const names = quoteNames(columns.map(({ name }) => name));
      const sql = `SELECT ${names} FROM ${quoteTable(relation.name)} AS _rows`;
      const stage = stages.get(sql) ?? (await this.flat(sql, { isOurs: true })).name;
      stages.set(sql, stage);
      edits.push({ ...span, text: `${renderStage(stage)} AS ${quoteIdentifier(alias)}` });
    }
    if (edits.length === 0) return undefined;
    return bound.text({ start: 0, end: bound.select.parsed.sql.length }, edits);
  }

  /** Equal rows once. */
  distinct({ name, columns }: Relation, target: Target): Promise<Relation> {
    const names = quoteNames(columns.map((column) => column.name));
    const sql = `SELECT ${names} FROM ${renderStage(name)} AS _rows GROUP BY ${names}`;
    return this.flat(sql, { ...target, isOurs: true });
  }

  async whole(sql: string, target: Target): Promise<Relation> {
    const { key, lookup } = this.#options;
    const parsed = parseSql(sql);
    const draft = {
      parsed,
      lookup: (name: string) => this.#stage(name) ?? lookup(name),
      key: target.isModel ? key : [],
    };
    const options = await this.#nodeOptions(describeWhole(draft), target);
    return this.#add(new WholeNode(draft, options), 'all of it');
  }

  /** UNION ALL of stages. */
  async union(branches: readonly Relation[], target: Target): Promise<Relation> {
    const options = await this.#nodeOptions(describeUnion({ branches }), target);
    const what = `rows of ${branches.length} SELECTs together`;
    return this.#add(new UnionNode({ branches }, options), what);
  }

  /** Whether an aggregate is called anywhere in a SELECT without subqueries. */
  hasAggregates({ select }: BoundSelect): boolean {
    return this.#calls(select.parsed).length > 0;
  }

  /** Names and types that the engine gives the outputs of a text. */
  async outputsOf(sql: string): Promise<{ outputs: readonly TypedColumn[] }> {
    const lookup = (name: string) => this.#stage(name) ?? this.#options.lookup(name);
    return { outputs: await this.#options.describe(overEmptyTables(parseSql(sql), lookup)) };
  }

  /** Types of the rewritten statement with the names it is to have; hidden columns come after them. */
  async #nodeOptions(sql: string, { isModel, outputs = [] }: Target): Promise<NodeOptions> {
    const { name: model, storage, omit } = this.#options;
    const described = await this.#options.describe(sql);
    const columns = described.map(({ name, type }, index) => {
      return { name: outputs[index]?.name ?? name, type };
    });
    const names = new Set(columns.map(({ name }) => name));
    const cannot = columns.find(({ type }) => /\b(Nothing|AggregateFunction\()/.test(type));
    if (names.size < columns.length) throw new UnsupportedSql('two columns have one name');
    if (cannot) throw new UnsupportedSql(`${cannot.name} has no type that can be stored`);
    const stage = isModel ? '' : `#${this.nodes.length + 1}`;
    const tables = nodeTables(storage, stage);
    return { name: `${model}${stage}`, tables, columns, ...(omit ? { omit } : {}) };
  }

  #calls(parsed: ParsedSql): Span[] {
    const whole = { start: 0, end: parsed.sql.length };
    return callsIn(parsed, whole, this.#options.isAggregate);
  }

  #add(node: MaintainedNode, what: string): Relation {
    this.what = what;
    this.nodes.push(node);
    return node.relation;
  }

  #stage(name: string): Relation | undefined {
    if (!name.startsWith(`${stageDatabase}.`)) return undefined;
    const stage = name.slice(stageDatabase.length + 1);
    return this.nodes.find(({ relation }) => relation.name === stage)?.relation;
  }

  known(name: string): Relation {
    const relation = this.#stage(name) ?? this.#options.lookup(name);
    if (relation === undefined) throw new UnsupportedSql(`it reads ${name}, which is not known`);
    const isWithoutKey = relation.kind === 'table' && relation.key.length === 0;
    if (isWithoutKey) throw new UnsupportedSql(`it reads ${name}, which has no key`);
    return relation;
  }
}

/** A question about a whole group: outside of aggregates and of what is grouped by. */
function asksOfGroups(bound: BoundSelect, set: Span, calls: readonly Span[]): boolean {
  const { items, having, groupBy } = bound.select;
  const isIn = (outer: Span) => set.start >= outer.start && set.end <= outer.end;
  const groups = groupBy.map((group) => bound.canonical(bound.meant(group)));
  const isGroup = (item: { expression: Span }) => groups.includes(bound.canonical(item.expression));
  const isOver = items.some((item) => isIn(item) && !isGroup(item)) || (having && isIn(having));
  return isOver === true && !calls.some(isIn);
}

/** Its changes have old images, so its rows can be grouped without a stage. */
function isOfOneModel(bound: BoundSelect): boolean {
  const isOne = bound.joined.length === 0 && bound.sets.length === 0;
  return isOne && bound.driving.relation.kind === 'model';
}

function quoteTable(name: string): string {
  const [database = '', ...table] = name.split('.');
  return `${quoteIdentifier(database)}.${quoteIdentifier(table.join('.'))}`;
}

/** For people, who did not write the quotes. */
function plain(text: string): string {
  return text.replaceAll('`', '');
}

/** The reason, when a text cannot be maintained by keys; undefined for any other error. */
export function whyNot(error: unknown): string | undefined {
  if (error instanceof UnsupportedSql) return error.message;
  if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') return undefined;
  // The user's own text is valid, so what was refused is our rewriting of it.
  return `it cannot be limited to keys (${error.message})`;
}
