import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeRows } from '../../src/change/row-codec.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { quoteIdentifier } from '../../src/engine/sql-quote.ts';
import { createFormat } from '../../src/format/create-format.ts';
import { formatOptions } from '../../src/format/options.ts';
import { ByteWriter } from '../../src/lib/byte-writer.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { linesOf } from '../support/message-building.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';
import { everyType, everyTypeRows, stream } from '../unit/format/golden-changes.ts';

let server: TestEngine;
let ods: ClickhouseOds;

beforeAll(async () => {
  server = await openTestEngine();
  ods = new ClickhouseOds(server.engine);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const variants = [
  { type: 'debezium' },
  { type: 'debezium', decimals: 'precise' },
  { type: 'debezium', schema: true },
  { type: 'maxwell' },
  { type: 'canal' },
] as const;

describe.each(variants)('messages written as %o', (options) => {
  const format = createFormat(formatOptions.parse(options), {
    name: 'server',
    connector: 'mysql',
    toolVersion: '1.2.3',
  });
  const name = Object.values(options).join(' ');
  const [highest, lowest, nothing] = [everyTypeRows[1], everyTypeRows[0], everyTypeRows[2]];
  if (highest === undefined || lowest === undefined || nothing === undefined) throw new Error();
  const base = highest.version;
  /** An insert of each, then an update of the first to all NULL, and a delete of the last. */
  const rows = [
    { ...lowest, version: base + 1n },
    { ...highest, version: base + 2n },
    { ...nothing, version: base + 3n },
    { ...lowest, version: base + 4n, isBefore: true as const },
    { ...nothing, values: [1, ...nothing.values.slice(1)], version: base + 4n },
    { ...nothing, version: base + 5n, deleted: true },
  ];

  test(`give the warehouse the rows that row bytes give (${name})`, async () => {
    const [expected, found] = [`y.${name} bytes`, `y.${name} messages`];
    const schemaOf = (table: string): TableSchema => ({ ...everyType, table });
    for (const table of [expected, found]) {
      const schema = schemaOf(table);
      await ods.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 1n });
    }
    const changes = rows.filter((row) => !('isBefore' in row));
    await ods.write({
      schema: schemaOf(expected),
      rowCount: changes.length,
      chunks: [encodeRows(everyType, changes)],
      token: expected,
    });
    const encoder = format.encoder(everyType);
    const bytes = encodeRows(everyType, rows);
    const messages: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      at = encoder.read(bytes, at);
      const writer = new ByteWriter();
      encoder.writeValue(writer, stream);
      messages.push(writer.take());
    }
    const letters = await ods.writeMessages({
      schema: schemaOf(found),
      rowCount: messages.length,
      chunks: linesOf(
        messages,
        changes.map(({ version }) => version),
      ),
      layout: format.layout(everyType),
      token: found,
    });
    expect(letters.map(({ reason }) => reason)).toEqual([]);
    expect(await textsOf(found)).toEqual(await textsOf(expected));
    expect(await textsOf(found)).toHaveLength(2);
  });
});

/** Current rows, every value as hex of its text. */
async function textsOf(table: string): Promise<unknown[]> {
  const columns = everyType.columns.map(({ name }) => {
    const column = quoteIdentifier(name);
    return `hex(ifNull(toString(${column}), 'NULL')) AS ${quoteIdentifier(`${name} text`)}`;
  });
  return await server.engine.rows(
    `SELECT ${columns.join(', ')}, _version FROM _ods.${quoteIdentifier(table)} FINAL ORDER BY id`,
  );
}
