import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createFormat } from '../../../src/format/create-format.ts';
import { formatOptions } from '../../../src/format/options.ts';
import {
  everyType,
  everyTypeRows,
  orderRows,
  orders,
  renderChanges,
  renderEvents,
  snapshot,
  stream,
  streamWithoutGtid,
} from './golden-changes.ts';

const variants = [
  { folder: 'debezium', options: { type: 'debezium' } },
  { folder: 'debezium-precise', options: { type: 'debezium', decimals: 'precise' } },
  { folder: 'debezium-double', options: { type: 'debezium', decimals: 'double' } },
  { folder: 'debezium-schema', options: { type: 'debezium', schema: true } },
  { folder: 'canal', options: { type: 'canal' } },
  { folder: 'maxwell', options: { type: 'maxwell' } },
] as const;

describe.each(variants)('messages of $folder, byte for byte', ({ folder, options }) => {
  const format = createFormat(formatOptions.parse(options), {
    name: 'server',
    connector: 'mysql',
    serverId: 77,
    toolVersion: '1.2.3',
  });

  test(`values of every type (${folder})`, async () => {
    await expectGolden(folder, 'types', renderChanges(format, everyType, everyTypeRows, stream));
  });

  test(`changes of rows in the stream and in a snapshot (${folder})`, async () => {
    await expectGolden(folder, 'changes', [
      ...renderChanges(format, orders, orderRows, stream, [3, 2]),
      ...renderChanges(format, orders, orderRows.slice(0, 1), streamWithoutGtid),
      ...renderChanges(format, orders, orderRows.slice(0, 1), snapshot),
      ...renderChanges(format, { ...orders, key: [] }, orderRows.slice(0, 1), stream),
    ]);
  });

  test(`schema changes and emptied tables (${folder})`, async () => {
    await expectGolden(folder, 'events', renderEvents(format));
  });

  test(`layouts (${folder})`, async () => {
    await expectGolden(folder, 'layout', [JSON.stringify(format.layout(everyType))]);
  });

  test(`transactions (${folder})`, async () => {
    const changes = new Map([
      ['shop.orders', 2],
      ['shop.items', 10],
    ]);
    const events = [
      format.transactionBegin?.(stream.mark),
      format.transactionEnd?.(stream.mark, changes),
    ];
    expect(events.every((event) => event === undefined)).toBe(options.type !== 'debezium');
    const lines = events
      .flatMap((event) => event ?? [])
      .map(({ to, key, value }) => `{"to":"${to}","key":${key},"value":${value}}`);
    if (lines.length > 0) await expectGolden(folder, 'transactions', lines);
  });
});

async function expectGolden(folder: string, name: string, lines: readonly string[]): Promise<void> {
  const text = `[\n${lines.join(',\n')}\n]\n`;
  expect(() => JSON.parse(text)).not.toThrow();
  const url = new URL(`../../fixtures/format/${folder}/${name}.json`, import.meta.url);
  await expect(text).toMatchFileSnapshot(fileURLToPath(url));
}
