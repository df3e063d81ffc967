import type { Session } from './sessions.ts';
import { quoteText } from './sql-text.ts';

/** A table as the server has it. */
export interface FoundTable {
  /** `InnoDB`; null: it is a view. */
  readonly engine: string | null;
  readonly hasTransactions: boolean;
  readonly columns: ReadonlyMap<string, FoundColumn>;
  /** Columns of every unique index over whole columns, the primary key among them. */
  readonly uniqueKeys: readonly (readonly string[])[];
}

export interface FoundColumn {
  /** In the server's words: `decimal(10,2) unsigned`. */
  readonly type: string;
  readonly isNullable: boolean;
  /** Of text; null otherwise. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** It has a value although an INSERT gives none: a default, a counter, an expression. */
  readonly isFilled: boolean;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly nullable: string;
  readonly charset: string | null;
  readonly collation: string | null;
  readonly preset: string | null;
  readonly extra: string;
}

/** undefined: there is no such table. */
export async function findTable(
  session: Session,
  database: string,
  name: string,
): Promise<FoundTable | undefined> {
  const where = `TABLE_SCHEMA = ${quoteText(database)} AND TABLE_NAME = ${quoteText(name)}`;
  const columns = await session.rows<ColumnRow>(
    'SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE AS nullable, CHARACTER_SET_NAME AS charset, ' +
      'COLLATION_NAME AS collation, COLUMN_DEFAULT AS preset, EXTRA AS extra ' +
      `FROM information_schema.COLUMNS WHERE ${where} ORDER BY ORDINAL_POSITION`,
  );
  if (columns.length === 0) return undefined;
  const [table] = await session.rows<{ engine: string | null; transactions: string | null }>(
    'SELECT ENGINE AS engine, (SELECT TRANSACTIONS FROM information_schema.ENGINES AS engines ' +
      'WHERE engines.ENGINE = tables.ENGINE) AS transactions ' +
      `FROM information_schema.TABLES AS tables WHERE ${where}`,
  );
  const parts = await session.rows<{ index: string; name: string | null; part: number | null }>(
    'SELECT INDEX_NAME AS `index`, COLUMN_NAME AS name, SUB_PART AS part ' +
      `FROM information_schema.STATISTICS WHERE ${where} AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
  );
  const indexes = new Map<string, (string | null)[]>();
  for (const { index, name: column, part } of parts) {
    // Of a part of a column, or of an expression, an index says nothing about whole rows.
    indexes.set(index, [...(indexes.get(index) ?? []), part === null ? column : null]);
  }
  return {
    engine: table?.engine ?? null,
    hasTransactions: table?.transactions === 'YES',
    columns: new Map(columns.map((row) => [row.name, foundColumn(row)])),
    uniqueKeys: [...indexes.values()].filter((names) => names.every((each) => each !== null)),
  };
}

function foundColumn({
  type,
  nullable,
  charset,
  collation,
  preset,
  extra,
}: ColumnRow): FoundColumn {
  const isGenerated = /auto_increment|generated|virtual|stored|persistent/i.test(extra);
  return {
    type,
    isNullable: nullable === 'YES',
    charset,
    collation,
    isFilled: isGenerated || preset !== null,
  };
}
