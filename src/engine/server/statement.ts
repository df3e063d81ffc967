import { ServerException } from './server-exception.ts';
import { isSymbol, isWord, type SqlToken, scanSql } from './sql-scanner.ts';

/** What the server has to know about a statement to run it; everything else is the engine's affair. */
export type Statement =
  | {
      readonly kind: 'select';
      readonly format?: string;
      /** Whether chdb can run it as a stream without computing anything before the first row. */
      readonly streams: boolean;
    }
  | {
      /** An INSERT whose rows come in the request: chdb takes them from a file, see staged-insert.ts. */
      readonly kind: 'insert-data';
      readonly format?: string;
      /** As written: `db.table`, `TABLE` omitted. */
      readonly target: string;
      /** As written, without the parentheses. */
      readonly columns?: string;
      /** As written, without the word. */
      readonly settings?: string;
      /** Where the rows begin in the text. */
      readonly dataStart: number;
    }
  | {
      /** An INSERT that takes the rows of the request apart: `INSERT INTO t SELECT ... FROM input('...')`. */
      readonly kind: 'insert-input';
      readonly format?: string;
      /** Place of `input(...)` in the text. */
      readonly input: { readonly start: number; readonly end: number };
      /** The argument of `input()`, as written. */
      readonly structure: string;
      /** Where the SELECT ends in the text: at FORMAT, if it is there. */
      readonly end: number;
      readonly dataStart: number;
    }
  /** An INSERT complete in itself: VALUES, SELECT, FROM INFILE. */
  | { readonly kind: 'insert' }
  | { readonly kind: 'other'; readonly format?: string };

/** Reads a statement, or the beginning of one: an INSERT's head is enough. Throws ServerException. */
export function readStatement(sql: string): Statement {
  const tokens = scanSql(sql);
  const { value: first } = tokens.next() as IteratorResult<SqlToken, undefined>;
  if (isWord(first, 'INSERT')) return readInsert(sql, tokens);
  const all = first === undefined ? [] : [first, ...tokens];
  refuseSeveral(all);
  const format = formatOf(all);
  const isSelect = isWord(first, 'SELECT', 'WITH', 'FROM') || isSymbol(first, '(');
  return {
    ...(isSelect ? { kind: 'select', streams: canStream(all) } : { kind: 'other' }),
    ...(format !== undefined && { format }),
  };
}

/** `INSERT INTO [TABLE] target [(columns)] [SETTINGS ...] (VALUES | SELECT | FORMAT name) ...` */
function readInsert(sql: string, tokens: Generator<SqlToken>): Statement {
  const head = readTarget(tokens);
  let settingsStart: number | undefined;
  let columns: string | undefined;
  let columnsStart: number | undefined;
  let end = head.end;
  let format: SqlToken | undefined;
  for (let token = head.next; token !== undefined; token = nextOf(tokens)) {
    if (isWord(token, 'FORMAT') && token.depth === 0) {
      format = nextOf(tokens);
      if (format?.kind !== 'word' || isWord(format, 'VALUES')) return completeInsert(sql, tokens);
      break;
    }
    if (isWord(token, 'SELECT', 'WITH')) return readInsertSelect(sql, tokens);
    if (token.depth === 0 && isWord(token, 'VALUES', 'FROM', 'WATCH')) {
      return completeInsert(sql, tokens);
    }
    if (token.depth === 0 && isWord(token, 'SETTINGS')) settingsStart = token.end;
    if (isSymbol(token, '(') && token.depth === 0) columnsStart ??= token.end;
    if (isSymbol(token, ')') && token.depth === 0) columns ??= sql.slice(columnsStart, token.start);
    end = token.end;
  }
  refuseFunction(head.isFunction);
  return {
    kind: 'insert-data',
    target: head.target,
    ...(format !== undefined && { format: format.text }),
    ...(columns !== undefined && { columns }),
    ...(settingsStart !== undefined && { settings: sql.slice(settingsStart, end) }),
    dataStart: format === undefined ? end : dataStartAfter(sql, format.end),
  };
}

/** Rows of VALUES may be many: they are looked at only if a statement could follow them. */
function completeInsert(sql: string, tokens: Generator<SqlToken>): Statement {
  if (sql.includes(';')) refuseSeveral(tokens);
  return { kind: 'insert' };
}

/** Reads up to the token after the target. */
function readTarget(tokens: Generator<SqlToken>) {
  let token = nextOf(tokens);
  if (isWord(token, 'INTO')) token = nextOf(tokens);
  if (isWord(token, 'TABLE')) token = nextOf(tokens);
  const isFunction = isWord(token, 'FUNCTION');
  if (isFunction) token = nextOf(tokens);
  let target = '';
  let end = 0;
  while (token !== undefined && (token.kind === 'word' || token.kind === 'quoted')) {
    target += token.text;
    end = token.end;
    token = nextOf(tokens);
    if (!isSymbol(token, '.')) break;
    target += '.';
    token = nextOf(tokens);
  }
  return { target, isFunction, end, next: token };
}

