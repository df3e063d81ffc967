import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type ModelLineage, traceModel } from '../../src/layers/lineage/model-lineage.ts';
import type { Origin } from '../../src/layers/lineage/origin.ts';
import { parseSql } from '../../src/layers/text/sql-parser.ts';

/** A statement with where its columns come from; see test/spec/README.md. */
export interface LineageCase {
  readonly title: string;
  readonly sql: string;
  readonly outputs: Readonly<Record<string, readonly string[]>>;
  readonly rows: readonly string[];
}

/** Tables of the cases in database `shop`. */
export const lineageTables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  orders: {
    id: 'UInt64',
    student_id: 'UInt64',
    amount: 'Decimal(18, 2)',
    status: 'String',
    created_at: 'DateTime',
    tags: 'Array(String)',
    note: 'Nullable(String)',
  },
  students: { id: 'UInt64', name: 'String', city: 'String', group_id: 'UInt64' },
  groups: { id: 'UInt64', name: 'String', parent_id: 'UInt64' },
  refunds: { id: 'UInt64', order_id: 'UInt64', amount: 'Decimal(18, 2)' },
  words: {
    key: 'String',
    date: 'Date',
    order: 'UInt8',
    group: 'String',
    pair: 'Tuple(left String, right UInt8)',
  },
};

export function lineageCases(): LineageCase[] {
  const file = new URL('../spec/lineage/statements.yaml', import.meta.url);
  return parse(readFileSync(file, 'utf8')) as LineageCase[];
}

export function traceStatement(sql: string): ModelLineage {
  const lookup = (name: string) => {
    const [database, table = ''] = name.split('.');
    const columns = database === 'shop' ? lineageTables[table] : undefined;
    return columns && { columns: Object.keys(columns) };
  };
  const isAggregate = (name: string) => /^(sum|count|max|min|uniq|arg|quantile)/i.test(name);
  return traceModel(parseSql(sql), { lookup, isAggregate });
}

/** `filter orders.status`, without repetitions. */
export function describeOrigins(origins: readonly Origin[]): string[] {
  const texts = origins.map(({ table, column, influence, isUncertain }) => {
    return `${isUncertain ? 'perhaps ' : ''}${influence} ${table.replace('shop.', '')}.${column}`;
  });
  return [...new Set(texts)];
}
