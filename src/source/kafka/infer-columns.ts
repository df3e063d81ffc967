import type { ValueEncoding } from '../../change/message-layout.ts';
import { asObject, type JsonObject } from './json-object.ts';

/** A column as values suggest it; what a project file says of it. */
export interface InferredColumn {
  readonly name: string;
  readonly type: string;
  readonly path?: readonly string[];
  readonly encoding?: ValueEncoding;
}

const maxColumns = 500;

/**
 * Columns that hold these rows. Types leave room for what comes: a value that fits none of them later is a
 * dead letter, not a wrong value. Objects within a row become columns down to `depth`; what lies deeper
 * stays JSON.
 */
export function inferColumns(rows: readonly JsonObject[], depth: number): InferredColumn[] {
  const found: Found = { values: new Map(), branches: new Set() };
  for (const row of rows) collect(row, [], depth, found);
  const names = new Set<string>();
  const columns: InferredColumn[] = [];
  for (const [id, { path, values }] of found.values) {
    // Elsewhere the same name is an object, which may be missing; only JSON holds an object and a value.
    const isMixed = found.branches.has(id);
    if (isMixed && values.every((value) => value === null)) continue;
    if (columns.length === maxColumns) break;
    const name = freeName(path.join('_'), names);
    const isPlain = path.length === 1 && path[0] === name;
    const type = isMixed ? asJson : typeOf(name, values);
    columns.push({ name, ...type, ...(!isPlain && { path }) });
  }
  return withoutInner(columns, found.branches);
}

/** Columns that lie within one that stays JSON are dropped. */
function withoutInner(columns: readonly InferredColumn[], branches: ReadonlySet<string>) {
  const whole = columns
    .map(({ name, path = [name] }) => path)
    .filter((path) => branches.has(idOf(path)));
  return columns.filter(({ name, path = [name] }) =>
    whole.every(
      (outer) => outer.length >= path.length || outer.some((each, at) => each !== path[at]),
    ),
  );
}

interface Found {
  readonly values: Map<string, { readonly path: readonly string[]; readonly values: unknown[] }>;
  /** Paths that lead to an object whose fields are columns. */
  readonly branches: Set<string>;
}

function collect(row: JsonObject, path: readonly string[], depth: number, found: Found): void {
  for (const [field, value] of Object.entries(row)) {
    const inner = [...path, field];
    const id = idOf(inner);
    const object = asObject(value);
    if (object !== undefined && inner.length < depth && Object.keys(object).length > 0) {
      found.branches.add(id);
      collect(object, inner, depth, found);
      continue;
    }
    const known = found.values.get(id) ?? { path: inner, values: [] };
    known.values.push(value);
    found.values.set(id, known);
  }
}

type Inferred = Pick<InferredColumn, 'type' | 'encoding'>;

const asJson: Inferred = { type: 'json', encoding: 'value' };
const textTypes: readonly { pattern: RegExp; inferred: Inferred }[] = [
  { pattern: /^\d{4}-\d\d-\d\d$/, inferred: { type: 'date' } },
  { pattern: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/, inferred: { type: 'datetime(6)' } },
  {
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/,
    inferred: { type: 'timestamp(6)', encoding: 'iso' },
  },
  {
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/,
    inferred: { type: 'timestamp(9)', encoding: 'iso' },
  },
  {
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?$/,
    inferred: { type: 'datetime(6)', encoding: 'iso' },
  },
];

function typeOf(name: string, values: readonly unknown[]): Inferred {
  const present = values.filter((value) => value !== null);
  const kinds = new Set(present.map((value) => typeof value));
  if (kinds.size === 0) return { type: 'text' };
  if (kinds.size > 1 || kinds.has('object')) return asJson;
  if (kinds.has('boolean')) return { type: 'boolean' };
  if (kinds.has('number')) return numberType(name, present as number[]);
  const texts = present as string[];
  const known = textTypes.find(({ pattern }) => texts.every((text) => pattern.test(text)));
  return known?.inferred ?? { type: 'text' };
}

function numberType(name: string, numbers: readonly number[]): Inferred {
  if (numbers.every(Number.isInteger)) {
    const unit = epochUnit(name, numbers);
    if (unit !== undefined) return unit;
    return { type: numbers.some((each) => each >= 2 ** 63) ? 'bigint unsigned' : 'bigint' };
  }
  const digits = numbers.map((each) => /^-?\d+(?:\.(\d+))?$/.exec(String(each))?.[1]?.length ?? 0);
  const isPlain = numbers.every((each) => /^-?\d{1,12}(\.\d+)?$/.test(String(each)));
  return { type: isPlain && Math.max(...digits) <= 6 ? 'decimal(24,6)' : 'double' };
}

/** Between 2001 and 2099 in the unit, and the name says a moment. */
function epochUnit(name: string, numbers: readonly number[]): Inferred | undefined {
  const isMoment =
    /(^|_)(ts|at|time|timestamp|date|datetime)(_(ms|us|millis|micros))?$|[a-z](At|Time|Date|Timestamp|Ts)(Ms)?$/;
  if (!isMoment.test(name)) return undefined;
  const isWithin = (unit: number) => numbers.every((each) => each >= unit && each < 4.1 * unit);
  if (isWithin(1e12)) return { type: 'timestamp(3)', encoding: 'epochMillis' };
  if (isWithin(1e15)) return { type: 'timestamp(6)', encoding: 'epochMicros' };
  return undefined;
}

/** Names of the warehouse's own begin with `_`. */
function freeName(wanted: string, names: Set<string>): string {
  const start = wanted.replace(/[^\p{L}\p{N}_]+/gu, '_').replace(/^_+/, '') || 'value';
  let name = start;
  for (let number = 2; names.has(name); number++) name = `${start}_${number}`;
  names.add(name);
  return name;
}

function idOf(path: readonly string[]): string {
  return JSON.stringify(path);
}
