import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { partitionOf } from '../../../../src/sink/lake/partition.ts';

function folderOf(settings: Record<string, unknown>, type: ColumnType): string | undefined {
  const column = { name: 'made', type, nullable: true, isKey: false, engineType: '' };
  const table = {
    source: 'shop.orders',
    target: 'orders',
    key: ['id'],
    columns: [column],
    settings,
  };
  return partitionOf(table, new Date('2026-11-21T07:08:09Z'))?.folder;
}

const day: ColumnType = { kind: 'date' };
const time: ColumnType = { kind: 'datetime', fsp: 6 };

describe('the folder of a row in a lake', () => {
  test('is that of the table when nothing is said', () => {
    expect(folderOf({}, day)).toBeUndefined();
  });

  test('is the time of writing, fixed for the whole batch', () => {
    expect(folderOf({ partitionBy: 'commit' }, day)).toBe("'p_date=2026-11-21/'");
    const hourly = { partitionBy: 'commit', partitionEvery: 'hour' };
    expect(folderOf(hourly, day)).toBe("'p_date=2026-11-21/p_hour=07/'");
  });

  test('is the date of a column, and the one Hive has for rows without', () => {
    expect(folderOf({ partitionBy: 'made' }, day)).toBe(
      "ifNull(formatDateTime(`made`, 'p_date=%Y-%m-%d/'), 'p_date=__HIVE_DEFAULT_PARTITION__/')",
    );
    const hourly = { partitionBy: 'made', partitionEvery: 'hour' };
    expect(folderOf(hourly, time)).toContain('p_hour=%H/');
    expect(folderOf(hourly, day)).not.toContain('p_hour');
  });

  test.each([
    { name: 'no column', by: 'gone', type: day },
    { name: 'a column without dates', by: 'made', type: { kind: 'string' } as const },
    { name: 'dates that are text', by: 'made', type: { kind: 'date', text: true } as const },
  ])('by $name is refused', ({ by, type }) => {
    expect(() => folderOf({ partitionBy: by }, type)).toThrow(/is no date or time column/);
  });
});
