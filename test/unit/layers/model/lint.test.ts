import { expect, test } from 'vitest';
import { lintModels } from '../../../../src/layers/model/lint.ts';
import { parseModelFile } from '../../../../src/layers/model/model-file.ts';

function lint(
  files: Readonly<Record<string, string>>,
  isPublished: ((model: string) => boolean) | undefined = (name) => name.startsWith('dws.sunk'),
) {
  const models = Object.entries(files).map(([name, sql]) => {
    const [layer, short] = name.split('.') as ['dwd' | 'dws' | 'ads', string];
    return parseModelFile(sql, layer, `${layer}/${short}.sql`).model;
  });
  return lintModels(models, { compiled: [], isPublished }).map(
    ({ where, message, severity }) => `${severity} ${where} ${message}`,
  );
}

test.each([
  {
    name: 'an ADS model that reads a captured table',
    files: { 'ads.a': 'SELECT o.id\nFROM shop.orders AS o' },
    says: 'ads/a.sql:2:6 ads.a reads the captured table shop.orders itself. Put what it needs into a DWD or DWS model, where others find it, too. (ads-reads-ods)',
  },
  {
    name: 'a star over a table',
    files: {
      'ads.a': 'SELECT w.id, s.* FROM dwd.w AS w JOIN dws.sunk AS s USING (id)',
      'dwd.w': 'SELECT 1',
    },
    says: 'ads/a.sql:1:16 The star takes every column of dws.sunk, also those that are added later. Name the columns. (select-star)',
  },
  {
    name: 'a model that nobody reads',
    files: { 'dwd.w': '-- owner: me\nSELECT id FROM shop.orders' },
    says: 'dwd/w.sql:1:1 No model and no sink reads dwd.w. (unused-model)',
  },
  {
    name: 'a comparison with NULL',
    files: { 'dws.sunk': 'SELECT id FROM shop.orders WHERE note != NULL' },
    says: 'dws/sunk.sql:1:42 A comparison with NULL is never true. Write IS NOT NULL. (null-comparison)',
  },
  {
    name: 'a code that does not exist',
    files: { 'dws.sunk': '-- lint: allow slect-star\nSELECT id FROM shop.orders' },
    says: 'dws/sunk.sql:1:16 There is no lint code slect-star. Did you mean select-star?',
  },
])('$name is a warning with its place', ({ files, says }) => {
  expect(lint(files as Record<string, string>)).toEqual([`warning ${says}`]);
});

test.each([
  {
    name: 'a star over a subquery or a CTE',
    sql: 'WITH t AS (SELECT id FROM dwd.w) SELECT * FROM t',
  },
  {
    name: 'a star that counts or multiplies',
    sql: 'SELECT count(*) AS n, sum(a * b) AS m FROM dwd.w',
  },
  {
    name: 'what the file allows',
    sql: '-- lint: allow select-star, null-comparison\nSELECT * FROM dwd.w WHERE a = NULL',
  },
])('$name is no warning', ({ sql }) => {
  expect(lint({ 'dws.sunk': sql, 'dwd.w': 'SELECT id FROM shop.orders' })).toEqual([]);
});

test('where nobody knows what sinks write, nothing counts as unused', () => {
  const models = [parseModelFile('SELECT id FROM shop.orders', 'dwd', 'dwd/w.sql').model];
  expect(lintModels(models, { compiled: [] })).toEqual([]);
});
