import { DorisError } from './doris-cluster.ts';
import type { DorisColumn, DorisTable, LoadedRow } from './doris-table.ts';
import { convertValue, type DorisValue } from './doris-types.ts';
import type { LoadPlan } from './load-plan.ts';
import { isTrue } from './sql-expression.ts';

export interface LoadedRows {
  readonly rows: readonly LoadedRow[];
  readonly total: number;
  /** Why rows were filtered, a line each, as the error log has them. */
  readonly errors: readonly string[];
}

/** Thrown for a row that is filtered. */
class BadRow extends Error {}

/** The rows of a JSON body. Fields that `columns` does not name are left out without a word. */
export function loadRows(body: Buffer, plan: LoadPlan, table: DorisTable): LoadedRows {
  const rows: LoadedRow[] = [];
  const errors: string[] = [];
  const lines = plan.isByLine ? body.toString('utf8').split('\n') : [body.toString('utf8')];
  let total = 0;
  for (const line of lines) {
    if (line === '') continue;
    total++;
    try {
      rows.push(convertRow(parseFields(line), plan, table));
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      errors.push(`Reason: ${error.message}`);
    }
  }
  return { rows, total, errors };
}

/** Values as texts: the reader hands every value on as the text it stands as. */
function parseFields(line: string): Map<string, DorisValue> {
  const quoted = line.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (each) =>
    each.startsWith('"') ? each : `"${each}"`,
  );
  let fields: unknown;
  try {
    fields = JSON.parse(quoted);
  } catch {
    throw new BadRow(`Parse json data for JsonDoc failed. code: 3. src line [${line}]; `);
  }
  if (Array.isArray(fields)) {
    throw new BadRow(
      `JSON data is array-object, \`strip_outer_array\` must be TRUE.. src line []; `,
    );
  }
  const entries = Object.entries(fields as Record<string, unknown>);
  return new Map(
    entries.map(([name, value]) => {
      if (typeof value === 'boolean') return [name.toLowerCase(), value ? '1' : '0'];
      if (value === null || typeof value === 'string') return [name.toLowerCase(), value];
      throw new Error('the double takes values that are texts, numbers, booleans or null');
    }),
  );
}

function convertRow(
  fields: ReadonlyMap<string, DorisValue>,
  plan: LoadPlan,
  table: DorisTable,
): LoadedRow {
  const source = new Map([...plan.sources].map((name) => [name, fields.get(name) ?? null]));
  const deleted =
    plan.isDeleted !== undefined && isTrue(numberOf(plan.isDeleted.evaluate(source, [])));
  const values = new Map<string, DorisValue>();
  for (const column of table.columns) {
    const name = column.name.toLowerCase();
    const derived = plan.derived.get(name);
    if (derived === undefined && !plan.sources.has(name)) continue;
    const value = derived?.evaluate(source, []) ?? source.get(name) ?? null;
    values.set(column.name, convertColumn(column, value === null ? null : String(value), plan));
  }
  const sequence = plan.sequence === undefined ? null : (source.get(plan.sequence) ?? null);
  if (plan.sequence !== undefined && sequence === null && !plan.isPartial) {
    throw new BadRow(
      'column_name[__DORIS_SEQUENCE_COL__], null value for not null column. src line []; ',
    );
  }
  return { values, deleted, ...(sequence !== null && { sequence: BigInt(sequence) }) };
}

function numberOf(value: unknown): bigint | boolean {
  return typeof value === 'boolean' ? value : BigInt(String(value ?? 0));
}

function convertColumn(column: DorisColumn, text: string | null, plan: LoadPlan): DorisValue {
  if (text === null) {
    if (column.nullable) return null;
    throw new BadRow(`column_name[${column.name}], null value for not null column. src line []; `);
  }
  const result = convertValue(column.type, text, plan.timezone);
  if ('value' in result) return result.value;
  // Without strict mode a value that cannot be read becomes NULL, and nobody is told.
  const isLength = result.reason.startsWith('the length of input');
  if (!plan.isStrict && column.nullable && !isLength) return null;
  throw new BadRow(`column_name[${column.name}], ${result.reason}. src line []; `);
}

/** Rules about keys that are not there yet, for loads of some columns only. */
export function checkNewKeys(rows: readonly LoadedRow[], plan: LoadPlan, table: DorisTable): void {
  const added = rows.find((row) => !table.hasKey(row));
  if (added === undefined) return;
  if (plan.isStrict) {
    throw new DorisError(
      "[E-7003]Can't append new rows in partial update when partial_update_new_key_behavior is ERROR.",
    );
  }
  const missing = table.columns.find(
    ({ name, nullable, defaultValue }) =>
      !added.values.has(name) && !nullable && defaultValue === undefined,
  );
  if (missing !== undefined) {
    throw new DorisError(
      `the unmentioned column \`${missing.name}\` should have default value or be nullable for newly ` +
        'inserted rows in non-strict mode partial update',
    );
  }
}
