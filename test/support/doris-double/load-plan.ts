import type { IncomingHttpHeaders } from 'node:http';
import { type DorisCluster, DorisError } from './doris-cluster.ts';
import type { DorisTable } from './doris-table.ts';
import { type Expression, parseExpression } from './sql-expression.ts';
import { Tokens } from './sql-tokens.ts';

/** What the headers of a Stream Load ask for, checked as backend and frontend check it. */
export interface LoadPlan {
  /** Fields of the source, in lower case. */
  readonly sources: ReadonlySet<string>;
  /** Columns of the table that are computed: `columns: a, b, c = a + 1`, in lower case. */
  readonly derived: ReadonlyMap<string, Expression>;
  readonly isDeleted: Expression | undefined;
  readonly sequence: string | undefined;
  readonly condition: string | undefined;
  readonly isPartial: boolean;
  readonly isStrict: boolean;
  readonly isByLine: boolean;
  readonly maxFilterRatio: number;
  readonly timezone: string;
  readonly isTwoPhase: boolean;
}

const deleteSign = '__doris_delete_sign__';

export function planLoad(
  headers: IncomingHttpHeaders,
  table: DorisTable,
  cluster: DorisCluster,
): LoadPlan {
  const header = (name: string) => headers[name]?.toString() ?? '';
  const flag = (name: string) => header(name).toLowerCase() === 'true';
  checkFormat(header);
  const { sources, derived } = parseColumns(
    utf8(header('columns')),
    table,
    header('hidden_columns'),
  );
  const isStarrocks = cluster.flavour === 'starrocks';
  const merge = isStarrocks ? undefined : mergeCondition(header);
  const sign = derived.get(isStarrocks ? '__op' : deleteSign);
  const sequence = header('function_column.sequence_col').toLowerCase() || undefined;
  const isPartial = flag(isStarrocks ? 'partial_update' : 'partial_columns');
  const plan: LoadPlan = {
    sources,
    derived,
    isDeleted: merge ?? sign ?? (sources.has(deleteSign) ? columnIsOne(deleteSign) : undefined),
    sequence: sequence ?? table.sequenceColumn?.toLowerCase(),
    condition: isStarrocks ? header('merge_condition') || undefined : undefined,
    isPartial,
    isStrict: flag('strict_mode'),
    // StarRocks takes objects one after another without being told.
    isByLine: isStarrocks || flag('read_json_by_line'),
    maxFilterRatio: Number(header('max_filter_ratio') || 0),
    timezone: header('timezone') || '+08:00',
    isTwoPhase: flag('two_phase_commit'),
  };
  checkSequence(plan, table, sequence !== undefined);
  if (isPartial) checkPartial(plan, table);
  if (!isPartial) checkDefaults(plan, table);
  return plan;
}

function checkFormat(header: (name: string) => string): void {
  const format = header('format').toLowerCase();
  if (format !== 'json') throw new Error(`unknown data format, format=${format || 'CSV'}`);
  if (header('compress_type') !== '') {
    throw new Error('compress data of JSON format is not supported.');
  }
  const strict = header('strict_mode').toLowerCase();
  if (strict !== '' && strict !== 'true' && strict !== 'false') {
    throw new Error('Invalid strict mode format. Must be bool type');
  }
  const timeout = header('timeout');
  if (timeout !== '' && !/^[1-9]\d{0,5}$/.test(timeout)) throw new Error('Invalid timeout format');
}

/** Names in headers are UTF-8, which HTTP libraries hand out byte by byte. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function parseColumns(text: string, table: DorisTable, hidden: string) {
  const sources = new Set<string>();
  const derived = new Map<string, Expression>();
  if (text === '') {
    const names = [...table.columns.map(({ name }) => name), ...hidden.split(',').filter(Boolean)];
    for (const name of names) sources.add(name.trim().toLowerCase());
    return { sources, derived };
  }
  const tokens = new Tokens(text);
  do {
    const name = tokens.name().toLowerCase();
    if (tokens.takeIf('=')) derived.set(name, parseExpression(tokens));
    else sources.add(name);
  } while (tokens.takeIf(','));
  tokens.end();
  return { sources, derived };
}

function mergeCondition(header: (name: string) => string): Expression | undefined {
  const type = header('merge_type').toUpperCase() || 'APPEND';
  const condition = header('delete');
  if (!['APPEND', 'DELETE', 'MERGE'].includes(type)) throw new Error(`Invalid merge type ${type}`);
  if (type === 'MERGE' && condition === '') {
    throw new Error('Excepted DELETE ON clause when merge type is MERGE.');
  }
  if (type !== 'MERGE' && condition !== '') {
    throw new Error('Not support DELETE ON clause when merge type is not MERGE.');
  }
  if (type === 'DELETE') return parseExpression(new Tokens('1 = 1'));
  return type === 'MERGE' ? parseExpression(new Tokens(utf8(condition))) : undefined;
}

function columnIsOne(name: string): Expression {
  return parseExpression(new Tokens(`\`${name}\` = 1`));
}

function checkSequence(plan: LoadPlan, table: DorisTable, isGiven: boolean): void {
  const mapped = table.sequenceColumn?.toLowerCase();
  if (isGiven && mapped === undefined && !table.hasHiddenSequence) {
    throw new DorisError(`There is no sequence column in the table ${table.name}`);
  }
  const gives = (name: string) => plan.sources.has(name) || plan.derived.has(name);
  const isMissing = mapped !== undefined ? !gives(mapped) : table.hasHiddenSequence && !isGiven;
  if (isMissing && !plan.isPartial) {
    throw new DorisError(
      `Table ${table.name} has sequence column, need to specify the sequence column`,
    );
  }
}

function checkPartial(plan: LoadPlan, table: DorisTable): void {
  const missing = table.keys.find((key) => !plan.sources.has(key.toLowerCase()));
  if (missing !== undefined) {
    throw new DorisError(`Partial update should include all key columns, missing: ${missing}`);
  }
  if (table.isChanging) {
    throw new DorisError(`Can't do partial update when table is doing schema change.`);
  }
}

function checkDefaults(plan: LoadPlan, table: DorisTable): void {
  const missing = table.columns.find(
    ({ name, nullable, defaultValue }) =>
      !plan.sources.has(name.toLowerCase()) &&
      !plan.derived.has(name.toLowerCase()) &&
      !nullable &&
      defaultValue === undefined,
  );
  if (missing !== undefined) {
    throw new DorisError(`Column has no default value. column: ${missing.name}`);
  }
}
