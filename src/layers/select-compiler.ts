import { quoteIdentifier } from '../engine/sql-quote.ts';
import { CdcError } from '../errors.ts';
import { callsIn } from './aggregate-text.ts';
import { BoundSelect } from './binding.ts';
import { readExists } from './exists-text.ts';
import { describeGroups, GroupNode } from './group-node.ts';
import { nodeTables } from './layer-names.ts';
import type { MaintainedNode, NodeOptions, Omission } from './maintained-node.ts';
import { overEmptyTables } from './model-sql.ts';
import { describePartitions, PartitionNode, partitionOf } from './partition-node.ts';
import {
  type NestedQuery,
  nestedQueries,
  readQuery,
  replaceNamed,
  withoutRightJoin,
} from './query-text.ts';
import type { Relation, TypedColumn } from './relation.ts';
import { describeRows, RowNode } from './row-node.ts';
import { isUnsupported, readSelect, type SelectText } from './select-text.ts';
import { renderSet, renderStage, stageDatabase } from './set-text.ts';
import { parseSql } from './sql-parser.ts';
import { type Edit, quoteNames, renderSpan, type Span } from './sql-text.ts';
import { type SplitSelect, splitGroups, splitRows } from './stage-text.ts';
import { UnsupportedSql } from './token-ranges.ts';
import { type OpenOrder, openOrders } from './total-order.ts';
import { describeUnion, UnionNode } from './union-node.ts';
import { describeWhole, WholeNode } from './whole-node.ts';

export interface SelectCompilerOptions {
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
interface Target {
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
 * Takes a model's text apart into nodes, leaf first. Every step turns one text into two, a stage and the
 * rest over it: named queries, subqueries and branches of UNION become stages first, so that what is left
 * is one flat SELECT; of that, DISTINCT stands over windows and limits, these over groups, groups over
 * rows. What is not understood becomes a WholeNode, at the innermost place where it can.
 */
export class SelectCompiler {
  readonly nodes: MaintainedNode[] = [];
  readonly #options: SelectCompilerOptions;
  /** Why something is recomputed whole. */
  readonly #reasons: string[] = [];
  /** What the last node is, in plain words. */
  #what = '';

  constructor(options: SelectCompilerOptions) {
    this.#options = options;
  }

  /** Resolves to the model's own relation; the nodes are in `nodes`. */
  async compile(sql: string, outputs: readonly TypedColumn[]): Promise<Relation> {
    return this.#query(sql, { isModel: true, outputs });
  }

  get way(): 'keys' | 'rebuild' {
    return this.#reasons.length > 0 ? 'rebuild' : 'keys';
  }

  /** The way and the reason for it, in plain words. */
  get why(): string {
    const stages = this.nodes.length - 1;
    const hidden = stages > 0 ? `; ${stages} hidden stage${stages > 1 ? 's' : ''}` : '';
    const [reason] = this.#reasons;
    if (reason === undefined) return `${this.#what}${hidden}`;
    const rest = stages > 0 ? `; by keys from there: ${this.#what}${hidden}` : '';
    return `${reason}${rest}`;
  }

  async #query(sql: string, target: Target): Promise<Relation> {
    const done = this.nodes.length;
    const reasons = this.#reasons.length;
    try {
      return await this.#maintained(sql, target);
    } catch (error) {
      const reason = whyNot(error);
      if (reason === undefined) throw error;
      this.nodes.length = done;
      this.#reasons.length = reasons;
      const relation = await this.#whole(sql, target);
      this.#reasons.push(reason);
      return relation;
    }
  }

  async #whole(sql: string, target: Target): Promise<Relation> {
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

