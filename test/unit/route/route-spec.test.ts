import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { RowsSection } from '../../../src/change/change-batch.ts';
import type { TableSchema } from '../../../src/change/table-schema.ts';
import { createRouter } from '../../../src/route/rule-router.ts';
import {
  batchOf,
  declare,
  encodeSpecRow,
  optionsOf,
  rowsOf,
  type SpecColumns,
  type SpecRow,
  StoredState,
  schemaOf,
  showRows,
} from './route-spec.ts';

/** See test/spec/README.md. */
interface Case {
  readonly title: string;
  readonly route: unknown;
  readonly prefix?: string;
  readonly tables: Readonly<
    Record<string, { readonly columns: SpecColumns; readonly key?: readonly string[] }>
  >;
  readonly origin?: 'snapshot' | 'stream';
  readonly images?: boolean;
  readonly given?: readonly Change[];
  readonly changes?: readonly Change[];
  readonly expect?: readonly Change[];
  readonly keys?: Readonly<Record<string, readonly string[]>>;
  readonly unmatched?: Readonly<Record<string, number>>;
  readonly refused?: readonly string[];
}

interface Change {
  readonly table: string;
  readonly topic?: string;
  readonly insert?: SpecRow;
  readonly delete?: SpecRow;
  readonly before?: SpecRow;
  readonly update?: readonly [SpecRow, SpecRow];
}

const folder = fileURLToPath(new URL('../../spec/route/', import.meta.url));

describe.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('%s', (name) => {
  const cases = parse(readFileSync(join(folder, name), 'utf8')) as Case[];

  test.each(cases)('$title', (spec) => {
    const schemas = Object.entries(spec.tables).map(([table, { columns, key }]) =>
      schemaOf(table, columns, key),
    );
    const router = createRouter(optionsOf(spec.route), { prefix: spec.prefix, project: 'school' });
    const problems = router
      .check(schemas)
      .map(({ path, table, message }) =>
        [path.join('.'), table, message].filter((part) => part !== undefined).join(': '),
      );
    expect(problems).toEqual(spec.refused ?? []);
    if (spec.refused !== undefined) return;

    const state = new StoredState();
    const route = (batch: ReturnType<typeof batchOf>) => {
      const routed = router.route(batch, state);
      state.note(batch, routed.batch, routed.lookup);
      return routed;
    };
    route(batchOf(schemas.map((schema) => declare(schema))));
    route(batchOf(sectionsOf(spec.given ?? [], schemas, 10n, false), 'snapshot'));
    const changes = sectionsOf(spec.changes ?? [], schemas, 100n, spec.images ?? false);
    const { batch, unmatched } = route(batchOf(changes, spec.origin));

    expect(
      showRows(batch, state).map(({ topic, table, kind, row }) => ({
        table,
        ...(topic !== undefined && { topic }),
        [kind]: row,
      })),
    ).toEqual(spec.expect ?? []);
    expect(Object.fromEntries(unmatched)).toEqual(spec.unmatched ?? {});
    for (const [table, key] of Object.entries(spec.keys ?? {})) {
      expect(state.routed(table)?.key).toEqual(key);
    }
  });
});

/** Changes of one table become one section, in their order; versions grow by one a row. */
function sectionsOf(
  changes: readonly Change[],
  schemas: readonly TableSchema[],
  first: bigint,
  images: boolean,
): RowsSection[] {
  const rows = new Map<string, Buffer[]>();
  let version = first;
  for (const change of changes) {
    const schema = schemas.find(({ table }) => table === change.table);
    if (schema === undefined) throw new Error(`no table ${change.table}`);
    const list = rows.get(change.table) ?? [];
    rows.set(change.table, list);
    const [before, after] = change.update ?? [];
    if (images && before) list.push(encodeSpecRow(schema, before, version++, 'before'));
    if (change.delete) list.push(encodeSpecRow(schema, change.delete, version++, 'delete'));
    const insert = change.insert ?? after;
    if (insert) list.push(encodeSpecRow(schema, insert, version++));
  }
  return schemas
    .filter(({ table }) => rows.has(table))
    .map((schema) => rowsOf(schema, rows.get(schema.table) ?? [], images));
}
