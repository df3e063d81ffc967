import { encodeRows, type RowValue } from '../src/change/row-codec.ts';
import type { Column, ColumnType, TableSchema } from '../src/change/table-schema.ts';
import type { ChangePlace } from '../src/format/change-format.ts';
import { createFormat } from '../src/format/create-format.ts';
import { type FormatOptions, formatOptions } from '../src/format/options.ts';
import { ByteWriter } from '../src/lib/byte-writer.ts';

/**
 * Messages a second that one core writes, key and value, for a table of 12 columns and some 250 bytes a row:
 *
 *     npx tsx bench/format.ts [seconds]
 */
const rowCount = 1_000;
const transactionRows = [1_000, 1];
const seconds = Number(process.argv[2] ?? 2);

const columns: readonly (readonly [string, ColumnType, string, boolean])[] = [
  ['id', { kind: 'int', bits: 64, unsigned: true }, 'bigint unsigned', false],
  ['customer_id', { kind: 'int', bits: 32, unsigned: false }, 'int', false],
  ['order_no', { kind: 'string' }, 'varchar(32)', false],
  ['status', { kind: 'string' }, "enum('new','paid','shipped')", false],
  ['amount', { kind: 'decimal', precision: 10, scale: 2 }, 'decimal(10,2)', false],
  ['quantity', { kind: 'int', bits: 16, unsigned: false }, 'smallint', true],
  ['discount', { kind: 'float', bits: 64 }, 'double', true],
  ['city', { kind: 'string' }, 'varchar(40)', true],
  ['note', { kind: 'string' }, 'varchar(255)', true],
  ['due', { kind: 'date' }, 'date', true],
  ['created_at', { kind: 'datetime', fsp: 6 }, 'datetime(6)', false],
  ['updated_at', { kind: 'timestamp', fsp: 3 }, 'timestamp(3)', false],
];

const schema: TableSchema = {
  table: 'shop.orders',
  version: 'bench',
  columns: columns.map(
    ([name, type, sourceType, nullable]): Column => ({ name, type, sourceType, nullable }),
  ),
  key: ['id'],
};

function valuesOf(id: number): RowValue[] {
  return [
    BigInt(10_000_000 + id),
    id * 37,
    `ORD-2026-${String(id).padStart(10, '0')}`,
    ['new', 'paid', 'shipped'][id % 3] ?? '',
    BigInt(12_350 + id),
    id % 100,
    id % 7 === 0 ? null : 0.05 * (id % 20),
    ['Wuhan', 'Zürich', 'São Paulo', '北京'][id % 4] ?? '',
    `customer asked for delivery after 6 pm, leave it with the neighbour at door ${id} if nobody is there; call before coming`,
    20_000 + (id % 400),
    1_767_225_600_000_000n + BigInt(id) * 1_000_003n,
    1_767_225_600_000n + BigInt(id) * 1_003n,
  ];
}

const version = (42n << 36n) + 12_345_678n;
const rows = Array.from({ length: rowCount }, (_, id) => ({
  values: valuesOf(id),
  version: version + BigInt(id * 250),
  deleted: false,
}));
const inserts = encodeRows(schema, rows);
const updates = updatesOf(inserts);

/** Each row twice: before with `_deleted` = 2, then after. */
function updatesOf(bytes: Buffer): Buffer {
  const size = rows.map((row) => encodeRows(schema, [row]).length);
  const images: Buffer[] = [];
  let at = 0;
  for (const length of size) {
    const before = Buffer.from(bytes.subarray(at, at + length));
    before[length - 1] = 2;
    images.push(before, bytes.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat(images);
}

function placeOf(number: number): ChangePlace {
  return {
    origin: 'stream',
    fileBase: 'mysql-bin.',
    fileDigits: 6,
    receivedAtMs: 1_767_225_612_345,
    mark: { end: version * 2n, id: `0-1-${number}`, committedAtMs: 1_767_225_612_000 },
  };
}

function measure(name: string, options: Partial<FormatOptions>, bytes: Buffer, perMark: number) {
  const format = createFormat(formatOptions.parse(options), {
    name: 'shop',
    connector: 'mariadb',
    serverId: 1,
    toolVersion: '0.1.0',
  });
  const encoder = format.encoder(schema);
  const writer = new ByteWriter(4 * 1024 * 1024);
  const places = Array.from({ length: rowCount / perMark }, (_, index) => placeOf(index));
  const pass = () => {
    writer.offset = 0;
    let place = places[0] as ChangePlace;
    let count = 0;
    for (let at = 0; at < bytes.length; count++) {
      if (count % perMark === 0) place = places[count / perMark] as ChangePlace;
      at = encoder.read(bytes, at);
      encoder.writeKey(writer);
      encoder.writeValue(writer, place);
    }
    return count;
  };
  for (let warm = 0; warm < 200; warm++) pass();
  const rates: number[] = [];
  for (let run = 0; run < 5; run++) {
    let messages = 0;
    const start = process.cpuUsage();
    const from = performance.now();
    while (performance.now() - from < (seconds * 1000) / 5) messages += pass();
    const { user, system } = process.cpuUsage(start);
    rates.push(messages / ((user + system) / 1e6));
  }
  // The best run: the others had neighbours.
  rates.sort((left, right) => left - right);
  const rate = Math.round((rates.at(-1) ?? 0) / 1000);
  const size = Math.round(writer.offset / rowCount);
  console.log(
    `${name.padEnd(34)} ${String(rate).padStart(5)}k messages/CPU s ${String(size).padStart(6)} bytes (key and value)`,
  );
}

console.log(`row bytes ${Math.round(inserts.length / rowCount)}`);
for (const perMark of transactionRows) {
  const each = perMark === 1 ? ', 1 row/transaction' : '';
  measure(`debezium insert${each}`, { type: 'debezium' }, inserts, perMark);
  measure(`debezium update${each}`, { type: 'debezium' }, updates, perMark);
  measure(`maxwell insert${each}`, { type: 'maxwell' }, inserts, perMark);
  measure(`maxwell update${each}`, { type: 'maxwell' }, updates, perMark);
  measure(`canal insert${each}`, { type: 'canal' }, inserts, perMark);
  measure(`canal update${each}`, { type: 'canal' }, updates, perMark);
}
measure('debezium insert with schema', { type: 'debezium', schema: true }, inserts, 1_000);
measure('debezium precise', { type: 'debezium', decimals: 'precise' }, inserts, 1_000);
