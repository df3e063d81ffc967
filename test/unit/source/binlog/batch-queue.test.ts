import { expect, test } from 'vitest';
import { packVersion } from '../../../../src/change/position.ts';
import type { TableSchema } from '../../../../src/change/table-schema.ts';
import { BatchQueue } from '../../../../src/source/mysql/binlog/batch-queue.ts';

const from = { epoch: 2, file: 'b.000001', offset: 100, serverId: 's', gtid: 'old' };

function makeQueue(transactionId?: () => string): { queue: BatchQueue; pressure: boolean[] } {
  const pressure: boolean[] = [];
  const queue = new BatchQueue({
    from,
    gtid: () => 'g',
    ...(transactionId && { transactionId }),
    onPressure: (isFull) => pressure.push(isFull),
    now: () => 42,
  });
  return { queue, pressure };
}

function add(queue: BatchQueue, table: string, text: string, version = 'v'): void {
  queue.sections.addRows(table, version, (writer) => {
    writer.reserve(text.length);
    writer.offset += writer.buffer.write(text, writer.offset);
    return 1;
  });
  queue.noteRows(place(250), 5);
}

function place(offset: number, fileNumber = 1) {
  return { file: `b.00000${fileNumber}`, fileNumber, offset };
}

function told(queue: BatchQueue): string[] | undefined {
  return queue.take()?.batch.sections.map((section) => {
    if (section.kind !== 'rows') return `${section.table}: ${section.kind}`;
    return `${section.table}: ${section.bytes} ${section.schemaVersion} ${section.rowCount}`;
  });
}

test('rows wait for their commit', () => {
  const { queue } = makeQueue();
  add(queue, 'd.t', 'a');
  expect(queue.take()).toBeUndefined();
  queue.commit(place(200), 7);
  expect(queue.take()).toMatchObject({
    open: false,
    batch: {
      transactions: 1,
      committedAtMs: 7,
      receivedAtMs: 42,
      position: { epoch: 2, file: 'b.000001', offset: 200, serverId: 's', gtid: 'g' },
    },
  });
  expect(queue.take()).toBeUndefined();
});

test('transactions gather while nobody pulls, rows of a table in one section', () => {
  const { queue } = makeQueue();
  add(queue, 'd.t', 'a');
  queue.commit(place(200), 1);
  add(queue, 'd.u', 'b');
  add(queue, 'd.t', 'c');
  queue.commit(place(300), 2);
  add(queue, 'd.t', 'open');
  expect(told(queue)).toEqual(['d.t: ac v 2', 'd.u: b v 1']);
});

test('a barrier keeps rows apart, and so does another schema version', () => {
  const { queue } = makeQueue();
  add(queue, 'd.t', 'a');
  queue.sections.addBarrier({ kind: 'truncate', table: 'd.t', version: 1n });
  add(queue, 'd.t', 'b');
  queue.commit(place(200), 1);
  add(queue, 'd.t', 'c', 'w');
  queue.commit(place(300), 1);
  expect(told(queue)).toEqual(['d.t: a v 1', 'd.t: truncate', 'd.t: b v 1', 'd.t: c w 1']);
});

test('a schema between two transactions stands between them', () => {
  const { queue } = makeQueue();
  add(queue, 'd.t', 'a');
  queue.commit(place(200), 1);
  const schema: TableSchema = { table: 'd.t', version: 'w', columns: [], key: [] };
  queue.addBarrier({ kind: 'schema', table: 'd.t', schema, existingRows: 'keep', version: 2n });
  add(queue, 'd.t', 'b', 'w');
  queue.commit(place(300), 1);
  expect(told(queue)).toEqual(['d.t: a v 1', 'd.t: schema', 'd.t: b w 1']);
});

test('a place that moved is told without rows, and never backwards', () => {
  const { queue } = makeQueue();
  queue.advance(place(50));
  expect(queue.take()).toBeUndefined();
  queue.advance(place(4, 2));
  expect(queue.take()?.batch).toMatchObject({
    sections: [],
    transactions: 0,
    position: { offset: 4 },
  });
});

test('a large transaction comes in open parts at the place before it', () => {
  const { queue, pressure } = makeQueue();
  add(queue, 'd.t', 'before');
  queue.commit(place(200), 1);
  const piece = 'x'.repeat(3 * 1024 ** 2);
  for (let index = 0; index < 7; index++) add(queue, 'd.t', piece);
  expect(queue.hasOpenParts).toBe(true);
  expect(told(queue)).toEqual(['d.t: before v 1']);
  const part = queue.take();
  expect(part).toMatchObject({ open: true, batch: { transactions: 0, position: { offset: 200 } } });
  queue.commit(place(300), 2);
  const rest = [queue.take(), queue.take()];
  expect(rest.map((item) => item?.open)).toEqual([true, false]);
  expect(rest[1]?.batch).toMatchObject({ transactions: 1, position: { offset: 300 } });
  expect(queue.hasOpenParts).toBe(false);
  expect(pressure).toEqual([true, false]);
});

test('marks name the transactions of a batch, with and without rows', () => {
  let id = 0;
  const { queue } = makeQueue(() => `id ${id}`);
  for (id = 1; id <= 3; id++) {
    if (id !== 2) add(queue, 'd.t', 'x');
    queue.commit(place(100 + id * 50, id < 3 ? 1 : 2), id);
  }
  expect(queue.take()?.batch).toMatchObject({
    transactions: 3,
    sections: [{ hasBeforeImages: true, rowCount: 2 }],
    marks: [
      { end: packVersion(2, 1, 150), id: 'id 1', committedAtMs: 1 },
      { end: packVersion(2, 1, 200), id: 'id 2', committedAtMs: 2 },
      { end: packVersion(2, 2, 250), id: 'id 3', committedAtMs: 3 },
    ],
  });
  queue.advance(place(300, 2));
  expect(queue.take()?.batch.marks).toEqual([]);
});

test('every part of a large transaction has its mark, the last one its end', () => {
  const { queue } = makeQueue(() => 'large');
  const piece = 'x'.repeat(9 * 1024 ** 2);
  add(queue, 'd.t', piece);
  add(queue, 'd.t', piece);
  queue.commit(place(300), 7);
  const marks = [queue.take(), queue.take(), queue.take()].map((item) => item?.batch.marks);
  const above = { end: packVersion(2, 1, 2 ** 36 - 1), id: 'large', committedAtMs: 5 };
  const last = { end: packVersion(2, 1, 300), id: 'large', committedAtMs: 7 };
  expect(marks).toEqual([[above], [above], [last]]);
});

test('marks of transactions without rows press, too', () => {
  const { queue, pressure } = makeQueue(() => 'id');
  let offset = 200;
  while (pressure.length === 0) queue.commit(place(offset++), 1);
  let transactions = 0;
  for (let item = queue.take(); item; item = queue.take()) transactions += item.batch.transactions;
  expect(transactions).toBe(offset - 200);
  expect(pressure).toEqual([true, false]);
});

test('without the wish for them there are no marks', () => {
  const { queue } = makeQueue();
  add(queue, 'd.t', 'x');
  queue.commit(place(200), 1);
  const batch = queue.take()?.batch;
  expect([batch && 'marks' in batch, 'hasBeforeImages' in (batch?.sections[0] ?? {})]).toEqual([
    false,
    false,
  ]);
});

test('who waits is woken by a commit, and by the end', async () => {
  const { queue } = makeQueue();
  const waiting = queue.wait();
  queue.commit(place(200), 1);
  await waiting;
  queue.take();
  const again = queue.wait();
  queue.fail();
  await again;
  await queue.wait();
});
