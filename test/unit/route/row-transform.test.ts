import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRows, encodeRows, type RowValue } from '../../../src/change/row-codec.ts';
import type { ColumnType, TableSchema } from '../../../src/change/table-schema.ts';
import { createRouter } from '../../../src/route/rule-router.ts';
import { batchOf, declare, optionsOf, StoredState } from './route-spec.ts';

/** Types with values of theirs; lengths around the places where LEB128 grows by a byte. */
const typed: readonly (readonly [ColumnType, fc.Arbitrary<RowValue>])[] = [
  [{ kind: 'int', bits: 8, unsigned: false }, fc.integer({ min: -128, max: 127 })],
  [{ kind: 'int', bits: 32, unsigned: true }, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  [
    { kind: 'int', bits: 64, unsigned: false },
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ],
  [{ kind: 'float', bits: 64 }, fc.double({ noNaN: true })],
  [
    { kind: 'decimal', precision: 38, scale: 4 },
    fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }),
  ],
  [
    { kind: 'decimal', precision: 65, scale: 0 },
    fc.bigInt({ min: -(10n ** 65n), max: 10n ** 65n }),
  ],
  [{ kind: 'date' }, fc.integer({ min: -25567, max: 120529 })],
  [{ kind: 'datetime', fsp: 6 }, fc.bigInt({ min: -(10n ** 15n), max: 10n ** 16n })],
  [{ kind: 'time', fsp: 0 }, fc.bigInt({ min: -3020399n, max: 3020399n })],
  [{ kind: 'datetime', fsp: 0, text: true }, fc.constant('0000-00-00 00:00:00')],
  [{ kind: 'year' }, fc.integer({ min: 0, max: 2155 })],
  [{ kind: 'bit' }, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  [{ kind: 'string' }, fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...lengths()))],
  [{ kind: 'binary' }, fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))],
];

function lengths(): string[] {
  return [127, 128, 16383, 16384].map((length) => 'x'.repeat(length));
}

interface Table {
  readonly schema: TableSchema;
  readonly rows: readonly { values: RowValue[]; version: bigint; deleted: boolean }[];
}

const tables: fc.Arbitrary<Table> = fc
  .array(fc.tuple(fc.constantFrom(...typed), fc.boolean()), { minLength: 1, maxLength: 8 })
  .chain((columns) => {
    const schema: TableSchema = {
      table: 'shop.any',
      version: JSON.stringify(columns.map(([[type], nullable]) => [type, nullable])),
      columns: [
        {
          name: 'id',
          type: { kind: 'int', bits: 32, unsigned: false },
          nullable: false,
          sourceType: 'int',
        },
        ...columns.map(([[type], nullable], index) => ({
          name: `c${index}`,
          type,
          nullable,
          sourceType: type.kind,
        })),
      ],
      key: ['id'],
    };
    const values = columns.map(([[, value], nullable]) =>
      nullable ? fc.option(value, { nil: null }) : value,
    );
    const row = fc.tuple(fc.integer(), ...values).map((list) => list as RowValue[]);
    return fc.array(fc.tuple(row, fc.boolean()), { minLength: 1, maxLength: 6 }).map((list) => ({
      schema,
      rows: list.map(([each, deleted], index) => ({
        values: each,
        version: BigInt(index + 1),
        deleted,
      })),
    }));
  });

