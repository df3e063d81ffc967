import { tableReferences } from '../model/model-sql.ts';
import type { ParsedSql, SqlToken } from '../text/sql-parser.ts';
import type { Mention } from './mention-log.ts';
import { distinctOrigins, type Origin, usedAt } from './origin.ts';
import type { QueryTrace, TraceOptions } from './query-trace.ts';
import { type ReadQuery, readQuery } from './read-query.ts';
import { type ItemText, itemsOfSelects } from './select-items.ts';
import { QueryTracer } from './trace-query.ts';

/** Where the columns of a model come from, and what decides its rows. Offsets are those of its text. */
export interface ModelLineage {
  readonly outputs: readonly OutputLineage[];
  /** Columns that decide which rows there are, for all outputs alike. */
  readonly rows: readonly Origin[];
  /** Every place that names a column of something the model reads. */
  readonly mentions: readonly Mention[];
  /** Why more columns are listed than the model may depend on; empty when all is certain. */
  readonly doubts: readonly Doubt[];
}

export interface OutputLineage {
  readonly name: string;
  readonly origins: readonly Origin[];
  /** Where it is defined, and how: the item without its alias. */
  readonly at: number;
  readonly expression?: string;
}

export interface Doubt {
  readonly message: string;
  readonly at: number;
}

export interface LineageOptions extends Pick<TraceOptions, 'lookup' | 'isAggregate'> {
  /** Names of the outputs in the engine's words, when it has been asked. */
  readonly outputs?: readonly string[];
}

/** Never throws: what is not understood depends on all columns it may mean, and says so in `doubts`. */
export function traceModel(parsed: ParsedSql, options: LineageOptions): ModelLineage {
  const read = readQuery(parsed.sql);
  if (read === undefined) return unknownLineage(parsed, options);
  const texts = itemsOfSelects(parsed);
  const tracer = new QueryTracer({
    ...options,
    placeOf: ({ select, index }) => texts[select]?.[index]?.start ?? -1,
  });
  const traced = tracer.trace(read.query);
  const { mentions, unresolved } = tracer.log;
  const lost = lostNames(parsed, read, options);
  const doubts = [
    ...unresolved.map(({ path, start }) => {
      const name = path.join('.');
      return {
        message: `${name} is no column of what is read here; it may be any of them`,
        at: start,
      };
    }),
    ...lost.map(({ name, at }) => ({ message: `what ${name} does here is not understood`, at })),
  ];
  const extra = distinctOrigins(lost.flatMap(({ origins }) => origins));
  const outputs = outputsOf(traced, parsed, texts, options);
  return {
    outputs: outputs.map((output) => ({ ...output, origins: [...output.origins, ...extra] })),
    rows: [...traced.rows, ...extra],
    mentions: distinctMentions([...mentions, ...mentionsOf(extra)]),
    doubts: distinctDoubts([...doubts, ...openDoubt(traced)]),
  };
}

/** Columns of each table and model that it reads, by name; `isAggregate` does not matter for this. */
export function columnsRead(
  parsed: ParsedSql,
  lookup: TraceOptions['lookup'],
): Map<string, Set<string>> {
  return columnsOf(traceModel(parsed, { lookup, isAggregate: () => false }));
}

/** What a `*` brings along counts only where it goes on to an output or decides rows. */
export function columnsOf({ outputs, rows, mentions }: ModelLineage): Map<string, Set<string>> {
  const read = new Map<string, Set<string>>();
  const origins = [...outputs.flatMap((output) => output.origins), ...rows];
  const named = mentions.filter(({ isImplied }) => !isImplied);
  for (const { table, column } of [...named, ...origins]) {
    const columns = read.get(table);
    if (columns === undefined) read.set(table, new Set([column]));
    else columns.add(column);
  }
  return read;
}

/** The outputs with the engine's names; one that cannot be matched may be made of anything. */
function outputsOf(
  traced: QueryTrace,
  parsed: ParsedSql,
  texts: readonly (readonly ItemText[])[],
  options: LineageOptions,
): OutputLineage[] {
  const own = traced.outputs.map(({ name, origins, item }): OutputLineage => {
    const text = item && texts[item.select]?.[item.index];
    if (text === undefined) return { name, origins, at: 0 };
    const { start, end } = text.expression;
    const expression = parsed.sql.slice(start, end);
    return { name: name === '' ? expression : name, origins, at: text.start, expression };
  });
  const { outputs: names = own.map(({ name }) => name) } = options;
  const isByPlace =
    names.length === own.length &&
    names.every((name, index) => isSameName(name, own[index]?.name ?? '', traced, index));
  const all = distinctOrigins(own.flatMap(({ origins }) => uncertain(origins)));
  return names.map((name, index) => {
    const match = isByPlace ? own[index] : own.find((output) => output.name === name);
    if (match === undefined) return { name, origins: all, at: 0 };
    // `t.name` of the engine is `name` for people, where only one output is called so.
    const isUnique = own.filter((other) => other.name === match.name).length === 1;
    return isUnique ? match : { ...match, name };
  });
}

