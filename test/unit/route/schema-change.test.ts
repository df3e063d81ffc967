import { describe, expect, test } from 'vitest';
import type { SchemaSection, Section } from '../../../src/change/change-batch.ts';
import type { TableSchema } from '../../../src/change/table-schema.ts';
import { createRouter } from '../../../src/route/rule-router.ts';
import {
  batchOf,
  declare,
  encodeSpecRow,
  optionsOf,
  rowsOf,
  type SpecColumns,
  StoredState,
  schemaOf,
  showRows,
} from './route-spec.ts';

const merged = {
  businesses: [{ name: 'sales', tables: ['*.*'], merge: [{ tables: 's.o_*', into: 's.o' }] }],
};

function open(route: unknown, schemas: readonly TableSchema[]) {
  const router = createRouter(optionsOf(route), { project: 'p' });
  const state = new StoredState();
  const send = (...sections: Section[]) => {
    const batch = batchOf(sections);
    const routed = router.route(batch, state);
    state.note(batch, routed.batch, routed.lookup);
    return routed;
  };
  send(...schemas.map((schema) => declare(schema)));
  return { router, state, send };
}

function change(schema: TableSchema, rest: Partial<SchemaSection> = {}): SchemaSection {
  return {
    kind: 'schema',
    table: schema.table,
    schema,
    existingRows: 'keep',
    version: 50n,
    ...rest,
  };
}

const shard = (number: number, more: SpecColumns = {}) =>
  schemaOf(`s.o_${number}`, { id: 'bigint', ...more });
const only = (number: number) => ({ column: 'shard', value: `s.o_${number}` });

describe('shards that are altered one after another', () => {
  test('a nullable column is there from the first on, and NULL for the others', () => {
    const { send, state } = open(merged, [shard(1), shard(2)]);
    const first = send(change(shard(1, { note: 'string?' }), { ddl: 'ALTER' }));
    expect(first.reread).toEqual(new Set());
    expect(first.batch.sections).toMatchObject([
      { kind: 'schema', table: 's.o', existingRows: 'keep' },
    ]);
    const rows = send(rowsOf(shard(2), [encodeSpecRow(shard(2), { id: 7 }, 60n)]));
    expect(showRows(rows.batch, state)).toMatchObject([
      { row: { shard: 's.o_2', id: 7, note: null } },
    ]);
    const second = send(change(shard(2, { note: 'string?' })));
    expect(second.batch.sections).toEqual([]);
    expect(second.reread).toEqual(new Set());
  });

  test('a column with a default makes its shard be read again, and no other', () => {
    const { send } = open(merged, [shard(1), shard(2)]);
    const altered = send(change(shard(1, { n: 'int' }), { defaults: { n: '5' } }));
    expect(altered.reread).toEqual(new Set(['s.o_1']));
    expect(altered.batch.sections).toEqual([
      expect.objectContaining({ kind: 'schema', table: 's.o', existingRows: 'keep' }),
      { kind: 'truncate', table: 's.o', version: 50n, only: only(1) },
    ]);
    expect(altered.batch.sections[0]).not.toHaveProperty('defaults');
  });

  test('a column dropped by one shard stays for the others, and goes with the last', () => {
    const { send, state } = open(merged, [shard(1, { n: 'int' }), shard(2, { n: 'int' })]);
    expect(send(change(shard(1))).reread).toEqual(new Set(['s.o_1']));
    expect(state.routed('s.o')?.columns.map(({ name, nullable }) => [name, nullable])).toEqual([
      ['shard', false],
      ['id', false],
      ['n', true],
    ]);
    expect(send(change(shard(2))).reread).toEqual(new Set());
    expect(state.routed('s.o')?.columns.map(({ name }) => name)).toEqual(['shard', 'id']);
  });

  test('a column that could be NULL once stays so', () => {
    const { send, state } = open(merged, [shard(1, { n: 'int' }), shard(2)]);
    send(change(shard(2, { n: 'int' })));
    expect(state.routed('s.o')?.columns.find(({ name }) => name === 'n')?.nullable).toBe(true);
  });

  test('what empties one shard leaves the rows of the others', () => {
    const { send } = open(merged, [shard(1), shard(2)]);
    expect(
      send(
        { kind: 'truncate', table: 's.o_1', version: 60n },
        { kind: 'sweep', table: 's.o_2', version: 61n },
      ).batch.sections,
    ).toEqual([
      { kind: 'truncate', table: 's.o', version: 60n, only: only(1) },
      { kind: 'sweep', table: 's.o', version: 61n, only: only(2) },
    ]);
    expect(send(change(shard(1), { existingRows: 'resnapshot' })).batch.sections).toEqual([
      { kind: 'truncate', table: 's.o', version: 50n, only: only(1) },
    ]);
  });

  test('another type in one shard stops this shard, and the last one to follow takes the table over', () => {
    const { router, send, state } = open(merged, [shard(1, { n: 'int' }), shard(2, { n: 'int' })]);
    const wide = change(shard(1, { n: 'string' }), { existingRows: 'resnapshot' });
    expect(() => send(wide)).toThrow('column n is int in one shard of s.o and string in another');
    expect(() => send(wide)).toThrow(expect.objectContaining({ details: { table: 's.o_1' } }));
    // The first one is stopped now, and its rows do not count.
    const rest = Object.assign(new StoredState(), state, {
      source: (table: string) => state.source(table),
      routed: (table: string) => state.routed(table),
      sources: () => [shard(2, { n: 'int' })],
    });
    const last = change(shard(2, { n: 'string' }), { existingRows: 'resnapshot' });
    const routed = router.route(batchOf([last]), rest);
    expect(routed.batch.sections).toMatchObject([
      { kind: 'schema', table: 's.o', existingRows: 'resnapshot' },
    ]);
    expect(routed.reread).toEqual(new Set(['s.o_2']));
  });

  test('a new shard of the same shard value is refused', () => {
    const route = {
      businesses: [
        {
          name: 'b',
          tables: ['*.*'],
          merge: [{ tables: '*.o', into: 'all.o', shardValue: '{table}' }],
        },
      ],
    };
    const { send } = open(route, [schemaOf('s1.o', { id: 'bigint' })]);
    expect(() => send(declare(schemaOf('s2.o', { id: 'bigint' })))).toThrow(
      "Routing s2.o: its shard in all.o is 'o', and so is that of s1.o.",
    );
  });
});

