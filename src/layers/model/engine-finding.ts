import { nearestName } from '../../lib/nearest-name.ts';
import type { ParsedSql } from '../text/sql-parser.ts';
import type { NamedSource, SqlScopes } from '../text/sql-scopes.ts';
import { calls, nameUses, usingUses } from '../text/sql-suspects.ts';
import type { TokenRange } from '../text/token-ranges.ts';
import type { Relation } from './relation.ts';
import { typeRules } from './type-finding.ts';

/** What the engine's refusal of a statement means. */
export interface Finding {
  /** Places that may be the cause, in the order of the text; empty when nothing in the text is named. */
  readonly suspects: readonly TokenRange[];
  /** A suspect is innocent when the engine says the same with this in its place. */
  readonly harmless: string;
  /** For people; `at` is the token that the cause begins with. */
  readonly message: (at: number) => string;
}

export interface FindingContext {
  readonly parsed: ParsedSql;
  readonly scopes: SqlScopes;
  readonly lookup: (table: string) => Relation | undefined;
  /** Tables and models that could have been meant. */
  readonly tables: readonly string[];
  /** Names of the engine's functions. */
  readonly functions: readonly string[];
  /** The engine's own "maybe you meant". */
  readonly offered: readonly string[];
}

export type Rule = readonly [
  pattern: RegExp,
  read: (groups: readonly string[], context: FindingContext) => Finding,
];