/** The engine calls `t.name` so where two tables have it, and an expression by its text. */
function isSameName(engine: string, own: string, { outputs }: QueryTrace, index: number): boolean {
  if (engine === own || engine.endsWith(`.${own}`)) return true;
  return outputs[index]?.name === '';
}

function openDoubt({ isOpen }: QueryTrace): Doubt[] {
  return isOpen ? [{ message: 'the columns that * stands for are not known', at: 0 }] : [];
}

interface LostName {
  readonly name: string;
  readonly at: number;
  readonly origins: readonly Origin[];
}

/**
 * Names of the text that the parser's tree does not hold and that columns of what is read are called by.
 * The library accepts more than the engine and may leave a part of a statement out.
 */
function lostNames(parsed: ParsedSql, read: ReadQuery, { lookup }: LineageOptions): LostName[] {
  const selects = parsed.tokens.filter(
    ({ word }, index) => word === 'SELECT' && parsed.tokens[index - 1]?.word !== '.',
  ).length;
  const isWhole = selects === read.selects;
  const missed = new Set(read.missed.map(({ start }) => start));
  const suspects = parsed.tokens.filter((token, index) => {
    if (missed.has(token.start) || !isWhole) return isColumnName(token);
    const isCall = parsed.tokens[index + 1]?.word === '(';
    return token.isName && !isCall && !read.places.has(token.start);
  });
  return suspects.flatMap((token) => {
    const origins = columnsCalled(token.text, parsed, lookup);
    return origins.length === 0
      ? []
      : [{ name: token.text, at: token.start, origins: usedAt(token.start, origins) }];
  });
}

/** Without a tree: every name may be a column, and a `*` all of them. */
function unknownLineage(parsed: ParsedSql, options: LineageOptions): ModelLineage {
  const hasStar = parsed.tokens.some(({ word, text }) => word === '*' || /^columns$/i.test(text));
  const names = new Set(parsed.tokens.filter(isColumnName).map(({ text }) => text));
  const origins = tablesOf(parsed).flatMap(({ name: table, start: at }) => {
    const columns = options.lookup(table)?.columns ?? [];
    const meant = hasStar ? columns : columns.filter((column) => names.has(column));
    return meant.map((column): Origin => {
      const place = parsed.tokens.find(({ text }) => text === column)?.start ?? at;
      return { table, column, influence: 'transformation', at: place, isUncertain: true };
    });
  });
  const message = 'the statement is not understood; every column it may mean counts';
  return {
    outputs: (options.outputs ?? []).map((name) => ({ name, origins, at: 0 })),
    rows: origins,
    mentions: mentionsOf(origins),
    doubts: [{ message, at: 0 }],
  };
}

function columnsCalled(name: string, parsed: ParsedSql, lookup: TraceOptions['lookup']): Origin[] {
  return tablesOf(parsed).flatMap(({ name: table }): Origin[] => {
    if (!lookup(table)?.columns?.includes(name)) return [];
    return [{ table, column: name, influence: 'transformation', at: -1, isUncertain: true }];
  });
}

function tablesOf(parsed: ParsedSql) {
  const references = tableReferences(parsed);
  return references.filter(
    ({ name }, index) => references.findIndex((other) => other.name === name) === index,
  );
}

function isColumnName(token: SqlToken): boolean {
  return token.isQuoted || (token.word !== '' && /^\w+$/.test(token.text));
}

function uncertain(origins: readonly Origin[]): Origin[] {
  return origins.map((origin) => ({ ...origin, isUncertain: true }));
}

function mentionsOf(origins: readonly Origin[]): Mention[] {
  return origins.map(({ table, column, at, influence }) => {
    return { table, column, at, role: influence, isImplied: true };
  });
}

function distinctMentions(mentions: readonly Mention[]): Mention[] {
  const byKey = new Map(
    mentions.map((mention) => {
      const { table, column, at, role } = mention;
      return [JSON.stringify([table, column, at, role]), mention] as const;
    }),
  );
  return [...byKey.values()].sort((left, right) => left.at - right.at);
}

function distinctDoubts(doubts: readonly Doubt[]): Doubt[] {
  return [...new Map(doubts.map((doubt) => [`${doubt.at} ${doubt.message}`, doubt])).values()];
}
