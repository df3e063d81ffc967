import { describe, expect, test } from 'vitest';
import { compileFilter, type Truth } from '../../../src/route/filter/compile-filter.ts';
import { FilterSyntaxError } from '../../../src/route/filter/filter-error.ts';
import { parseFilter } from '../../../src/route/filter/parse-filter.ts';
import { RowLayout } from '../../../src/route/row-layout.ts';
import { encodeSpecRow, type SpecRow, schemaOf } from './route-spec.ts';

const schema = schemaOf('shop.orders', {
  id: 'bigint',
  amount: 'decimal(10,2)?',
  wide: 'decimal(30,4)?',
  status: 'string?',
  small: 'tinyint unsigned?',
  rate: 'double?',
  born: 'date?',
  at: 'datetime(3)?',
  took: 'time(1)?',
  photo: 'binary?',
  other: 'string?',
});

function truthOf(where: string, row: SpecRow): Truth {
  const predicate = compileFilter(parseFilter(where), schema);
  const layout = new RowLayout(schema);
  const starts = layout.newStarts();
  const bytes = encodeSpecRow(schema, { id: 1, ...row }, 1n);
  layout.find(bytes, 0, starts);
  return predicate({ bytes, starts });
}

describe('a filter', () => {
  test.each<[string, SpecRow, Truth]>([
    ['id = 1', {}, true],
    ['id <> 1', {}, false],
    ['id >= 9223372036854775807', { id: '9223372036854775807' }, true],
    ['id > 9007199254740993', { id: '9007199254740992' }, false],
    ['id = 1.0', {}, true],
    ['id < 1.5', {}, true],
    ['id = 1e0', {}, true],
    ['id > -1', {}, true],
    ['amount >= 10', { amount: '10.00' }, true],
    ['amount = 9.99', { amount: '9.99' }, true],
    ['amount > 9.989', { amount: '9.99' }, true],
    ['amount = wide', { amount: '12.5', wide: '12.5' }, true],
    ['wide < -1', { wide: '-2' }, true],
    ['small = 255', { small: 255 }, true],
    ['rate > 0.25', { rate: 0.5 }, true],
    ['rate = amount', { rate: 0.5, amount: '0.5' }, true],
    ["status = 'paid'", { status: 'paid' }, true],
    ["status = 'Paid'", { status: 'paid' }, false],
    ["status = 'it''s'", { status: "it's" }, true],
    ["status < 'b'", { status: 'a' }, true],
    ['status = other', { status: 'x', other: 'x' }, true],
    ["status IN ('new', 'paid')", { status: 'paid' }, true],
    ["status NOT IN ('new', 'paid')", { status: 'paid' }, false],
    ["status LIKE 'pa%'", { status: 'paid' }, true],
    ["status LIKE 'p__d'", { status: 'paid' }, true],
    ["status LIKE '_Łódź'", { status: '中Łódź' }, true],
    ["status LIKE '50\\%'", { status: '50%' }, true],
    ["status LIKE '50\\%'", { status: '505' }, false],
    ["status LIKE 'a.c'", { status: 'abc' }, false],
    ["status NOT LIKE '%x%'", { status: 'a\nx' }, false],
    ["born = '2026-01-31'", { born: '2026-01-31' }, true],
    ["born < '1969-12-31'", { born: '1960-02-29' }, true],
    ["at >= '2026-01-31'", { at: '2026-01-31 00:00:00.000' }, true],
    ["at < '2026-01-31 10:00:00.5'", { at: '2026-01-31 10:00:00.499' }, true],
    ['at > born', { at: '2026-01-31 00:00:00.001', born: '2026-01-31' }, true],
    ["took > '00:00:01'", { took: '00:00:01.1' }, true],
    ['small BETWEEN 1 AND 3', { small: 3 }, true],
    ['small NOT BETWEEN 1 AND 3', { small: 4 }, true],
    ['photo IS NULL', {}, true],
    ['photo IS NOT NULL', { photo: 'x' }, true],
    ['`status` IS NULL OR NOT (id = 1 AND small = 2)', { status: 'x', small: 2 }, false],
    ['id = 2 OR id = 1 AND small = 3', { small: 2 }, false],
    ['NOT NOT id = 1', {}, true],
    ['1 = 1', {}, true],
  ])('%s over %j is %s', (where, row, truth) => {
    expect(truthOf(where, row)).toBe(truth);
  });

  test.each<[string, Truth]>([
    ["status = 'x'", null],
    ["status != 'x'", null],
    ["NOT status = 'x'", null],
    ["status IN ('x')", null],
    ["status NOT IN ('x')", null],
    ["status LIKE '%'", null],
    ["status NOT LIKE '%'", null],
    ['small BETWEEN 1 AND 3', null],
    ["status = 'x' AND id = 1", null],
    ["status = 'x' AND id = 2", false],
    ["status = 'x' OR id = 1", true],
    ["status = 'x' OR id = 2", null],
    ['status = other', null],
    ['status IS NULL', true],
    ['NOT status IS NULL', false],
  ])('%s is %s where the columns are NULL', (where, truth) => {
    expect(truthOf(where, {})).toBe(truth);
  });

  test.each([
    ['', 'character 1: expected a column, a number or a text, found the end'],
    ['id =', 'character 5: expected a column, a number or a text, found the end'],
    ['id = 1 2', 'character 8: expected AND, OR or the end, found 2'],
    ['(id = 1', 'character 8: expected ), found the end'],
    ["status = 'x", "character 10: the ' that begins here has no end"],
    [
      'status = "x"',
      "character 10: \" is not understood; write text as 'text' and names as `name`",
    ],
    ['status = NULL', 'character 10: nothing equals NULL; write IS NULL or IS NOT NULL'],
    ['id ! 1', 'character 4: ! is not understood'],
    ['id NOT 1', 'character 8: expected IN, LIKE or BETWEEN, found 1'],
    ['status LIKE 1', "character 13: LIKE takes a text such as 'a%'"],
    ["'a' IN ('a')", 'character 1: IN asks about a column'],
    ['nosuch = 1', 'character 1: shop.orders has no column nosuch'],
    ["id = '1'", 'character 6: id is a number and cannot be compared with text'],
    ['status = 1', 'character 10: status is text and cannot be compared with a number'],
    ["born = 'soon'", "character 8: 'soon' is not of the form 2026-01-31 or 2026-01-31 10:00:00"],
    [
      "born = '2026-02-30'",
      "character 8: '2026-02-30' is not of the form 2026-01-31 or 2026-01-31 10:00:00",
    ],
    ['id LIKE 1', "character 9: LIKE takes a text such as 'a%'"],
    ["id LIKE 'x'", 'character 1: LIKE needs text, and id is a number'],
    ['photo = photo', 'character 1: photo is binary; it can only be asked whether it IS NULL'],
    [`${'('.repeat(200)}id = 1`, 'character 101: too many parentheses or NOT in one another'],
  ])('%s is refused', (where, message) => {
    const read = () => compileFilter(parseFilter(where), schema);
    expect(read).toThrow(FilterSyntaxError);
    expect(read).toThrow(message);
  });
});