  async #maintained(sql: string, target: Target): Promise<Relation> {
    const parsed = parseSql(sql);
    const { named, body, branches, isDistinct } = readQuery(parsed);
    const stages = new Map<string, string>();
    const text = (span: Span) => replaceNamed(renderSpan(parsed.sql, span), stages);
    for (const { name, query } of named) {
      if (stages.has(name)) throw new UnsupportedSql(`two named queries are called ${name}`);
      const stage = await this.#query(text(query), await this.#outputsOf(text(query)));
      stages.set(name, renderStage(stage.name));
    }
    if (branches.length === 1) return this.#select(text(body), target);
    const outputs = target.outputs ?? (await this.#outputsOf(text(body))).outputs;
    const relations: Relation[] = [];
    for (const branch of branches) {
      relations.push(await this.#query(text(branch), await this.#outputsOf(text(branch))));
    }
    const union = { branches: relations };
    const last = isDistinct ? { outputs } : { ...target, outputs };
    const options = await this.#nodeOptions(describeUnion(union), last);
    const what = `rows of ${relations.length} SELECTs together`;
    const all = this.#add(new UnionNode(union, options), what);
    return isDistinct ? this.#distinct(all, target) : all;
  }

  /** One SELECT, whose subqueries become stages. */
  async #select(sql: string, target: Target): Promise<Relation> {
    const parsed = parseSql(sql);
    const edits: Edit[] = [];
    const outputs = target.outputs ?? (await this.#outputsOf(sql)).outputs;
    for (const nested of nestedQueries(parsed)) {
      edits.push({ ...nested.span, text: await this.#nested(sql, nested) });
    }
    const flat = renderSpan(sql, { start: 0, end: sql.length }, edits);
    return this.#flat(withoutRightJoin(flat), { ...target, outputs });
  }

  async #nested(sql: string, { kind, query, hasAlias }: NestedQuery): Promise<string> {
    const text = renderSpan(sql, query);
    if (kind === 'exists') return this.#exists(text);
    const stage = await this.#query(text, await this.#outputsOf(text));
    if (kind === 'from') {
      return hasAlias ? renderStage(stage.name) : `${renderStage(stage.name)} AS _query`;
    }
    if (kind === 'value') return renderSet(stage.name);
    const { columns, key } = stage;
    const isSet = key.length > 0 && key.every(({ name }) => columns.some((c) => c.name === name));
    return renderSet(isSet ? stage.name : (await this.#distinct(stage, {})).name);
  }

  async #exists(sql: string): Promise<string> {
    const edits: Edit[] = [];
    for (const nested of nestedQueries(parseSql(sql))) {
      edits.push({ ...nested.span, text: await this.#nested(sql, nested) });
    }
    const flat = renderSpan(sql, { start: 0, end: sql.length }, edits);
    const { stage, operand } = readExists(flat, (name) => this.#known(name));
    const found = await this.#flat(stage, { isOurs: true });
    const set = renderSet(found.name);
    return operand === undefined ? `ifNull(${set}, 0)` : `ifNull(${operand} IN ${set}, 0)`;
  }

  /** Equal rows once. */
  #distinct({ name, columns }: Relation, target: Target): Promise<Relation> {
    const names = quoteNames(columns.map((column) => column.name));
    const sql = `SELECT ${names} FROM ${renderStage(name)} AS _rows GROUP BY ${names}`;
    return this.#flat(sql, { ...target, isOurs: true });
  }

  /** One SELECT without subqueries. */
  async #flat(sql: string, target: Target): Promise<Relation> {
    const select = readSelect(parseSql(sql));
    if (isUnsupported(select)) throw new UnsupportedSql(select.reason);
    const bound = new BoundSelect(select, (name) => this.#known(name));
    const { isAggregate } = this.#options;
    const whole = { start: 0, end: sql.length };
    const calls = callsIn(select.parsed, whole, isAggregate);
    const isGrouped = select.groupBy.length > 0 || calls.length > 0 || select.having !== undefined;
    const isTailed = select.windows.length > 0 || select.limits.length > 0;
    const open = target.isOurs ? [] : openOrders(bound, isGrouped);
    if (open.length > 0 && !select.isDistinct) throw new OpenOrderError(open);
    if (select.isDistinct) return this.#overDistinct(bound, target);
    if (isGrouped) {
      const isWithin = (inner: Span, outer: Span) =>
        inner.start >= outer.start && inner.end <= outer.end;
      const asksGroups = select.sets.some(({ span }) => {
        const spans = [select.itemList, ...(select.having ? [select.having] : [])];
        const isOver = spans.some((each) => isWithin(span, each));
        return isOver && !calls.some((call) => isWithin(span, call));
      });
      if (isTailed || asksGroups) return this.#split(splitGroups(bound, isAggregate), target);
      if (!isOfOneModel(bound)) return this.#split(splitRows(bound), target);
      const options = await this.#nodeOptions(describeGroups(bound), target);
      const by = select.groupBy.map((group) => plain(bound.expanded(bound.meant(group))));
      const source = this.#sourceOf(bound);
      const what =
        by.length > 0 ? `groups of ${source} by ${by.join(', ')}` : `one row over ${source}`;
      return this.#add(new GroupNode(bound, options), what);
    }
    if (isTailed || select.qualify) {
      if (!isOfOneModel(bound)) return this.#split(splitRows(bound), target);
      const options = await this.#nodeOptions(describePartitions(bound), target);
      const by = partitionOf(bound).map(({ text }) => plain(text));
      const together = by.length > 0 ? `in partitions by ${by.join(', ')}` : 'all of them together';
      return this.#add(
        new PartitionNode(bound, options),
        `rows of ${this.#sourceOf(bound)}, ${together}`,
      );
    }
    const staged = await this.#withDimensions(bound);
    if (staged !== undefined) return this.#flat(staged, target);
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

  async #split({ stage, over }: SplitSelect, target: Target): Promise<Relation> {
    const { name } = await this.#flat(stage, { isOurs: true });
    return this.#flat(over(name), { ...target, isOurs: true });
  }

  async #overDistinct(bound: BoundSelect, target: Target): Promise<Relation> {
    const { select } = bound;
    if (select.limits.length > 0) throw new UnsupportedSql('it uses SELECT DISTINCT with LIMIT');
    const inner = bound.text({ start: 0, end: select.parsed.sql.length }, [
      withoutDistinct(select),
    ]);
    const outputs = target.outputs ?? (await this.#outputsOf(inner)).outputs;
    const rows = await this.#flat(inner, { outputs, ...(target.isOurs && { isOurs: true }) });
    return this.#distinct(rows, { ...target, outputs });
  }

  /**
   * A joined table of which the SELECT does not read every column becomes a stage of those it reads, so that
   * a change of another column ends there. Undefined when there is none.
   */
  async #withDimensions(bound: BoundSelect): Promise<string | undefined> {
    const driving = bound.driving.relation.name;
    const edits: Edit[] = [];
    const stages = new Map<string, string>();
    for (const { alias, columns, relation, span } of bound.joined) {
      const isWhole = columns.length === relation.columns.length || columns.length === 0;
      if (relation.kind !== 'table' || isWhole || relation.name === driving) continue;
      const names = quoteNames(columns.map(({ name }) => name));
      const sql = `SELECT ${names} FROM ${quoteTable(relation.name)} AS _rows`;
      const stage = stages.get(sql) ?? (await this.#flat(sql, { isOurs: true })).name;
      stages.set(sql, stage);
      edits.push({ ...span, text: `${renderStage(stage)} AS ${quoteIdentifier(alias)}` });
    }
    if (edits.length === 0) return undefined;
    return bound.text({ start: 0, end: bound.select.parsed.sql.length }, edits);
  }

  /** Names and types that the engine gives the outputs of a text. */
  async #outputsOf(sql: string): Promise<{ outputs: readonly TypedColumn[] }> {
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

  #add(node: MaintainedNode, what: string): Relation {
    this.#what = what;
    this.nodes.push(node);
    return node.relation;
  }

  #stage(name: string): Relation | undefined {
    if (!name.startsWith(`${stageDatabase}.`)) return undefined;
    const stage = name.slice(stageDatabase.length + 1);
    return this.nodes.find(({ relation }) => relation.name === stage)?.relation;
  }

  #known(name: string): Relation {
    const relation = this.#stage(name) ?? this.#options.lookup(name);
    if (relation === undefined) throw new UnsupportedSql(`it reads ${name}, which is not known`);
    const isWithoutKey = relation.kind === 'table' && relation.key.length === 0;
    if (isWithoutKey) throw new UnsupportedSql(`it reads ${name}, which has no key`);
    return relation;
  }
}

/** Its changes have old images, so its rows can be grouped without a stage. */
function isOfOneModel(bound: BoundSelect): boolean {
  const isOne = bound.joined.length === 0 && bound.sets.length === 0;
  return isOne && bound.driving.relation.kind === 'model';
}

/** The word DISTINCT, with the space before the first item. */
function withoutDistinct({ parsed, itemList }: SelectText): Edit {
  const distinct = parsed.tokens[1];
  return { start: distinct?.start ?? itemList.start, end: itemList.start, text: '' };
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
function whyNot(error: unknown): string | undefined {
  if (error instanceof UnsupportedSql) return error.message;
  if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') return undefined;
  // The user's own text is valid, so what was refused is our rewriting of it.
  return `it cannot be limited to keys (${error.message})`;
}