test('whatever the columns and the rules are, every row keeps its place, its version and its other columns', () => {
  const rules = fc.array(fc.constantFrom('keep', 'drop', 'rename', 'mask', 'hash', 'truncate'), {
    minLength: 8,
    maxLength: 8,
  });
  fc.assert(
    fc.property(tables, rules, fc.boolean(), ({ schema, rows }, actions, isMerged) => {
      const chosen = actions.map((action, index) => {
        const { type } = schema.columns[index + 1] ??
          schema.columns[0] ?? { type: { kind: 'bit' } };
        const isOff =
          (action === 'truncate' && type.kind !== 'string') ||
          (action === 'hash' && type.kind === 'float');
        return isOff ? 'keep' : action;
      });
      const columns = chosen.flatMap((action, index) =>
        action === 'keep' ? [] : [{ tables: '*.*', column: `c${index}`, ...ruleOf(action, index) }],
      );
      const merge = [{ tables: 'shop.any', into: 'shop.all', shard: 'part' }];
      const businesses = isMerged ? [{ name: 'b', tables: ['*.*'], merge }] : [];
      const router = createRouter(optionsOf({ columns, businesses }), { project: 'p' });
      const state = new StoredState();
      const declared = batchOf([declare(schema)]);
      state.note(declared, router.route(declared, state).batch);
      const bytes = encodeRows(schema, rows);
      const section = {
        kind: 'rows' as const,
        table: schema.table,
        schemaVersion: schema.version,
        rowCount: rows.length,
        bytes,
      };
      const [routed] = router.route(batchOf([section]), state).batch.sections;
      const target = state.routed(isMerged ? 'shop.all' : 'shop.any');
      if (routed?.kind !== 'rows' || target === undefined) throw new Error('no rows');
      const found = decodeRows(target, routed.bytes);
      expect(found.map(({ version, deleted }) => ({ version, deleted }))).toEqual(
        rows.map(({ version, deleted }) => ({ version, deleted })),
      );
      for (const [at, { values }] of rows.entries()) {
        for (const [index, value] of values.entries()) {
          const action = index === 0 ? 'keep' : (chosen[index - 1] ?? 'keep');
          const name = action === 'rename' ? `r${index - 1}` : (schema.columns[index]?.name ?? '');
          const place = target.columns.findIndex((column) => column.name === name);
          if (action === 'drop') expect(place).toBe(-1);
          if (action === 'keep' || action === 'rename' || value === null) {
            if (action !== 'drop') expect(found[at]?.values[place]).toEqual(value);
          } else if (action === 'mask') expect(found[at]?.values[place]).toBe('***');
          else if (action === 'hash') expect(found[at]?.values[place]).toMatch(/^[0-9a-f]{64}$/);
          else if (action === 'truncate') {
            expect(found[at]?.values[place]).toBe([...String(value)].slice(0, 2).join(''));
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

function ruleOf(action: string, index: number): object {
  if (action === 'drop') return { drop: true };
  if (action === 'rename') return { rename: `r${index}` };
  if (action === 'mask') return { mask: '***' };
  if (action === 'hash') return { hash: { salt: 's' } };
  return { truncate: 2 };
}

test('rows of a table without rules are the same buffer', () => {
  const schema: TableSchema = {
    table: 'shop.plain',
    version: '1',
    columns: [
      {
        name: 'id',
        type: { kind: 'int', bits: 32, unsigned: false },
        nullable: false,
        sourceType: 'int',
      },
    ],
    key: ['id'],
  };
  const router = createRouter(optionsOf({ filter: [{ tables: 'shop.other', where: 'id = 1' }] }), {
    prefix: 'p',
    project: 'p',
  });
  const state = new StoredState();
  const declared = batchOf([declare(schema)]);
  const routed = router.route(declared, state);
  expect(routed.batch.sections).toEqual([{ ...declared.sections[0], topics: ['p.shop.plain'] }]);
  state.note(declared, routed.batch);
  const bytes = encodeRows(schema, [{ values: [1], version: 1n, deleted: false }]);
  const section = {
    kind: 'rows' as const,
    table: 'shop.plain',
    schemaVersion: '1',
    rowCount: 1,
    bytes,
  };
  const [found] = router.route(batchOf([section]), state).batch.sections;
  expect(found).toEqual({ ...section, topic: 'p.shop.plain' });
  expect(found?.kind === 'rows' && found.bytes).toBe(bytes);
});