describe('a table with rules that is altered', () => {
  const rules = {
    columns: [
      { tables: '*.*', column: 'phone', mask: '***' },
      { tables: '*.*', column: 'price', hash: { salt: 's' } },
      { tables: '*.*', column: 'n', rename: 'count' },
    ],
  };
  const base: SpecColumns = { id: 'bigint', price: 'decimal(10,2)' };

  test('keeps its rows and the default of a renamed column', () => {
    const { send } = open(rules, [schemaOf('s.t', base)]);
    const altered = send(change(schemaOf('s.t', { ...base, n: 'int' }), { defaults: { n: '5' } }));
    expect(altered.batch.sections).toMatchObject([
      { existingRows: 'keep', defaults: { count: '5' } },
    ]);
    expect(altered.reread).toEqual(new Set());
  });

  test.each([
    {
      name: 'a masked column gets a default',
      columns: { ...base, phone: 'string' },
      defaults: { phone: "'1'" },
    },
    {
      name: 'a hashed column gets another text',
      columns: { ...base, price: 'decimal(12,4)' },
      defaults: {},
    },
  ])('is read again when $name', ({ columns, defaults }) => {
    const { send } = open(rules, [schemaOf('s.t', base)]);
    const altered = send(change(schemaOf('s.t', columns), { defaults: { ...defaults } }));
    expect(altered.batch.sections).toMatchObject([{ existingRows: 'resnapshot' }]);
    expect(altered.reread).toEqual(new Set(['s.t']));
  });

  test('stops when a column that a filter needs is dropped', () => {
    const filter = [{ tables: 's.t', where: 'price > 1' }];
    const { send } = open({ filter }, [schemaOf('s.t', base)]);
    expect(() => send(change(schemaOf('s.t', { id: 'bigint' })))).toThrow(
      'Routing s.t: filter "price > 1": character 1: s.t has no column price.',
    );
  });

  test('has another version after other rules, and after another schema of the source', () => {
    const versions = [
      open(rules, [schemaOf('s.t', base)]),
      open({ filter: [{ tables: 's.t', where: 'id > 1' }] }, [schemaOf('s.t', base)]),
      open({ filter: [{ tables: 's.t', where: 'id > 2' }] }, [schemaOf('s.t', base)]),
      open({ filter: [{ tables: 's.t', where: 'id > 2' }] }, [
        schemaOf('s.t', { ...base, n: 'int' }),
      ]),
      open({}, [schemaOf('s.t', base)]),
    ].map(({ state }) => state.routed('s.t')?.version);
    expect(new Set(versions).size).toBe(5);
    expect(versions[4]).toBe(schemaOf('s.t', base).version);
  });

  test('a rule of another table, or of a column it has not, leaves it as it is', () => {
    const { router } = open({}, []);
    const other = createRouter(optionsOf(rules), { project: 'p' });
    const plain = schemaOf('s.t', { id: 'bigint' });
    expect([router.rulesOf(plain), other.rulesOf(plain)]).toEqual([undefined, undefined]);
    expect(other.rulesOf(schemaOf('s.t', base))).toMatch(/^[0-9a-f]{12}$/);
  });
});

describe('topics that tell of a barrier', () => {
  const schemas = [schemaOf('s.t', { id: 'bigint' }), shard(1), shard(2)];

  test('are those of the table, and none for what empties one shard', () => {
    const router = createRouter(optionsOf(merged), { prefix: 'p', project: 'p' });
    const state = new StoredState();
    const declared = batchOf(schemas.map((schema) => declare(schema)));
    const { batch } = router.route(declared, state);
    expect(batch.sections).toMatchObject([
      { table: 's.t', topics: ['p.sales.t'] },
      { table: 's.o', topics: ['p.sales.o'] },
    ]);
    state.note(declared, batch);
    const truncates = ['s.t', 's.o_1'].map(
      (table): Section => ({ kind: 'truncate', table, version: 9n }),
    );
    expect(router.route(batchOf(truncates), state).batch.sections).toMatchObject([
      { table: 's.t', topics: ['p.sales.t'] },
      { table: 's.o', topics: [], only: only(1) },
    ]);
  });

  test('are those of every business that rows may have gone to', () => {
    const lookup = {
      table: 'm.r',
      key: 'event',
      business: 'business',
      event: { tables: 's.t', column: 'name' },
      unmatched: 'rest',
    };
    const routes = schemaOf('m.r', { id: 'int', event: 'string', business: 'string' });
    const events = schemaOf('s.t', { id: 'bigint', name: 'string' });
    const router = createRouter(optionsOf({ lookup }), { prefix: 'p', project: 'p' });
    const state = new StoredState();
    const row = { id: 1, event: 'click', business: 'ads, web' };
    const batch = batchOf([
      declare(routes),
      rowsOf(routes, [encodeSpecRow(routes, row, 5n)]),
      declare(events),
    ]);
    expect(router.route(batch, state).batch.sections.at(-1)).toMatchObject({
      topics: ['p.ads.t', 'p.rest.t', 'p.web.t'],
    });
  });
});
