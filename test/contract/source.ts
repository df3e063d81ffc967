import { describe, expect, onTestFinished, test } from 'vitest';
import type { RowsSection, Section } from '../../src/change/change-batch.ts';
import { comparePositions, type Position, versionOf } from '../../src/change/position.ts';
import type { TableId } from '../../src/change/table-id.ts';
import type {
  SnapshotItem,
  SnapshotProgress,
  Source,
  StreamItem,
} from '../../src/source/source.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReplicaState } from './replica-state.ts';

/** A row of the harness's tables: `id int PRIMARY KEY, name varchar(40) NULL, amount decimal(10,2) NOT NULL`. */
export interface Row {
  readonly id: number;
  readonly name: string | null;
  readonly amount: string;
}

export type Change =
  | { readonly kind: 'insert'; readonly table: TableId; readonly row: Row }
  | { readonly kind: 'update'; readonly table: TableId; readonly id: number; readonly row: Row }
  | { readonly kind: 'delete'; readonly table: TableId; readonly id: number };

/** A source with two empty tables, and the hand that changes them. */
export interface SourceHarness extends AsyncDisposable {
  readonly source: Source;
  /** Chunk size the source was opened with. */
  readonly chunkRows: number;
  /** What a reader that stored everything knows; the harness's source asks it for known schemas. */
  readonly reader: ReplicaState;
  readonly tables: readonly [TableId, TableId];
  /** One transaction. */
  commit(changes: readonly Change[]): Promise<void>;
  truncate(table: TableId): Promise<void>;
  /** Adds the column `note varchar(40) NULL`. */
  addNote(table: TableId): Promise<void>;
  /** Rows by id, values as text. */
  rows(table: TableId): Promise<Record<string, string | null>[]>;
}

export type Detail = 'rows' | 'changes';

/** The contract of src/source/source.ts, for every implementation and both details. */
export function describeSource(
  name: string,
  openWith: (detail: Detail) => Promise<SourceHarness>,
): void {
  for (const detail of ['rows', 'changes'] as const) {
    describeDetail(`${name}, ${detail}`, detail, () => openWith(detail));
  }
}