/** The first rule that fits a message of the engine (26.7) reads it; each is covered by a test. */
const rules: readonly Rule[] = [
  [
    /Identifier '(.+?)' cannot be resolved from/,
    ([name = ''], context) => unknownColumn(name, context),
  ],
  [
    /Unknown expression(?: or function)? identifier `(.+?)`/,
    ([name = ''], context) => unknownColumn(name, context),
  ],
  [
    /using identifier '(.+?)' cannot be resolved from (left|right)/,
    ([name = '', side = ''], context) => notOnBothSides(name, side, context),
  ],
  [
    /Qualified matcher (\S+)\.\* does not find table/,
    ([alias = ''], context) => unknownStar(alias, context),
  ],
  [/ambiguous identifier '(.+?)'/, ([name = ''], context) => ambiguousColumn(name, context)],
  [/Column '(.+?)' is not under aggregate/, ([name = ''], context) => notGrouped(name, context)],
  [
    /[Ff]unction with name [`'](.+?)[`'] does not exist/,
    ([name = ''], context) => unknownFunction(name, context),
  ],
  [
    /Unknown table expression identifier '(.+?)'/,
    ([name = ''], context) => unknownTable(name, context),
  ],
  [
    /Multiple table expressions with same alias (\w+)/,
    ([name = ''], context) => doubleAlias(name, context),
  ],
  [
    /Aggregate function (\w+)(\(.*?\)) is found (in \w+|inside another)/,
    ([name = '', call = '', where = ''], context) => misplacedAggregate(name, call, where, context),
  ],
  ...typeRules,
];

export function findingOf(message: string, context: FindingContext): Finding | undefined {
  for (const [pattern, read] of rules) {
    const match = pattern.exec(message);
    if (match) return read(match.slice(1), context);
  }
  return undefined;
}

function unknownColumn(name: string, context: FindingContext): Finding {
  const { parsed } = context;
  return {
    suspects: nameUses(parsed, name.split('.')),
    harmless: 'NULL',
    message: (at) => unknownColumnMessage(name, at, context),
  };
}

function unknownColumnMessage(name: string, at: number, context: FindingContext): string {
  const { parsed, scopes } = context;
  const sources = scopes.sourcesAt(at);
  const parts = name.split('.');
  const column = parts.at(-1) ?? '';
  if (parts.length === 1) {
    const token = parsed.tokens[at];
    if (token && parsed.sql[token.start] === '"') {
      return `"${column}" in double quotes is a column, and there is none of this name. A text is written '${column}'.`;
    }
    const near = nearestName(column, [...columnsOf(sources, context), ...context.offered]);
    return `There is no column ${column} here. ${near ? `Did you mean ${near}?` : listOf(sources)}`;
  }
  const owner = scopes.sourceAt(at, parts[0] ?? '');
  if (owner === undefined) return unknownAlias(parts, sources, context);
  const columns = columnsOf([owner], context);
  const near = nearestName(column, [...columns, ...context.offered.map(lastPart)]);
  if (near !== undefined) {
    return `${nameOf(owner)} has no column ${column}. Did you mean ${owner.alias}.${near}?`;
  }
  const other = sources.find((source) => columnsOf([source], context).includes(column));
  const columnList = columns.length > 15 ? columns.slice(0, 15).concat('...') : columns;
  const hint = other
    ? `${nameOf(other)} has one: ${other.alias}.${column}.`
    : columns.length > 0
      ? `Its columns are ${columnList.join(', ')}.`
      : 'Look at what it selects.';
  return `${nameOf(owner)} has no column ${column}. ${hint}`;
}

function unknownAlias(
  parts: readonly string[],
  sources: readonly NamedSource[],
  context: FindingContext,
): string {
  const column = parts.at(-1) ?? '';
  const prefix = parts.slice(0, -1).join('.');
  const renamed = sources.find(({ table }) => table === prefix);
  if (renamed)
    return `${prefix} is called ${renamed.alias} here. Write ${renamed.alias}.${column}.`;
  const owners = sources.filter((source) => columnsOf([source], context).includes(column));
  const aliases = (owners.length > 0 ? owners : sources).map(({ alias }) => alias);
  const near = nearestName(prefix, aliases) ?? (owners.length === 1 ? aliases[0] : undefined);
  const isThere = owners.some(({ alias }) => alias === near);
  const hint = isThere ? `Did you mean ${near}.${column}?` : listOf(sources);
  return `No table is called ${prefix} here. ${hint}`;
}

function unknownStar(alias: string, { parsed, scopes }: FindingContext): Finding {
  return {
    suspects: nameUses(parsed, [alias, '*']),
    harmless: '1',
    message: (at) => {
      const sources = scopes.sourcesAt(at);
      const near = nearestName(
        alias,
        sources.map((source) => source.alias),
      );
      return `No table is called ${alias} here. ${near ? `Did you mean ${near}.*?` : listOf(sources)}`;
    },
  };
}

function notOnBothSides(name: string, side: string, context: FindingContext): Finding {
  const { parsed, scopes } = context;
  return {
    suspects: usingUses(parsed, name),
    harmless: 'NULL',
    message: (at) => {
      const sources = scopes.sourcesAt(at);
      const before = sources.filter((source) => source.at < at);
      const own = side === 'right' ? before.slice(-1) : before.slice(0, -1);
      const near = nearestName(name, columnsOf(own, context));
      const where = own.length === 1 && own[0] ? nameOf(own[0]) : 'the tables before it';
      const hint = near ? `Did you mean ${near}?` : 'Write ON with the two columns instead.';
      return `USING needs ${name} on both sides, and ${where} ${own.length === 1 ? 'has' : 'have'} none. ${hint}`;
    },
  };
}

function ambiguousColumn(name: string, context: FindingContext): Finding {
  return {
    suspects: nameUses(context.parsed, [name]),
    harmless: 'NULL',
    message: (at) => {
      const owners = context.scopes
        .sourcesAt(at)
        .filter((source) => columnsOf([source], context).includes(name));
      if (owners.length < 2)
        return `${name} is ambiguous: several tables here have it. Write the table's name before it.`;
      const choices = owners.map(({ alias }) => `${alias}.${name}`).join(' or ');
      return `${name} is ambiguous: ${owners.map(nameOf).join(' and ')} have it. Write ${choices}.`;
    },
  };
}

function notGrouped(name: string, { parsed, scopes }: FindingContext): Finding {
  const column = lastPart(name);
  const bare = nameUses(parsed, [column]);
  const qualified = nameUses(parsed, name.split('.'));
  return {
    suspects: [...bare, ...qualified].sort((left, right) => left.first - right.first),
    harmless: 'NULL',
    message: (at) => {
      const token = parsed.tokens[at];
      const written = token?.text === column ? column : name;
      return scopes.isGroupedAt(at)
        ? `${written} is neither in GROUP BY nor inside an aggregate. Add it to GROUP BY, or write for example max(${written}).`
        : `${written} stands beside an aggregate, and there is no GROUP BY. Add GROUP BY ${written}.`;
    },
  };
}

function unknownFunction(name: string, { parsed, offered, functions }: FindingContext): Finding {
  const near = offered[0] ?? nearestName(name, functions);
  const hint = near
    ? `Did you mean ${near}?`
    : '`cdc query "SELECT name FROM system.functions"` lists them.';
  return {
    suspects: calls(parsed, name),
    harmless: 'NULL',
    message: () => `There is no function ${name}. ${hint}`,
  };
}

function unknownTable(name: string, { parsed, scopes, tables }: FindingContext): Finding {
  const known = [...scopes.cteNames(), ...tables];
  const same = tables.find((table) => lastPart(table) === name);
  const near =
    same ??
    nearestName(name, known) ??
    tables.find((table) => nearestName(name, [lastPart(table)]));
  const hint = near ? `Did you mean ${near}?` : 'Write a table as database.table.';
  return {
    suspects: nameUses(parsed, name.split('.')),
    harmless: '(SELECT 1)',
    message: () => `There is no table ${name}. ${hint}`,
  };
}

function doubleAlias(name: string, { scopes, parsed }: FindingContext): Finding {
  const places = parsed.tokens.flatMap((_, index) => {
    const own = scopes.sourcesAt(index).filter(({ alias }) => alias === name);
    return own.slice(1).map(({ at }) => at);
  });
  const first = places.length > 0 ? Math.min(...places) : undefined;
  return {
    suspects: first === undefined ? [] : [{ first, last: first }],
    harmless: '',
    message: () => `Two tables are called ${name} here. Give one of them another alias.`,
  };
}

function misplacedAggregate(
  name: string,
  call: string,
  where: string,
  { parsed }: FindingContext,
): Finding {
  const message = where.startsWith('inside')
    ? `${name}${call} stands inside another aggregate. Aggregate once in a subquery or a model of its own, then again over that.`
    : `${name}${call} cannot stand ${where}: rows are filtered before they are grouped. Move the condition to HAVING.`;
  return { suspects: calls(parsed, name), harmless: 'NULL', message: () => message };
}

function columnsOf(sources: readonly NamedSource[], { lookup }: FindingContext): string[] {
  return sources.flatMap(({ table }) => {
    const columns = table === undefined ? [] : (lookup(table)?.columns ?? []);
    return columns.map(({ name }) => name);
  });
}

/** `s (shop.students)`, or the name alone where an alias would only repeat it. */
function nameOf({ alias, table }: NamedSource): string {
  if (table === undefined) return alias;
  return lastPart(table) === alias ? table : `${alias} (${table})`;
}

function listOf(sources: readonly NamedSource[]): string {
  if (sources.length === 0) return '';
  return `It reads ${sources.map(nameOf).join(', ')}.`;
}

function lastPart(name: string): string {
  return name.split('.').at(-1) ?? name;
}
