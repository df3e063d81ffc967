import { expect, test } from 'vitest';
import { parseModelFile } from '../../../../src/layers/model/model-file.ts';
import { orderModels } from '../../../../src/layers/model/model-graph.ts';
import { parseSql } from '../../../../src/layers/text/sql-parser.ts';
import { unrepeatableFunctions } from '../../../../src/layers/text/unrepeatable.ts';

const model = (name: string, sql: string) => {
  const [layer, short] = name.split('.') as ['dwd' | 'dws' | 'ads', string];
  return parseModelFile(sql, layer, `layers/${layer}/${short}.sql`);
};

test('a header is read, the text keeps its offsets', () => {
  const text = '-- one order a row\n-- key: a, b\n-- owner: sales\n\nSELECT a, b FROM x.y;\n';
  const { model: parsed, problems } = model('dwd.wide', text);
  expect(problems).toEqual([]);
  const nothing = { audits: [], settings: [], allowedLint: [] };
  expect(parsed.header).toEqual({ key: ['a', 'b'], keyOffset: 27, owner: 'sales', ...nothing });
  expect(parsed.sql).toBe(text.slice(0, -2));
});

test.each([
  ['500 ms', 500],
  ['1 s', 1_000],
  ['5 min', 300_000],
  ['1.5h', 5_400_000],
])('a freshness of %s is understood', (text, freshnessMs) => {
  const { model: parsed, problems } = model('dwd.wide', `-- freshness: ${text}\nSELECT 1`);
  expect(problems).toEqual([]);
  expect(parsed.header).toMatchObject({ freshness: text, freshnessMs });
});

test.each(['soon', '5', '5 minutes', '0 s', '-1 s'])('a freshness of %s is a problem', (text) => {
  const { model: parsed, problems } = model('dwd.wide', `-- freshness: ${text}\nSELECT 1`);
  expect(problems).toMatchObject([
    { where: 'layers/dwd/wide.sql:1:15', message: expect.stringContaining('500 ms, 1 s, 5 min') },
  ]);
  expect(parsed.header.freshnessMs).toBeUndefined();
});

test.each([
  ['-- owner: a\n-- owner: b\nSELECT 1', '2:4', 'there twice'],
  ['-- owner:\nSELECT 1', '1:4', 'has no value'],
  ['-- key: a,, b\nSELECT 1', '1:9', 'comma too many'],
  ['-- key: a, b, a\nSELECT 1', '1:9', 'names a twice'],
  ['-- lint: select-star\nSELECT 1', '1:10', '-- lint: allow'],
  ['-- settings: a = 1, b\nSELECT 1', '1:21', '"b" is no setting'],
  ["-- settings: a = 'x', a = 2\nSELECT 1", '1:23', 'a is there twice'],
  ['-- settings: allow_nullable_key = 0\nSELECT 1', '1:14', 'not free'],
])('the header of %j has a problem', (sql, place, words) => {
  expect(model('dwd.wide', sql).problems).toMatchObject([
    { where: `layers/dwd/wide.sql:${place}`, message: expect.stringContaining(words) },
  ]);
});

test('settings of the tables are literals, with commas between', () => {
  const text = "-- settings: storage_policy = 'a, b', index_granularity=64\nSELECT a";
  const { model: parsed, problems } = model('dwd.wide', text);
  expect(problems).toEqual([]);
  expect(parsed.header.settings).toEqual([
    { name: 'storage_policy', value: "'a, b'", offset: 13 },
    { name: 'index_granularity', value: '64', offset: 38 },
  ]);
});

test('audits and lint lines repeat, and an audit goes on until its parentheses close', () => {
  const text = `-- audit: unique(a)
-- lint: allow select-star, unused-model
-- audit: none(SELECT ')'
--   FROM dwd.wide) warn
-- a remark
SELECT a`;
  const { model: parsed, problems } = model('dwd.wide', text);
  expect(problems).toEqual([]);
  const [first, second] = parsed.header.audits;
  expect(first).toEqual({ text: 'unique(a)', offset: 10 });
  expect(second?.text).toMatch(/^none\(SELECT '\)' +FROM dwd.wide\) warn$/);
  const from = (second?.offset ?? 0) + (second?.text.indexOf('FROM') ?? 0);
  expect(text.slice(from, from + 4)).toBe('FROM');
  const allowed = parsed.header.allowedLint.map((code) => code.text);
  expect(allowed).toEqual(['select-star', 'unused-model']);
});

test('an unknown header is named with its place and the nearest known one', () => {
  const { problems } = model('dwd.wide', '-- description: x\n-- ower: me\nSELECT 1');
  expect(problems).toMatchObject([
    { where: 'layers/dwd/wide.sql:2:4', message: expect.stringContaining('Did you mean "owner"?') },
  ]);
});

test('models come after what they read; upward reads and cycles are problems', () => {
  const models = [
    model('ads.report', 'SELECT * FROM dws.sums JOIN dwd.wide USING (a)'),
    model('dwd.up', 'SELECT *\nFROM dws.sums'),
    model('dwd.wide', 'SELECT * FROM shop.orders'),
    model('dws.ring', 'SELECT * FROM dws.gnir'),
    model('dws.gnir', 'SELECT * FROM dws.ring'),
    model('dws.sums', 'SELECT * FROM dwd.wide'),
  ].map((parsed) => parsed.model);
  const { ordered, problems } = orderModels(models);
  const names = ordered.map((graph) => graph.model.name);
  expect(names).toEqual(['dwd.wide', 'dws.sums', 'ads.report', 'dwd.up']);
  expect(problems.map(({ where }) => where)).toEqual([
    'layers/dwd/up.sql:2:6',
    'layers/dws/ring.sql:1:15',
    'layers/dws/gnir.sql:1:15',
  ]);
});

test.each([
  ['SELECT a\nFROM x.y WHERE b < now()', '2:20', 'clock'],
  ['SELECT today() - day FROM x.y', '1:8', 'clock'],
  ['SELECT CURRENT_TIMESTAMP FROM x.y', '1:8', 'clock'],
  ['SELECT rand() % 2 FROM x.y', '1:8', 'another value'],
  ['SELECT any(a) FROM x.y GROUP BY b', '1:8', 'order'],
  ['SELECT groupArray(a) FROM x.y GROUP BY b', '1:8', 'arraySort'],
  ['SELECT quantile(0.5)(a) FROM x.y GROUP BY b', '1:8', 'quantileExact'],
  ['SELECT anyIfOrNull(a, c) FROM x.y GROUP BY b', '1:8', 'order'],
  ['SELECT 1, groupArrayDistinctIf(a, c) FROM x.y GROUP BY b', '1:11', 'arraySort'],
  ['SELECT first_value(a) FROM x.y GROUP BY b', '1:8', 'order'],
  ['SELECT topK(3)(a) FROM x.y GROUP BY b', '1:8', 'LIMIT'],
])('%s has no right answer', (sql, place, words) => {
  const { model: parsed } = model('dwd.wide', sql);
  const problems = unrepeatableFunctions(parseSql(sql), parsed);
  expect(problems).toMatchObject([
    { where: `layers/dwd/wide.sql:${place}`, message: expect.stringContaining(words) },
  ]);
});

test('columns that are called like such functions, and ordered arrays, are fine', () => {
  const sql =
    'SELECT t.now, `today`, arraySort(groupArray(a)), quantileExact(0.5)(b), first_value(a) OVER (ORDER BY b) FROM x.y t GROUP BY 1, 2';
  expect(unrepeatableFunctions(parseSql(sql), model('dwd.wide', sql).model)).toEqual([]);
});
