import type { MaintainedNode } from '../node/maintained-node.ts';
import { readExists, readValue } from '../text/correlated-text.ts';
import {
  addJoin,
  type NamedExpression,
  type NestedQuery,
  nestedQueries,
  readQuery,
  replaceAliases,
  replaceNamed,
  withoutCommas,
  withoutRightJoin,
} from '../text/query-text.ts';
import { renderSet, renderStage } from '../text/set-text.ts';
import { parseSql } from '../text/sql-parser.ts';
import { type Edit, renderSpan, type Span } from '../text/sql-text.ts';
import { UnsupportedSql } from '../text/token-ranges.ts';
import { type CompilerSetup, FlatCompiler, type Target, whyNot } from './flat-compiler.ts';
import { tableReferences } from './model-sql.ts';
import type { Relation, TypedColumn } from './relation.ts';

/**
 * Takes a model's text apart into nodes, leaf first. Every step turns one text into two, a stage and the
 * rest over it: named queries, subqueries and branches of UNION become stages first, so that what is left
 * is one flat SELECT; of that, DISTINCT stands over windows and limits, these over groups, groups over
 * rows. What is not understood becomes a WholeNode, at the innermost place where it can.
 */
export class SelectCompiler {
  readonly #flat: FlatCompiler;
  /** Why something is recomputed whole. */
  readonly #reasons: string[] = [];
  /** Of subqueries, by text. */
  readonly #stages = new Map<string, Relation>();

  constructor(setup: CompilerSetup) {
    this.#flat = new FlatCompiler(setup);
  }

  /** In order of dependency, the model's own last. */
  get nodes(): readonly MaintainedNode[] {
    return this.#flat.nodes;
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
    if (reason === undefined) return `${this.#flat.what}${hidden}`;
    const rest = stages > 0 ? `; by keys from there: ${this.#flat.what}${hidden}` : '';
    return `${reason}${rest}`;
  }

