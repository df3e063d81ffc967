import { type TableId, tableIdOf } from '../../../change/table-id.ts';
import { type Token, tokenize } from './sql-tokens.ts';

/**
 * What a statement in the binlog (a Query event) is about: only its first words and table names are
 * looked at. Columns are never read from it; a schema comes from the server (schema-registry.ts).
 */
export type Statement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'rollbackTo' | 'endXa' | 'other' }
  /** Rows changed by a statement instead of row events, in one of these tables. */
  | { readonly kind: 'dml'; readonly tables: readonly TableId[] }
  | { readonly kind: 'ddl'; readonly changes: readonly TableChange[] };

export type TableChange =
  | { readonly action: 'create' | 'drop' | 'truncate'; readonly table: TableId }
  | { readonly action: 'alter'; readonly table: TableId; readonly alteration: Alteration }
  | { readonly action: 'rename'; readonly table: TableId; readonly to: TableId }
  | { readonly action: 'dropDatabase'; readonly database: string };

/** Which kinds of clause an ALTER TABLE has, as far as they decide what old rows hold afterwards. */
export interface Alteration {
  readonly addsColumns: boolean;
  readonly dropsColumns: boolean;
  readonly renamesColumns: boolean;
  /** Rows come or go without row events (EXCHANGE PARTITION, IMPORT TABLESPACE, ALTER IGNORE ...). */
  readonly replacesRows: boolean;
}

/** Statements that frame transactions come by the thousand; they are known as a whole. */
const frames: Readonly<Record<string, Statement>> = {
  BEGIN: { kind: 'begin' },
  COMMIT: { kind: 'commit' },
  ROLLBACK: { kind: 'rollback' },
};

/** `database` is the default one of the session that ran the statement. */
export function parseStatement(sql: string, database: string): Statement {
  const frame = frames[sql];
  if (frame !== undefined) return frame;
  const words = new Words(tokenize(sql), database);
  // MariaDB: SET STATEMENT variable=value FOR statement
  if (words.take('SET')) return words.take('STATEMENT') ? parseAfter(words, 'FOR') : other;
  return parseVerb(words);
}

const other: Statement = { kind: 'other' };

function parseAfter(words: Words, word: string): Statement {
  return words.skipTo(word) ? parseVerb(words) : other;
}

function parseVerb(words: Words): Statement {
  switch (words.next()) {
    case 'BEGIN':
    case 'START':
      return { kind: 'begin' };
    case 'COMMIT':
      return { kind: 'commit' };
    case 'ROLLBACK':
      return { kind: words.isAtEnd ? 'rollback' : 'rollbackTo' };
    case 'XA':
      return parseXa(words);
    case 'CREATE':
      return parseCreate(words);
    case 'ALTER':
      return parseAlter(words);
    case 'DROP':
      return parseDrop(words);
    case 'RENAME':
      return parseRename(words);
    case 'TRUNCATE':
      words.take('TABLE');
      return ddl({ action: 'truncate', table: words.table() });
    default:
      return parseDml(words);
  }
}

function ddl(...changes: TableChange[]): Statement {
  return { kind: 'ddl', changes };
}

function parseXa(words: Words): Statement {
  const verb = words.next();
  if (verb === 'START' || verb === 'BEGIN') return { kind: 'begin' };
  return verb === 'COMMIT' || verb === 'ROLLBACK' ? { kind: 'endXa' } : other;
}

const nothingAltered: Alteration = {
  addsColumns: false,
  dropsColumns: false,
  renamesColumns: false,
  replacesRows: false,
};

/** CREATE [OR REPLACE] TABLE [IF NOT EXISTS] t, or CREATE [UNIQUE] INDEX i ON t. */
function parseCreate(words: Words): Statement {
  const replaces = words.take('OR') && words.take('REPLACE');
  if (words.take('TABLE')) {
    words.takeAll('IF', 'NOT', 'EXISTS');
    const table = words.table();
    const create = { action: 'create', table } as const;
    return replaces ? ddl({ action: 'drop', table }, create) : ddl(create);
  }
  words.takeAll('UNIQUE', 'FULLTEXT', 'SPATIAL');
  return words.take('INDEX') ? parseIndex(words) : other;
}

/** An index may be what identifies the rows. */
function parseIndex(words: Words): Statement {
  if (!words.skipTo('ON')) return other;
  return ddl({ action: 'alter', table: words.table(), alteration: nothingAltered });
}

/** DROP TABLE [IF EXISTS] a, b; DROP DATABASE d; DROP INDEX i ON t. */
function parseDrop(words: Words): Statement {
  if (words.take('TABLE') || words.take('TABLES')) {
    words.takeAll('IF', 'EXISTS');
    const changes: TableChange[] = [];
    do changes.push({ action: 'drop', table: words.table() });
    while (words.take(','));
    return ddl(...changes);
  }
  if (words.take('DATABASE') || words.take('SCHEMA')) {
    words.takeAll('IF', 'EXISTS');
    return ddl({ action: 'dropDatabase', database: words.name() });
  }
  return words.take('INDEX') ? parseIndex(words) : other;
}

/** RENAME TABLE a TO b, c TO d. */
function parseRename(words: Words): Statement {
  if (!words.take('TABLE') && !words.take('TABLES')) return other;
  words.takeAll('IF', 'EXISTS');
  const changes: TableChange[] = [];
  do {
    const table = words.table();
    if (!words.skipTo('TO')) return ddl(...changes);
    changes.push({ action: 'rename', table, to: words.table() });
  } while (words.take(','));
  return ddl(...changes);
}