/** Reads the tokens after SELECT, and with `input()` no further than the FORMAT in front of the rows. */
function readInsertSelect(sql: string, tokens: Generator<SqlToken>): Statement {
  let previous: SqlToken | undefined;
  let input: { start: number; end: number; structure: string } | undefined;
  const rest: SqlToken[] = [];
  for (let token = nextOf(tokens); token !== undefined; token = nextOf(tokens)) {
    rest.push(token);
    if (isSymbol(token, '(') && isWord(previous, 'INPUT')) {
      if (input !== undefined) throw unsupportedInput('one input() in a statement');
      input = readInput(sql, previous?.start ?? 0, token, tokens);
    } else if (input !== undefined && token.depth === 0 && isWord(token, 'FORMAT')) {
      const format = nextOf(tokens);
      if (format?.kind !== 'word') throw unsupportedInput('the name of a format after FORMAT');
      refuseSeveral(rest.slice(0, -1));
      const dataStart = dataStartAfter(sql, format.end);
      return inputInsert(input, { end: token.start, dataStart, format: format.text });
    }
    previous = token;
  }
  refuseSeveral(rest);
  if (input === undefined) return { kind: 'insert' };
  return inputInsert(input, { end: sql.length, dataStart: sql.length });
}

/** Reads up to the bracket that closes the one after `input`. */
function readInput(sql: string, start: number, open: SqlToken, tokens: Generator<SqlToken>) {
  for (let token = nextOf(tokens); token !== undefined; token = nextOf(tokens)) {
    if (!isSymbol(token, ')') || token.depth !== open.depth) continue;
    return { start, end: token.end, structure: sql.slice(open.end, token.start) };
  }
  throw unsupportedInput('a bracket that closes input()');
}

function inputInsert(
  { structure, ...input }: { start: number; end: number; structure: string },
  rest: { end: number; dataStart: number; format?: string },
): Statement {
  return { kind: 'insert-input', input, structure, ...rest };
}

function unsupportedInput(wanted: string): ServerException {
  return ServerException.of('NOT_IMPLEMENTED', `The embedded engine expects ${wanted}`);
}

function refuseFunction(isFunction: boolean): void {
  if (!isFunction) return;
  throw ServerException.of(
    'NOT_IMPLEMENTED',
    'The embedded engine takes rows into tables only; use INSERT INTO FUNCTION ... SELECT',
  );
}

/** One statement per request, as the server's HTTP interface; chdb itself would run them all. */
function refuseSeveral(tokens: Iterable<SqlToken>): void {
  let isOver = false;
  for (const token of tokens) {
    const isEnd = isSymbol(token, ';') && token.depth === 0;
    if (isOver && !isEnd) {
      throw ServerException.of('SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed)');
    }
    isOver ||= isEnd;
  }
}

/** The name in a trailing `FORMAT name`; SETTINGS or a semicolon may follow it. */
function formatOf(tokens: readonly SqlToken[]): string | undefined {
  const at = tokens.findLastIndex((token) => isWord(token, 'FORMAT') && token.depth === 0);
  const name = at === -1 ? undefined : tokens[at + 1];
  const after = tokens[at + 2];
  const isLast = after === undefined || isSymbol(after, ';') || isWord(after, 'SETTINGS');
  return name?.kind === 'word' && isLast ? name.text : undefined;
}

/** Table functions whose columns are known without reading or asking anything. */
const localFunctions = new Set(['NUMBERS', 'NUMBERS_MT', 'ZEROS', 'ZEROS_MT', 'GENERATE_SERIES']);

/**
 * chdb starts a stream on the calling thread, and starting computes scalar subqueries and asks table
 * functions for their columns: seconds in which this process would answer nobody. A SELECT that may
 * do so is run on a worker thread instead, with its whole result in memory.
 */
function canStream(tokens: readonly SqlToken[]): boolean {
  return tokens.every((token, index) => {
    if (!isSymbol(token, '(')) return true;
    const previous = tokens[index - 1];
    const before = tokens[index - 2];
    if (isWord(tokens[index + 1], 'SELECT', 'WITH', 'FROM')) {
      const isSetPart = isWord(previous, 'ALL', 'DISTINCT') && isWord(before, ...setOperators);
      return index === 0 || isSetPart || isWord(previous, ...setOperators, ...tableWords);
    }
    const isTableFunction = previous?.kind === 'word' && isWord(before, 'FROM', 'JOIN');
    return !isTableFunction || localFunctions.has(previous.text.toUpperCase());
  });
}

const setOperators = ['UNION', 'EXCEPT', 'INTERSECT'];
const tableWords = ['FROM', 'JOIN', 'IN', 'AS'];

/** Rows begin after the format's name, blanks and at most one line end. */
function dataStartAfter(sql: string, end: number): number {
  const blank = /[ \t\f]*(?:\r?\n)?/y;
  blank.lastIndex = end;
  blank.test(sql);
  return blank.lastIndex;
}

function nextOf(tokens: Generator<SqlToken>): SqlToken | undefined {
  const { done, value } = tokens.next();
  return done ? undefined : value;
}