function describeDetail(name: string, detail: Detail, open: () => Promise<SourceHarness>): void {
  describe(`source contract: ${name}`, () => {
    test('describes itself, its tables and no problem', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const { server, version } = await source.describe();
      expect([server, version].every((text) => text !== '')).toBe(true);
      expect((await source.preflight()).filter(({ severity }) => severity === 'error')).toEqual([]);
      const schemas = await source.tables();
      expect(schemas.map(({ table }) => table)).toEqual([...tables].sort());
      expect(schemas[0]?.key).toEqual(['id']);
      expect(schemas[0]?.columns.map((column) => [column.name, column.nullable])).toEqual([
        ['id', false],
        ['name', true],
        ['amount', false],
      ]);
    });

    test('streams whole transactions in commit order', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const from = await source.currentPosition();
      for (let id = 0; id < 20; id++) {
        await harness.commit(tables.map((table) => insert(table, id)));
      }
      const items = await streamed(source, from, await end(source));
      const versionsOf = await versionReader(source);
      expect(new Set(items.flatMap(versionsOf)).size).toBe(40);
      // Not exactly: a server shared with other tests has their transactions, too.
      expect(sum(items.map(({ batch }) => batch.transactions))).toBeGreaterThanOrEqual(20);
      let last = from;
      for (const { batch } of items) {
        // Sections of different tables have no order among them; rows of one table do.
        for (const section of batch.sections) {
          const versions = versionsOf({ batch: { ...batch, sections: [section] } });
          expect(versions).toEqual([...versions].sort((left, right) => (left < right ? -1 : 1)));
          expect(versions.every((version) => version >= versionOf(last))).toBe(true);
          expect(versions.every((version) => version < versionOf(batch.position))).toBe(true);
        }
        last = batch.position;
      }
    });

    test('gives the same rows the same versions when it is read again from any stored position', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const from = await source.currentPosition();
      for (let id = 0; id < 12; id++) await harness.commit([insert(tables[0], id)]);
      await harness.commit([change(tables[0], 3, row(3, 'changed'))]);
      const upTo = await end(source);
      const versionsOf = await versionReader(source);
      const first = await streamed(source, from, upTo);
      const all = first.flatMap(versionsOf);
      const stored = first[Math.floor(first.length / 2)]?.batch.position ?? from;
      const again = (await streamed(source, stored, upTo)).flatMap(versionsOf);
      expect(again).toEqual(all.slice(all.length - again.length));
      expect((await streamed(source, from, upTo)).flatMap(versionsOf)).toEqual(all);
    });

    test('the stream reaches the end of the history also when nothing is captured', async () => {
      await using harness = await open();
      const from = await harness.source.currentPosition();
      await streamed(harness.source, from, await end(harness.source));
    });

    test('a changed key is a delete and an insert, a delete keeps its last row', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const [table] = tables;
      const from = await source.currentPosition();
      await harness.commit([insert(table, 1), insert(table, 2)]);
      await harness.commit([change(table, 1, row(9, 'moved'))]);
      await harness.commit([{ kind: 'delete', table, id: 2 }]);
      for (const item of await streamed(source, from, await end(source)))
        harness.reader.apply(item.batch);
      const seen = harness.reader
        .history(table)
        .map(({ values, deleted }) => [values['id'], deleted]);
      expect(seen).toEqual([
        ['1', false],
        ['2', false],
        ['1', true],
        ['9', false],
        ['2', true],
      ]);
      expect(harness.reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('an update has the row before it in front when changes are asked for', async () => {
      await using harness = await open();
      const { source, tables, reader } = harness;
      const [table] = tables;
      const from = await source.currentPosition();
      await harness.commit([insert(table, 1), insert(table, 2)]);
      await harness.commit([change(table, 1, row(1, 'a')), change(table, 1, row(1, 'b'))]);
      await harness.commit([change(table, 2, row(9, 'moved')), change(table, 9, row(9, null))]);
      const items = await streamed(source, from, await end(source));
      for (const { batch } of items) reader.apply(batch);
      const seen = reader
        .history(table)
        .slice(2)
        .map(({ values, deleted, isBefore }) => [
          isBefore ? 'before' : deleted ? 'deleted' : 'now',
          ...[values['id'], values['name']],
        ]);
      const all = [
        ...[
          ['before', '1', 'name 1'],
          ['now', '1', 'a'],
        ],
        ...[
          ['before', '1', 'a'],
          ['now', '1', 'b'],
        ],
        ...[
          ['deleted', '2', 'name 2'],
          ['now', '9', 'moved'],
        ],
        ...[
          ['before', '9', 'moved'],
          ['now', '9', null],
        ],
      ];
      expect(seen).toEqual(all.filter(([kind]) => detail === 'changes' || kind !== 'before'));
      const rows = items.flatMap(({ batch }) => batch.sections.filter(isRows));
      const flag = detail === 'changes' ? true : undefined;
      expect(rows.every(({ hasBeforeImages }) => hasBeforeImages === flag)).toBe(true);
      expect(reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('marks say which rows are of one transaction, in order, when changes are asked for', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const from = await source.currentPosition();
      for (let id = 0; id < 10; id++) {
        await harness.commit(
          tables.flatMap((table) => [insert(table, id), insert(table, id + 50)]),
        );
      }
      const items = await streamed(source, from, await end(source));
      const versionsOf = await versionReader(source);
      if (detail === 'rows') {
        expect(items.some(({ batch }) => 'marks' in batch)).toBe(false);
        return;
      }
      const rowsOf = new Map<string, number>();
      let last = versionOf(from);
      for (const { batch } of items) {
        const marks = batch.marks ?? [];
        expect(marks).toHaveLength(batch.transactions);
        for (const mark of marks) {
          expect(mark.end).toBeGreaterThan(last);
          expect(Math.abs(mark.committedAtMs - Date.now())).toBeLessThan(60_000);
          last = mark.end;
        }
        expect(marks.at(-1)?.end ?? last).toBeLessThanOrEqual(versionOf(batch.position));
        for (const version of versionsOf({ batch })) {
          const id = marks.find((mark) => mark.end > version)?.id ?? 'none';
          rowsOf.set(id, (rowsOf.get(id) ?? 0) + 1);
        }
      }
      expect([...rowsOf.values()]).toEqual(Array(10).fill(4));
      expect(rowsOf.has('none')).toBe(false);
    });

    test('a snapshot has neither marks nor rows before an update, and its schema in front', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const [table] = tables;
      await harness.commit([insert(table, 1), change(table, 1, row(1, 'changed'))]);
      const batches = (await snapshot(source, table, undefined)).map(({ batch }) => batch);
      expect(batches.some((batch) => 'marks' in batch)).toBe(false);
      const sections = batches.flatMap((batch) => batch.sections);
      expect(sections.map(({ kind }) => kind)).toEqual(['schema', 'rows', 'sweep']);
      expect(sections.some((section) => 'hasBeforeImages' in section)).toBe(false);
    });

    test('a snapshot in chunks is the table', async () => {
      await using harness = await open();
      const { source, tables, chunkRows } = harness;
      const [table] = tables;
      const count = chunkRows * 2 + 1;
      await harness.commit(Array.from({ length: count }, (_, id) => insert(table, id)));
      const items = await snapshot(source, table, undefined);
      for (const { batch } of items) harness.reader.apply(batch);
      expect(harness.reader.rows(table)).toEqual(await harness.rows(table));
      expect(items.at(-1)?.progress).toMatchObject({ table, rows: count, chunks: 3, done: true });
      expect(items.at(-1)?.batch.sections.at(-1)?.kind).toBe('sweep');
      expect(
        items.flatMap(({ batch }) => batch.sections).filter(({ kind }) => kind === 'schema').length,
      ).toBe(1);
    });

    test('an empty table has a snapshot, too', async () => {
      await using harness = await open();
      const [table] = harness.tables;
      const items = await snapshot(harness.source, table, undefined);
      expect(items.at(-1)?.progress).toMatchObject({ rows: 0, done: true });
      for (const { batch } of items) harness.reader.apply(batch);
      expect(harness.reader.rows(table)).toEqual([]);
    });

    test('an interrupted snapshot goes on after the last chunk stored', async () => {
      await using harness = await open();
      const { source, tables, chunkRows, reader } = harness;
      const [table] = tables;
      await harness.commit(Array.from({ length: chunkRows * 3 }, (_, id) => insert(table, id)));
      let stored: SnapshotProgress | undefined;
      for await (const { batch, progress } of source.snapshot(table, undefined, running())) {
        reader.apply(batch);
        stored = JSON.parse(JSON.stringify(progress)) as SnapshotProgress;
        if (progress.chunks === 2) break;
      }
      const rest = await snapshot(source, table, stored);
      for (const { batch } of rest) reader.apply(batch);
      const read = rest.flatMap(({ batch }) => batch.sections);
      expect(sum(read.map((section) => (section.kind === 'rows' ? section.rowCount : 0)))).toBe(
        chunkRows,
      );
      expect(reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('a snapshot sweeps rows that the source no longer has', async () => {
      await using harness = await open();
      const { source, tables, reader } = harness;
      const [table] = tables;
      await harness.commit([insert(table, 1), insert(table, 2), insert(table, 3)]);
      for (const { batch } of await snapshot(source, table, undefined)) reader.apply(batch);
      await harness.commit([{ kind: 'delete', table, id: 2 }]);
      // The delete is never streamed: only the second reading can tell.
      const from = await source.currentPosition();
      await harness.commit([insert(table, 4)]);
      const items = await streamed(source, from, await end(source));
      for (const { batch } of await snapshot(source, table, undefined)) reader.apply(batch);
      for (const { batch } of items) reader.apply(batch);
      expect(reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('snapshot and stream side by side, under changes, end at the same rows', async () => {
      await using harness = await open();
      const { source, tables, chunkRows, reader } = harness;
      for (const table of tables) {
        await harness.commit(Array.from({ length: chunkRows * 3 }, (_, id) => insert(table, id)));
      }
      const from = await source.currentPosition();
      const stop = new AbortController();
      let reached = from;
      const streaming = (async () => {
        for await (const { batch } of source.stream(from, stop.signal)) {
          reader.apply(batch);
          reached = batch.position;
        }
      })();
      streaming.catch(() => undefined);
      const reading = Promise.all(
        tables.map(async (table) => {
          for await (const { batch } of source.snapshot(table, undefined, stop.signal))
            reader.apply(batch);
        }),
      );
      let next = 0;
      let isReading = true;
      reading
        .finally(() => {
          isReading = false;
        })
        .catch(() => undefined);
      while (isReading || next < 60) {
        const table = tables[next % 2 === 0 ? 0 : 1];
        const id = (next * 7) % (chunkRows * 3);
        await harness.commit([
          insert(table, 10_000 + next),
          change(table, 10_000 + next, row(20_000 + next, 'key')),
          ...(id % 3 === 0 ? [] : [change(table, id, row(id, `v${next}`))]),
        ]);
        next++;
      }
      await reading;
      const last = await end(source);
      const passed = waitUntil(
        'the stream has passed the last change',
        () => comparePositions(reached, last) >= 0,
      );
      await Promise.race([passed, streaming.then(() => passed)]);
      stop.abort();
      await streaming;
      for (const table of tables) expect(reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('a truncate takes its place among the changes', async () => {
      await using harness = await open();
      const { source, tables, reader } = harness;
      const [table] = tables;
      const from = await source.currentPosition();
      await harness.commit([insert(table, 1), insert(table, 2)]);
      await harness.truncate(table);
      await harness.commit([insert(table, 2), insert(table, 3)]);
      const items = await streamed(source, from, await end(source));
      expect(
        items.flatMap(({ batch }) => batch.sections).some(({ kind }) => kind === 'truncate'),
      ).toBe(true);
      for (const { batch } of items) reader.apply(batch);
      expect(reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('a new column is announced before the first row that has it', async () => {
      await using harness = await open();
      const { source, tables, reader } = harness;
      const [table] = tables;
      for (const { batch } of await snapshot(source, table, undefined)) reader.apply(batch);
      const from = await source.currentPosition();
      await harness.commit([insert(table, 1)]);
      await harness.addNote(table);
      await harness.commit([insert(table, 2)]);
      const items = await streamed(source, from, await end(source));
      for (const { batch } of items) reader.apply(batch);
      const schema = reader.schema(table);
      expect(schema?.columns.map((column) => column.name)).toEqual([
        'id',
        'name',
        'amount',
        'note',
      ]);
      expect(reader.rows(table)).toEqual(await harness.rows(table));
    });

    test('knows how far the end is, and expects rows', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const from = (await source.endPosition()).position;
      expect((await source.endPosition(from)).bytes).toBeGreaterThanOrEqual(0);
      await harness.commit([insert(tables[0], 1)]);
      const { position, bytes } = await source.endPosition(from);
      expect(comparePositions(position, from)).toBeGreaterThan(0);
      expect(bytes).toBeGreaterThan(0);
      expect(await source.estimateRows(tables[0])).toBeGreaterThanOrEqual(0);
    });

    test('skips tables that are excluded', async () => {
      await using harness = await open();
      const { source, tables } = harness;
      const from = await source.currentPosition();
      source.exclude(new Set([tables[0]]));
      await harness.commit(tables.map((table) => insert(table, 1)));
      const items = await streamed(source, from, await end(source));
      const seen = new Set(items.flatMap(({ batch }) => batch.sections).map(({ table }) => table));
      expect([...seen]).toEqual([tables[1]]);
    });

    test('an abort ends both iterators without an error', async () => {
      await using harness = await open();
      const { source, tables, chunkRows } = harness;
      await harness.commit(Array.from({ length: chunkRows * 2 }, (_, id) => insert(tables[0], id)));
      const from = await source.currentPosition();
      const stop = new AbortController();
      const streaming = (async () => {
        for await (const item of source.stream(from, stop.signal)) expect(item.open).toBe(false);
      })();
      await harness.commit([insert(tables[1], 1)]);
      let chunks = 0;
      for await (const _item of source.snapshot(tables[0], undefined, stop.signal)) {
        chunks++;
        stop.abort();
      }
      expect(chunks).toBe(1);
      await streaming;
    });

    test('refuses a table that is not there', async () => {
      await using harness = await open();
      const missing = snapshot(harness.source, `${harness.tables[0]}_none`, undefined);
      await expect(missing).rejects.toMatchObject({ code: 'CDC_TABLE_NOT_FOUND' });
    });
  });
}

function row(id: number, name: string | null = `name ${id}`): Row {
  return { id, name, amount: `${id}.50` };
}

function insert(table: TableId, id: number): Change {
  return { kind: 'insert', table, row: row(id, id % 5 === 0 ? null : `name ${id}`) };
}

function change(table: TableId, id: number, changed: Row): Change {
  return { kind: 'update', table, id, row: changed };
}

function isRows(section: Section): section is RowsSection {
  return section.kind === 'rows';
}

function running(): AbortSignal {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return stop.signal;
}

/** Reads the versions of the rows of a batch, for tables as they are now. */
async function versionReader(
  source: Source,
): Promise<(item: Pick<StreamItem, 'batch'>) => bigint[]> {
  const state = new ReplicaState();
  for (const schema of await source.tables()) state.learn(schema);
  return ({ batch }) => state.versions(batch);
}

async function end(source: Source): Promise<Position> {
  return (await source.endPosition()).position;
}

async function snapshot(
  source: Source,
  table: TableId,
  resume: SnapshotProgress | undefined,
): Promise<SnapshotItem[]> {
  const items: SnapshotItem[] = [];
  for await (const item of source.snapshot(table, resume, running())) items.push(item);
  return items;
}

/** What the stream gives from `from` until it has passed `upTo`. */
async function streamed(source: Source, from: Position, upTo: Position): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  const stop = new AbortController();
  let reached = from;
  const streaming = (async () => {
    for await (const item of source.stream(from, stop.signal)) {
      items.push(item);
      reached = item.batch.position;
    }
  })();
  const passed = waitUntil(
    'the stream has passed the position',
    () => comparePositions(reached, upTo) >= 0,
  );
  try {
    await Promise.race([passed, streaming.then(() => passed)]);
  } finally {
    stop.abort();
  }
  await streaming;
  return items;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
