import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plainStyle } from '../../../src/cli/presenter/style.ts';
import { renderAddedTopic, renderTopics } from '../../../src/cli/presenter/topics.ts';
import { CommandLine } from '../../support/command-line.ts';

test('topics are a table, with the columns of each under it', () => {
  const text = renderTopics(
    {
      topics: [
        {
          topic: 'app.orders',
          partitions: 3,
          messages: 120_000,
          sampled: 200,
          unreadable: 1,
          isTaken: true,
          tables: [
            {
              table: 'app.orders',
              format: 'json',
              messageTable: undefined,
              columns: [
                { name: 'id', type: 'bigint' },
                { name: 'city', type: 'text', path: ['customer', 'city'] },
                { name: 'at', type: 'timestamp(6)', encoding: 'iso' },
              ],
              saysColumns: false,
              key: ['id'],
              version: 'offset',
              messages: 199,
              notes: ['look at the types'],
            },
          ],
        },
        {
          topic: 'empty',
          partitions: 1,
          messages: 0,
          sampled: 0,
          unreadable: 0,
          isTaken: false,
          tables: [],
        },
      ],
    },
    plainStyle,
  );
  expect(text).toBe(`\
topic       partitions  messages  format  tables      in project
──────────  ──────────  ────────  ──────  ──────────  ──────────
app.orders           3   120,000  json    app.orders  yes
empty                1         0  -       -

app.orders 200 messages looked at, 1 no JSON object
  app.orders from 199 messages, key id, order by offset
    id bigint
    city text from customer.city
    at timestamp(6) as iso
    note look at the types
`);
});

test('what was added says from how many messages', () => {
  const text = renderAddedTopic(
    {
      topic: 'dbserver1.shop.orders',
      file: 'cdc.yaml',
      sampled: 12,
      unreadable: 0,
      entries: [{ topic: 'dbserver1.shop.orders', table: 'shop.orders', format: 'debezium' }],
      notes: [],
    },
    plainStyle,
  );
  expect(text).toBe(`\
added dbserver1.shop.orders to cdc.yaml, from 12 messages
  shop.orders debezium, columns as messages say, key as messages say
next: \`cdc check\`, then \`cdc run\` (\`cdc init\` the first time)
`);
});

test('a project without a cluster says how to name one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cdc-topics-'));
  try {
    const yaml = 'source: { type: mysql, user: cdc, tables: [shop.*] }\n';
    await writeFile(join(folder, 'cdc.yaml'), yaml);
    const { exitCode, stderr } = await new CommandLine({ currentFolder: folder }).run('topics');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('cdc topics --brokers')]);
    const add = await new CommandLine({ currentFolder: folder }).run('topics', 'add', 'a.b');
    expect([add.exitCode, add.stderr]).toEqual([2, expect.stringContaining('not topics')]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each(['0', 'x', '1e9'])('%s is no number of messages to look at', async (count) => {
  const { exitCode, stderr } = await new CommandLine().run('topics', '--sample', count);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('whole number')]);
});