/** ALTER [ONLINE] [IGNORE] TABLE [IF EXISTS] t clauses. */
function parseAlter(words: Words): Statement {
  words.take('ONLINE');
  const ignores = words.take('IGNORE');
  if (!words.take('TABLE')) return other;
  words.takeAll('IF', 'EXISTS');
  const table = words.table();
  const { alteration, renamedTo, swappedWith } = parseClauses(words, ignores);
  const changes: TableChange[] = [{ action: 'alter', table, alteration }];
  if (swappedWith !== undefined) changes.push({ action: 'alter', table: swappedWith, alteration });
  if (renamedTo !== undefined) changes.push({ action: 'rename', table, to: renamedTo });
  return ddl(...changes);
}

const notColumns = new Set([
  ...['INDEX', 'KEY', 'UNIQUE', 'PRIMARY', 'FULLTEXT', 'SPATIAL', 'CONSTRAINT', 'FOREIGN', 'CHECK'],
  ...['PARTITION', 'DEFAULT', 'PERIOD', 'SYSTEM', 'EXPRESSION'],
]);

function parseClauses(
  words: Words,
  ignores: boolean,
): { alteration: Alteration; renamedTo?: TableId; swappedWith?: TableId } {
  const seen = { ...nothingAltered, replacesRows: ignores };
  let renamedTo: TableId | undefined;
  let swappedWith: TableId | undefined;
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (word === 'ADD') seen.addsColumns ||= !words.isAtOneOf(notColumns);
    else if (word === 'DROP' && words.isAt('PARTITION')) seen.replacesRows = true;
    else if (word === 'DROP') seen.dropsColumns ||= !words.isAtOneOf(notColumns);
    else if (word === 'CHANGE') seen.renamesColumns = true;
    else if (
      word === 'TRUNCATE' ||
      word === 'EXCHANGE' ||
      word === 'IMPORT' ||
      word === 'DISCARD'
    ) {
      seen.replacesRows = true;
    } else if (word === 'RENAME' && words.take('COLUMN')) seen.renamesColumns = true;
    else if (word === 'RENAME' && !words.isAt('INDEX') && !words.isAt('KEY')) {
      words.takeAll('TO', 'AS', '=');
      renamedTo = words.table();
    } else if (word === 'WITH' && words.take('TABLE')) swappedWith = words.table();
  }
  return {
    alteration: seen,
    ...(renamedTo !== undefined && { renamedTo }),
    ...(swappedWith !== undefined && { swappedWith }),
  };
}

/** Words after which a changing statement names no further table that it changes. */
const dmlStops: Readonly<Record<string, readonly string[]>> = {
  INSERT: ['(', 'VALUES', 'VALUE', 'SELECT', 'SET', 'WITH', 'TABLE'],
  REPLACE: ['(', 'VALUES', 'VALUE', 'SELECT', 'SET', 'WITH', 'TABLE'],
  UPDATE: ['SET'],
  DELETE: ['WHERE', 'ORDER', 'LIMIT', 'RETURNING'],
  LOAD: ['(', 'FIELDS', 'COLUMNS', 'LINES', 'SET', 'IGNORE', 'CHARACTER', 'PARTITION'],
};

/** Every name in the part that names tables; a few too many (aliases, joined tables) do no harm. */
function parseDml(words: Words): Statement {
  const verb = words.previous;
  // WITH ... UPDATE/DELETE: the tables are somewhere behind; take all names.
  const stops = verb === 'WITH' ? [] : dmlStops[verb ?? ''];
  if (stops === undefined) return other;
  if (verb === 'LOAD' && !words.skipTo('TABLE')) return other;
  const tables: TableId[] = [];
  while (!words.isAtEnd && !stops.some((stop) => words.isAt(stop))) {
    if (words.isAtName) tables.push(words.table());
    else words.next();
  }
  return { kind: 'dml', tables };
}

/** Walks over the tokens of a statement. Keywords compare in upper case and are never quoted. */
class Words {
  readonly #tokens: readonly Token[];
  readonly #database: string;
  #place = 0;

  constructor(tokens: readonly Token[], database: string) {
    this.#tokens = tokens;
    this.#database = database;
  }

  get isAtEnd(): boolean {
    return this.#place >= this.#tokens.length;
  }

  get isAtName(): boolean {
    return this.#tokens[this.#place]?.kind === 'name';
  }

  /** The word before this place. */
  get previous(): string | undefined {
    return this.#tokens[this.#place - 1]?.word;
  }

  next(): string | undefined {
    return this.#tokens[this.#place++]?.word;
  }

  isAt(word: string): boolean {
    return this.#tokens[this.#place]?.word === word;
  }

  isAtOneOf(words: ReadonlySet<string>): boolean {
    return words.has(this.#tokens[this.#place]?.word ?? '');
  }

  take(word: string): boolean {
    if (!this.isAt(word)) return false;
    this.#place++;
    return true;
  }

  /** Takes those of the words that follow, in this order. */
  takeAll(...words: readonly string[]): void {
    for (const word of words) this.take(word);
  }

  /** Moves behind the next `word`; false, and at the end, when there is none. */
  skipTo(word: string): boolean {
    while (!this.isAtEnd) if (this.next() === word) return true;
    return false;
  }

  name(): string {
    return this.#tokens[this.#place++]?.text ?? '';
  }

  /** `t`, `d.t`. */
  table(): TableId {
    const first = this.name();
    return this.take('.') ? tableIdOf(first, this.name()) : tableIdOf(this.#database, first);
  }
}
