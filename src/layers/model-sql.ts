import { quoteIdentifier } from '../engine/sql-quote.ts';
import type { Problem } from '../errors.ts';
import { type ModelFile, problemAt } from './model-file.ts';
import { type Relation, renderEmptyTable } from './relation.ts';
import type { ParsedSql, SqlToken } from './sql-parser.ts';
import { type Edit, renderSpan, type Span } from './sql-text.ts';

/** `database.table` after FROM, JOIN or a comma, anywhere in the statement. */
export interface TableReference extends Span {
  readonly name: string;
  readonly table: string;
  readonly hasAlias: boolean;
  /** After a comma it may as well be a column `alias.column`. */
  readonly isCertain: boolean;
}

export function tableReferences(parsed: ParsedSql): TableReference[] {
  const { tokens } = parsed;
  return tokens.flatMap((database, index) => {
    const before = tokens[index - 1]?.word ?? '';
    const table = tokens[index + 2];
    const after = tokens[index + 3];
    if (!['FROM', 'JOIN', ','].includes(before) || table === undefined) return [];
    if (tokens[index + 1]?.word !== '.' || after?.word === '(' || after?.word === '.') return [];
    if (!isIdentifier(database) || !isIdentifier(table)) return [];
    const hasAlias = after?.word === 'AS' || (after?.isName ?? false);
    const name = `${database.text}.${table.text}`;
    const span = { start: database.start, end: table.end };
    return [{ ...span, name, table: table.text, hasAlias, isCertain: before !== ',' }];
  });
}

/** The statement over empty tables of the right columns: what the engine judges and DESCRIBEs. */
export function overEmptyTables(
  parsed: ParsedSql,
  lookup: (name: string) => Relation | undefined,
): string {
  const edits = tableReferences(parsed).flatMap((reference): Edit[] => {
    const relation = lookup(reference.name);
    if (relation === undefined) return [];
    const alias = reference.hasAlias ? '' : ` AS ${quoteIdentifier(reference.table)}`;
    return [{ ...reference, text: renderEmptyTable(relation.columns) + alias }];
  });
  return renderSpan(parsed.sql, { start: 0, end: parsed.sql.length }, edits);
}

/** Functions that can give another value for the same rows: a model with one has no right answer. */
export function unrepeatableFunctions(parsed: ParsedSql, model: ModelFile): Problem[] {
  const { tokens } = parsed;
  return tokens.flatMap((token, index) => {
    if (token.isQuoted || tokens[index - 1]?.word === '.') return [];
    const isCall = tokens[index + 1]?.word === '(';
    const word = token.text.toLowerCase();
    const isBareTime = /^current_(date|time|timestamp)$/.test(word);
    if (!isCall && !isBareTime) return [];
    const family = families.find(({ names }) => names.test(word));
    if (family === undefined) return [];
    const isOrdered =
      tokens[index - 1]?.word === '(' && family.isMendedBy?.test(tokens[index - 2]?.text ?? '');
    if (isOrdered) return [];
    const message = `${token.text} ${family.why}. ${family.wayOut}`;
    return [problemAt(model.file, parsed.sql, token.start, message)];
  });
}

interface UnrepeatableFamily {
  readonly names: RegExp;
  readonly why: string;
  readonly wayOut: string;
  /** A function around the call that makes the result the same for the same rows. */
  readonly isMendedBy?: RegExp;
}

const families: readonly UnrepeatableFamily[] = [
  {
    names:
      /^(now|now64|nowinblock|today|yesterday|curdate|current_date|current_time|current_timestamp|utctimestamp|utc_timestamp|localtime|localtimestamp|uptime)$/,
    why: 'changes with the clock, so the table would be wrong without any change of its rows',
    wayOut: 'Store the time in the row and compare with it when you query the model.',
  },
  {
    names:
      /^(rand|rand32|rand64|randconstant|randuniform|randnormal|randombytes|randomstring|randomprintableascii|randomfixedstring|generateuuidv4|generateuuidv7|generateulid|generatesnowflakeid|shuffle|fuzzbits)$/,
    why: 'gives another value each time',
    wayOut: 'Derive the value from the row, for example with cityHash64(key).',
  },
  {
    names:
      /^(rownumberinblock|rownumberinallblocks|blocknumber|blocksize|runningdifference|runningaccumulate|neighbor|hostname|queryid|connectionid|servertimezone)$/,
    why: 'depends on how the engine happens to read',
    wayOut: 'Use a window function with ORDER BY.',
  },
  {
    names: /^(any|anylast|anyheavy|any_value|anyrespectnulls)(if|ornull)?$/,
    why: 'depends on the order in which the engine happens to read',
    wayOut: 'Use min, max, or argMin/argMax with a column that decides.',
  },
  {
    names: /^(grouparray|groupuniqarray|array_agg|group_concat|groupconcat)(if|distinct)?$/,
    why: 'gives its elements in the order in which the engine happens to read',
    wayOut: 'Put arraySort(...) around it.',
    isMendedBy: /^(arraySort|arrayReverseSort|length|arraySum|arrayMax|arrayMin|arrayUniq)$/,
  },
  {
    names: /^(quantile|quantiles|median|quantiletdigest|quantilestdigest|mediantdigest)(if)?$/,
    why: 'is an estimate that depends on the order in which the engine happens to read',
    wayOut: 'Use quantileExact.',
  },
];

function isIdentifier(token: SqlToken): boolean {
  return token.isQuoted || /^[A-Za-z_]\w*$/.test(token.text);
}
