import { createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClickhouseEngine } from '../src/engine/clickhouse-engine.ts';
import { columnOf, schemaOf } from '../test/support/sink-world.ts';

/** A store that a sink fills, and its own fastest way in for the figures to be seen against. */
export interface BenchStore extends AsyncDisposable {
  /** Options of its sink, as in a project file. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The server, whose CPU time is counted with that of its children. */
  readonly pid?: number | undefined;
  /** Rows written at first; fewer for slow stores. */
  readonly rows?: number;
  /** What `bulk` does: `COPY FROM STDIN`. */
  readonly bulkName: string;
  /** Makes everything ready, so that only the way into the store is left; the promise it gives resolves to the rows that are there. */
  prepareBulk(source: BulkSource): Promise<() => Promise<number>>;
}

/** The rows that the sink gets first, without their versions. */
export interface BulkSource {
  readonly engine: ClickhouseEngine;
  /** SELECT of them. */
  readonly select: string;
  /** For files, in memory where the machine has a place for it. */
  readonly folder: string;
}

const text = { kind: 'string' } as const;
const int32 = { kind: 'int', bits: 32, unsigned: false } as const;
const int64 = { kind: 'int', bits: 64, unsigned: false } as const;

/** 12 columns, about 200 bytes of text a row. */
export const orders = schemaOf('shop.orders', [
  columnOf('id', int64, { nullable: false, sourceType: 'bigint' }),
  columnOf('shop_id', int32, { nullable: false, sourceType: 'int' }),
  columnOf('buyer_id', int64, { nullable: false, sourceType: 'bigint' }),
  columnOf(
    'amount',
    { kind: 'decimal', precision: 12, scale: 2 },
    { nullable: false, sourceType: 'decimal(12,2)' },
  ),
  columnOf('quantity', int32, { nullable: false, sourceType: 'int' }),
  columnOf('status', text, { nullable: false, sourceType: 'varchar(16)' }),
  columnOf('channel', text, { nullable: false, sourceType: 'varchar(32)' }),
  columnOf('title', text, { nullable: false, sourceType: 'varchar(200)' }),
  columnOf('remark', text, { sourceType: 'varchar(200)' }),
  columnOf('created_at', { kind: 'datetime', fsp: 0 }, { nullable: false, sourceType: 'datetime' }),
  columnOf('paid_at', { kind: 'datetime', fsp: 6 }, { sourceType: 'datetime(6)' }),
  columnOf('flag', int32, { nullable: false, sourceType: 'int' }),
]);

/** The same for SQL servers; every column but the last two of them is spelled alike. */
export function ordersDdl(datetime: string, fineDatetime: string): string {
  return `(id bigint NOT NULL PRIMARY KEY, shop_id int NOT NULL, buyer_id bigint NOT NULL, amount decimal(12,2) NOT NULL,
    quantity int NOT NULL, status varchar(16) NOT NULL, channel varchar(32) NOT NULL, title varchar(200) NOT NULL,
    remark varchar(200), created_at ${datetime} NOT NULL, paid_at ${fineDatetime}, flag int NOT NULL)`;
}

/** SELECT of `rows` rows as the columns of `orders`. */
export function orderRows(rows: number): string {
  return `SELECT toInt64(number + 1), toInt32(number % 500), toInt64(number * 7 % 100000), toDecimal64(number % 10000 + 0.25, 2),
    toInt32(number % 9), ['new', 'paid', 'refunded'][number % 3 + 1], concat('channel-', toString(number % 20)),
    concat('a course about the numbers from one up to and with ', toString(number % 3000), ' for everybody'),
    if(number % 5 = 0, NULL, concat('remark of order ', toString(number), ', which is neither long nor short but said anyway')),
    toDateTime64('2026-01-01 00:00:00', 0, 'UTC') + number,
    if(number % 4 = 0, NULL, toDateTime64('2026-01-02 00:00:00.123456', 6, 'UTC') + number), toInt32(number % 2) FROM numbers(${rows})`;
}

/** The same for files, whose columns need names that are fit for them. */
export function namedRows(select: string): string {
  const names = orders.columns.map((_, at) => `c${at + 1}`);
  return `SELECT * FROM (${select}) AS r (${names.join(', ')})`;
}

/** Has the engine print rows into a file. */
export async function printRows(
  { engine, select, folder }: BulkSource,
  format: string,
): Promise<string> {
  const path = `${folder}/bulk.${format}`;
  await pipeline(Readable.from(engine.query(select, { format })), createWriteStream(path));
  return path;
}

/** CPU time of a process and all that came from it, those that have ended included; from 1/100 s ticks. */
export async function treeCpuSeconds(root: number | undefined): Promise<number> {
  if (root === undefined) return 0;
  const parents = new Map<number, { parent: number; ticks: number }>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // User and system time of itself and of the children it has waited for.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    parents.set(Number(name), { parent: Number(fields[1]), ticks });
  }
  const isBelow = (pid: number): boolean => {
    if (pid === root) return true;
    const found = parents.get(pid);
    return found !== undefined && found.parent > 1 && isBelow(found.parent);
  };
  let ticks = 0;
  for (const [pid, found] of parents) if (isBelow(pid)) ticks += found.ticks;
  return ticks / 100;
}