  async #query(sql: string, target: Target): Promise<Relation> {
    const { nodes } = this.#flat;
    const done = nodes.length;
    const reasons = this.#reasons.length;
    try {
      return await this.#maintained(sql, target);
    } catch (error) {
      const reason = whyNot(error);
      if (reason === undefined) throw error;
      nodes.length = done;
      this.#reasons.length = reasons;
      const relation = await this.#flat.whole(sql, target);
      this.#reasons.push(reason);
      return relation;
    }
  }

  async #maintained(sql: string, target: Target): Promise<Relation> {
    const parsed = parseSql(sql);
    const { named, aliases, body, branches, isDistinct } = readQuery(parsed);
    const stages = new Map<string, string>();
    const text = (span: Span) => replaceNamed(renderSpan(parsed.sql, span), stages);
    for (const { name, query } of named) {
      if (stages.has(name)) throw new UnsupportedSql(`two named queries are called ${name}`);
      const stage = await this.#query(text(query), await this.#flat.outputsOf(text(query)));
      stages.set(name, renderStage(stage.name));
    }
    if (branches.length === 1) {
      return this.#select(this.#withoutAliases(text(body), aliases, text), target);
    }
    if (aliases.length > 0) throw new UnsupportedSql('it uses WITH for an expression over a UNION');
    const outputs = target.outputs ?? (await this.#flat.outputsOf(text(body))).outputs;
    const relations: Relation[] = [];
    for (const branch of branches) {
      relations.push(await this.#query(text(branch), await this.#flat.outputsOf(text(branch))));
    }
    const all = await this.#flat.union(
      relations,
      isDistinct ? { outputs } : { ...target, outputs },
    );
    return isDistinct ? this.#flat.distinct(all, target) : all;
  }

  /** `WITH upper(name) AS loud` in the one SELECT that follows. */
  #withoutAliases(
    sql: string,
    aliases: readonly NamedExpression[],
    text: (span: Span) => string,
  ): string {
    if (aliases.length === 0) return sql;
    const references = tableReferences(parseSql(sql)).filter(({ isCertain }) => isCertain);
    const columns = new Set(
      references.flatMap(({ name }) => this.#flat.known(name).columns.map((column) => column.name)),
    );
    const isNested = nestedQueries(parseSql(sql)).some(({ kind }) => kind === 'from');
    // A column of that name would win over the expression.
    if (isNested || aliases.some(({ name }) => columns.has(name))) {
      throw new UnsupportedSql('it uses WITH for an expression in a way that is not understood');
    }
    const named: { name: string; text: string }[] = [];
    for (const { name, expression } of aliases) {
      named.push({ name, text: replaceAliases(text(expression), named) });
    }
    return replaceAliases(sql, named);
  }

  /** One SELECT, whose subqueries become stages. */
  async #select(sql: string, target: Target): Promise<Relation> {
    const outputs = target.outputs ?? (await this.#flat.outputsOf(sql)).outputs;
    const flat = withoutRightJoin(withoutCommas(await this.#withoutNested(sql)));
    return this.#flat.flat(flat, { ...target, outputs });
  }

  /** The text with stages in place of its subqueries, and a join for each that is about the row around it. */
  async #withoutNested(sql: string): Promise<string> {
    const edits: Edit[] = [];
    const joins: string[] = [];
    for (const nested of nestedQueries(parseSql(sql))) {
      edits.push({ ...nested.span, text: await this.#nested(sql, nested, joins) });
    }
    const flat = renderSpan(sql, { start: 0, end: sql.length }, edits);
    return joins.reduce(addJoin, flat);
  }

  async #nested(
    sql: string,
    { kind, query, hasAlias }: NestedQuery,
    joins: string[],
  ): Promise<string> {
    const text = renderSpan(sql, query);
    if (kind === 'exists') return this.#exists(text);
    if (kind === 'value' && !(await this.#standsAlone(text))) {
      const alias = `_value_${joins.length + 1}`;
      joins.push(await this.#valueJoin(text, alias));
      const star = parseSql(sql).tokens.some(({ word }, index, tokens) => {
        return word === '*' && /^(SELECT|DISTINCT|,|\.)$/.test(tokens[index - 1]?.word ?? '');
      });
      if (star) throw new UnsupportedSql('it has * beside a subquery about the row around it');
      return `${alias}.value`;
    }
    const stage = await this.#stageOf(text);
    if (kind === 'from') {
      return hasAlias ? renderStage(stage.name) : `${renderStage(stage.name)} AS _query`;
    }
    if (kind === 'value') return renderSet(stage.name);
    const { columns, key } = stage;
    const isSet = key.length > 0 && key.every(({ name }) => columns.some((c) => c.name === name));
    return renderSet(isSet ? stage.name : (await this.#flat.distinct(stage, {})).name);
  }

  /** The same subquery twice is one stage. */
  async #stageOf(sql: string): Promise<Relation> {
    const known = this.#stages.get(sql);
    if (known && this.nodes.some(({ relation }) => relation === known)) return known;
    const stage = await this.#query(sql, await this.#flat.outputsOf(sql));
    this.#stages.set(sql, stage);
    return stage;
  }

  /** Whether the engine accepts a subquery without what is around it. */
  async #standsAlone(sql: string): Promise<boolean> {
    try {
      await this.#flat.outputsOf(sql);
      return true;
    } catch (error) {
      if (whyNot(error) === undefined) throw error;
      return false;
    }
  }

  /** A subquery about the row around it, as the join of its groups. */
  async #valueJoin(sql: string, alias: string): Promise<string> {
    const flat = withoutCommas(await this.#withoutNested(sql));
    const { stage, outer } = readValue(
      flat,
      (name) => this.#flat.known(name),
      (bound) => this.#flat.hasAggregates(bound),
    );
    const { name } = await this.#flat.flat(stage, { isOurs: true });
    const on = outer.map((text, index) => `${alias}.v${index + 1} = ${text}`);
    return `LEFT JOIN ${renderStage(name)} AS ${alias} ON ${on.join(' AND ')}`;
  }

  async #exists(sql: string): Promise<string> {
    const flat = withoutCommas(await this.#withoutNested(sql));
    const { stage, operand } = readExists(flat, (name) => this.#flat.known(name));
    const found = await this.#flat.flat(stage, { isOurs: true });
    const set = renderSet(found.name);
    return operand === undefined ? `ifNull(${set}, 0)` : `ifNull(${operand} IN ${set}, 0)`;
  }
}
