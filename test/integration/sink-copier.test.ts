import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TableSchema } from '../../src/change/table-schema.ts';
import type { CommonSinkOptions } from '../../src/sink/common-options.ts';
import { compareTable } from '../../src/sink/compare-table.ts';
import { MemorySink } from '../../src/sink/memory/memory-sink.ts';
import { memorySinkOptions } from '../../src/sink/memory/options.ts';
import { parsePlace } from '../../src/sink/place.ts';
import type { LineBatch } from '../../src/sink/sink.ts';
import { sinkError } from '../../src/sink/sink-errors.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';

const int = { kind: 'int', bits: 32, unsigned: false } as const;
const text = { kind: 'string' } as const;
const id = columnOf('id', int, { nullable: false, sourceType: 'int' });
const note = columnOf('note', text, { sourceType: 'varchar(200)' });
const city = columnOf('city', text, { sourceType: 'varchar(100)' });
const { signal } = new AbortController();

/** What the copier does, whatever the store: over a sink in memory. */
describe('a table copier', () => {
  let world: SinkWorld;
  beforeAll(async () => {
    world = await SinkWorld.open();
  }, 120_000);
  afterAll(() => world[Symbol.asyncDispose]());

  const optionsOf = (rest: object = {}): CommonSinkOptions =>
    memorySinkOptions.parse({ type: 'memory', name: 'trial', tables: ['shop.*'], ...rest });
  const shop = async (table: string, schema: TableSchema = schemaOf(table, [id, note])) => {
    await world.define({ ...schema, table }, 'resnapshot');
    return table;
  };
  const rowsOf = async (sink: MemorySink, table: string, options: CommonSinkOptions) => {
    const plan = await world.copier(table, sink, options).plan(world.feed(table));
    const lines: string[] = [];
    for await (const chunk of sink.readBack(plan.table)) lines.push(chunk.toString());
    return lines.map((line) => line.split('\t').slice(0, -1).join('|')).sort();
  };

  test('fills a large table range by range, and goes on where it broke off', async () => {
    const table = await shop('shop.large');
    const options = optionsOf({ batchRows: 200_000 });
    const sink = new MemorySink();
    await world.run(
      `INSERT INTO \`_ods\`.\`${table}\` SELECT number, 'x', ${world.version}, 0 FROM numbers(1200000)`,
    );
    const copier = world.copier(table, sink, options);
    const first = await copier.copy(world.feed(table), signal);
    expect(first).toMatchObject({ rows: 500_000, isCurrent: false });
    expect(copier.place?.range?.after).toEqual(['499999']);
    // Another process, which knows only what the store says.
    const second = world.copier(table, sink, options);
    expect(await second.copy(world.feed(table), signal)).toMatchObject({ rows: 500_000 });
    expect(await second.copy(world.feed(table), signal)).toMatchObject({
      rows: 200_000,
      isCurrent: true,
    });
    let stored = 0;
    for await (const _row of sink.readBack((await second.plan(world.feed(table))).table)) stored++;
    expect(stored).toBe(1_200_000);
  }, 120_000);

  test('sends only what has changed since, once', async () => {
    const table = await shop('shop.changes');
    const sink = new MemorySink();
    const copier = world.copier(table, sink, optionsOf());
    await world.put(table, [
      [1, 'one'],
      [2, 'two'],
    ]);
    expect(await copier.copy(world.feed(table), signal)).toMatchObject({ rows: 2 });
    await world.put(table, [[2, 'zwei']]);
    await world.put(table, [[2, 'deux']]);
    expect(await copier.copy(world.feed(table), signal)).toMatchObject({ rows: 1 });
    expect(await copier.copy(world.feed(table), signal)).toMatchObject({ rows: 0 });
    expect(await rowsOf(sink, table, optionsOf())).toEqual(['1|one', '2|deux']);
  });

  test('sends nothing that is not published yet', async () => {
    const table = await shop('shop.unpublished');
    const sink = new MemorySink();
    const copier = world.copier(table, sink, optionsOf());
    await world.put(table, [[1, 'one']]);
    const published = world.version;
    await world.put(table, [[2, 'two']]);
    await copier.copy(world.feed(table, published), signal);
    expect(await rowsOf(sink, table, optionsOf())).toEqual(['1|one']);
    await copier.copy(world.feed(table), signal);
    expect(await rowsOf(sink, table, optionsOf())).toEqual(['1|one', '2|two']);
  });

  test('renames, computes and filters, and deletes rows that the filter no longer lets through', async () => {
    const table = await shop('shop.mapped');
    const options = optionsOf({
      overrides: [
        {
          tables: '*.mapped',
          columns: { words: 'note', length: { sql: 'length(note)' }, shop: { value: 'main' } },
          filter: "note != 'draft'",
        },
      ],
    });
    const sink = new MemorySink();
    const copier = world.copier(table, sink, options);
    await world.put(table, [
      [1, 'one'],
      [2, 'draft'],
      [3, 'three'],
    ]);
    await copier.copy(world.feed(table), signal);
    expect(await rowsOf(sink, table, options)).toEqual(['1|one|3|main', '3|three|5|main']);
    await world.put(table, [
      [2, 'two'],
      [3, 'draft'],
    ]);
    await copier.copy(world.feed(table), signal);
    expect(await rowsOf(sink, table, options)).toEqual(['1|one|3|main', '2|two|3|main']);
    expect(await world.differences(table, sink, options)).toEqual([]);
    const plan = await copier.plan(world.feed(table));
    const compared = await compareTable(plan, sink, world.engine, { signal });
    expect(compared.rows).toBe(2);
  });

  test('follows columns by the policy of the project file', async () => {
    const table = await shop('shop.policies');
    await world.put(table, [[1, 'one']]);
    const evolve = { sink: new MemorySink(), options: optionsOf({ onSchemaChange: 'evolve' }) };
    const lenient = { sink: new MemorySink(), options: optionsOf({ onSchemaChange: 'lenient' }) };
    const ignore = { sink: new MemorySink(), options: optionsOf({ onSchemaChange: 'ignore' }) };
    const stop = { sink: new MemorySink(), options: optionsOf({ onSchemaChange: 'stop' }) };
    const all = [evolve, lenient, ignore, stop];
    const copiers = all.map(({ sink, options }) => world.copier(table, sink, options));
    for (const copier of copiers) await copier.copy(world.feed(table), signal);
    await world.define(schemaOf(table, [id, note, city]));
    await world.put(table, [[2, 'two', 'Wuhan']]);
    const results = await Promise.allSettled(
      copiers.map((copier) => copier.copy(world.feed(table), signal)),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect(results[3]).toMatchObject({ reason: { code: 'CDC_SINK_INCOMPATIBLE' } });
    expect(await rowsOf(evolve.sink, table, evolve.options)).toEqual(['1|one|\\N', '2|two|Wuhan']);
    expect(copiers[2]?.place?.columns.map(({ name }) => name)).toEqual(['id', 'note']);
    await world.define(schemaOf(table, [id, city]));
    await copiers[0]?.copy(world.feed(table), signal);
    await copiers[1]?.copy(world.feed(table), signal);
    await expect(copiers[2]?.copy(world.feed(table), signal)).rejects.toThrow(/note is gone/);
    const drop = { drop: true, mayAlter: true };
    const plan = await world.copier(table, lenient.sink, lenient.options).plan(world.feed(table));
    expect(await evolve.sink.plan(plan.table, drop)).toEqual([]);
    expect(await lenient.sink.plan(plan.table, drop)).toEqual(['drop note']);
  });

  test('does not send rows again for a column that is NULL in all of them, but for one that is not', async () => {
    const table = await shop('shop.backfill');
    const sink = new MemorySink();
    await world.put(table, [
      [1, 'one'],
      [2, 'two'],
    ]);
    const copier = world.copier(table, sink, optionsOf());
    await copier.copy(world.feed(table), signal);
    await world.define(schemaOf(table, [id, note, city]));
    expect(await copier.copy(world.feed(table), signal)).toMatchObject({ rows: 0 });
    const level = columnOf('level', int, { nullable: false, sourceType: 'int' });
    await world.define(schemaOf(table, [id, note, city, level]));
    expect(await copier.copy(world.feed(table), signal)).toMatchObject({ rows: 2 });
    expect(await world.differences(table, sink, optionsOf())).toEqual([]);
  });

  test('does not write again what has arrived although the answer was lost', async () => {
    const table = await shop('shop.answers');
    const sink = new MemorySink();
    let writes = 0;
    const write = sink.write.bind(sink);
    sink.write = async (batch: LineBatch) => {
      writes += 1;
      await write(batch);
      if (writes === 1) throw sinkError('CDC_SINK_UNREACHABLE', 'Writing', 'the line went dead');
    };
    const copier = world.copier(table, sink, optionsOf());
    await world.put(table, [[1, 'one']]);
    await copier.copy(world.feed(table), signal);
    expect(writes).toBe(1);
    expect((await sink.progress()).get(table)?.sequence).toBe(1);
  });

  test('stops a table whose rows are refused without end', async () => {
    const table = await shop('shop.hopeless');
    const sink = new MemorySink();
    sink.write = async ({ rowCount }: LineBatch) => {
      if (rowCount > 0) throw sinkError('CDC_SINK_REJECTED', 'Writing', 'never', { table });
    };
    await world.run(
      `INSERT INTO \`_ods\`.\`${table}\` SELECT number, 'x', ${world.version}, 0 FROM numbers(1100)`,
    );
    const copying = world.copier(table, sink, optionsOf()).copy(world.feed(table), signal);
    await expect(copying).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringContaining('more than 1000'),
    });
  }, 120_000);

  test('sweeps what is gone when a table was made anew, also when it broke off before the sweep', async () => {
    const table = await shop('shop.swept');
    const sink = new MemorySink();
    await world.put(table, [
      [1, 'one'],
      [2, 'two'],
    ]);
    const copier = world.copier(table, sink, optionsOf());
    await copier.copy(world.feed(table), signal);
    await shop(table);
    await world.put(table, [[2, 'two']]);
    const sweep = sink.sweep.bind(sink);
    sink.sweep = async () => {
      throw sinkError('CDC_SINK_FAILED', 'Sweeping', 'not now');
    };
    await expect(copier.copy(world.feed(table), signal)).rejects.toThrow('not now');
    const held = (await sink.progress()).get(table);
    expect(held && parsePlace(held).range?.sweepBelow).toBeDefined();
    sink.sweep = sweep;
    await world.copier(table, sink, optionsOf()).copy(world.feed(table), signal);
    expect(await rowsOf(sink, table, optionsOf())).toEqual(['2|two']);
  });
});
