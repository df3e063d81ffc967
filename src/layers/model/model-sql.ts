import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { ParsedSql, SqlToken } from '../text/sql-parser.ts';
import { type Edit, renderSpan, type Span } from '../text/sql-text.ts';
import { type Relation, renderEmptyTable } from './relation.ts';

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

/** `x IN shop.orders`: a table that no FROM names, so that its changes would go unseen. */
export function bareSets(parsed: ParsedSql): Span[] {
  const { tokens } = parsed;
  return tokens.flatMap((token, index) => {
    const [dot, table, after] = [1, 2, 3].map((step) => tokens[index + step]);
    if (tokens[index - 1]?.word !== 'IN' || dot?.word !== '.' || table === undefined) return [];
    if (!isIdentifier(token) || !isIdentifier(table) || after?.word === '(') return [];
    return [{ start: token.start, end: table.end }];
  });
}

function isIdentifier(token: SqlToken): boolean {
  return token.isQuoted || /^[A-Za-z_]\w*$/.test(token.text);
}
