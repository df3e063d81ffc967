import { quoteString } from '../../engine/sql-quote.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { quoteNames } from '../text/sql-text.ts';
import type { TestCell } from './model-test-file.ts';
import type { TableWrite, WrittenRow } from './model-test-rows.ts';
import { canonicalFound, canonicalOf } from './model-test-values.ts';

/** The statement that writes rows into the ODS table of a test, the first with the version given. */
export function renderInsert(
  physical: string,
  { table, rows }: TableWrite,
  firstVersion: bigint,
): string {
  const names = [...table.columns.map(({ name }) => name), '_version', '_deleted'];
  const structure = names.map((_, index) => `c${index + 1} Nullable(String)`).join(', ');
  const types = [...table.columns.map(({ type }) => type), 'UInt64', 'UInt8'];
  const items = types.map((type, index) => `accurateCast(c${index + 1}, ${quoteString(type)})`);
  const values = rows.map((row, index) => {
    const cells = table.columns.map(({ name, type }) => literalOf(row, name, type));
    const version = quoteString(String(firstVersion + BigInt(index)));
    return `(${[...cells, version, row.isDeleted ? "'1'" : "'0'"].join(', ')})`;
  });
  return `INSERT INTO ${physical} (${quoteNames(names)}) SELECT ${items.join(', ')}
FROM values(${quoteString(structure)}, ${values.join(', ')})`;
}

/** Every value that its column cannot hold as it is written, such as 300 in an Int8 or February 30. */
export async function checkCells(
  engine: SqlEngine,
  writes: readonly TableWrite[],
): Promise<Problem[]> {
  const byType = new Map<string, Map<string, TestCell>>();
  const problems: Problem[] = [];
  for (const { table, rows } of writes) {
    for (const { cells, where } of rows) {
      for (const { name, type } of table.columns) {
        const cell = cells.get(name);
        if (cell === undefined && defaultOf(type) === undefined) {
          problems.push(
            problem(where, `${name} of ${table.name} needs a value: ${type} has no default here.`),
          );
        } else if (cell?.form === 'null' && !isNullable(type)) {
          problems.push(problem(cell.where, `${name} of ${table.name} cannot be NULL (${type}).`));
        } else if (cell !== undefined && cell.form !== 'null' && !/String/.test(type)) {
          const texts = byType.get(type) ?? new Map<string, TestCell>();
          byType.set(type, texts);
          texts.set(cell.text, texts.get(cell.text) ?? cell);
        }
      }
    }
  }
  for (const [type, cells] of byType) {
    problems.push(...(await wrongValues(engine, type, [...cells.values()])));
  }
  return [...new Map(problems.map((each) => [`${each.where} ${each.message}`, each])).values()];
}

async function wrongValues(
  engine: SqlEngine,
  type: string,
  cells: readonly TestCell[],
): Promise<Problem[]> {
  const list = cells.map(({ text }) => `(${quoteString(text)})`).join(', ');
  const sql = `SELECT accurateCast(text, ${quoteString(type)}) AS stored FROM values('text String', ${list})`;
  try {
    const rows = await engine.rows<{ stored: unknown }>(sql);
    return cells.flatMap((cell, index) => {
      const stored = canonicalFound(rows[index]?.stored, type);
      if (stored === canonicalOf(cell, type)) return [];
      return [
        problem(cell.where, `${cell.text} cannot be stored as ${type}: it becomes ${stored}.`),
      ];
    });
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
    const [cell] = cells;
    if (cells.length === 1 && cell !== undefined) {
      return [problem(cell.where, `${cell.text} cannot be stored as ${type}.`)];
    }
    const half = Math.ceil(cells.length / 2);
    const left = await wrongValues(engine, type, cells.slice(0, half));
    return [...left, ...(await wrongValues(engine, type, cells.slice(half)))];
  }
}

/** What a column has when nobody gives a value, as text; null is NULL, undefined when there is nothing. */
function defaultOf(type: string): string | null | undefined {
  if (isNullable(type)) return null;
  if (/^(U?Int|Float|Decimal)/.test(type)) return '0';
  if (type.includes('String')) return '';
  if (type === 'Bool') return 'false';
  if (type.startsWith('Time64')) return '00:00:00';
  if (type.startsWith('DateTime')) return '1970-01-01 00:00:00';
  return type.startsWith('Date') ? '1970-01-01' : undefined;
}

function literalOf(row: WrittenRow, name: string, type: string): string {
  const cell = row.cells.get(name);
  const text = cell === undefined ? defaultOf(type) : cell.form === 'null' ? null : cell.text;
  return text === null || text === undefined ? 'NULL' : quoteString(text);
}

function isNullable(type: string): boolean {
  return /^(LowCardinality\()?Nullable\(/.test(type);
}

function problem(where: string, message: string): Problem {
  return { code: 'CDC_LAYERS_INVALID', where, message, severity: 'error' };
}
