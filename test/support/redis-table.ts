import type { ColumnType } from '../../src/change/table-schema.ts';
import { clickhouseType } from '../../src/engine/column-type.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import type { RedisSinkOptions } from '../../src/sink/redis/options.ts';
import { RedisSink } from '../../src/sink/redis/redis-sink.ts';
import type { LineBatch } from '../../src/sink/sink.ts';
import type { SinkTable } from '../../src/sink/sink-table.ts';
import { openRedisClient, type RedisClient, redisOptions } from './redis.ts';

const types: Readonly<Record<string, ColumnType>> = {
  int: { kind: 'int', bits: 32, unsigned: false },
  bigint: { kind: 'int', bits: 64, unsigned: false },
  text: { kind: 'string' },
  decimal: { kind: 'decimal', precision: 20, scale: 4 },
  double: { kind: 'float', bits: 64 },
  time: { kind: 'datetime', fsp: 3 },
  json: { kind: 'json' },
  bytes: { kind: 'binary' },
};

/** A table for a sink from words: `{ id: 'int', name: 'text' }`, the key first. */
export function redisTable(
  columns: Readonly<Record<string, string>>,
  settings: SinkTable['settings'] = {},
  { key = ['id'], source = 'shop.orders' }: { key?: readonly string[]; source?: string } = {},
): SinkTable {
  return {
    source,
    target: source.slice(source.indexOf('.') + 1),
    columns: Object.entries(columns).map(([name, word]) => {
      const type = types[word] as ColumnType;
      const nullable = !key.includes(name);
      const engineType = clickhouseType({ type, nullable });
      return { name, type, nullable, isKey: !nullable, engineType };
    }),
    key,
    settings,
  };
}

/** `[version, ...values]`; a negative version is a deletion. */
export type VersionedRow = readonly [number, ...(string | null)[]];

/** A sink with one table, and somebody beside it who looks. */
export class RedisTable implements AsyncDisposable {
  readonly sink: RedisSink;
  readonly table: SinkTable;
  readonly client: RedisClient;
  readonly options: RedisSinkOptions;
  #sequence = 0;

  static async open(
    table: SinkTable,
    options: Readonly<Record<string, unknown>> = {},
    url?: string,
  ): Promise<RedisTable> {
    const parsed = await redisOptions(options, url);
    const sink = new RedisSink(parsed, { logger: createSilentLogger() });
    await sink.prepare(table, { drop: false, mayAlter: true });
    return new RedisTable(sink, table, parsed, await openRedisClient(url));
  }

  private constructor(
    sink: RedisSink,
    table: SinkTable,
    options: RedisSinkOptions,
    client: RedisClient,
  ) {
    this.sink = sink;
    this.table = table;
    this.options = options;
    this.client = client;
  }

  key(text: string): string {
    return this.options.prefix + text;
  }

  /** The batch that would come next. */
  batch(rows: readonly VersionedRow[], follows: number = this.#sequence): LineBatch {
    return batchOf(this.table, rows, follows);
  }

  async write(...rows: readonly VersionedRow[]): Promise<void> {
    await this.sink.write(this.batch(rows));
    this.#sequence++;
  }

  /** Rows as they are read back, sorted. */
  async rows(): Promise<string[]> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.sink.readBack(this.table)) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.sink[Symbol.asyncDispose]();
  }
}

export function batchOf(
  table: SinkTable,
  rows: readonly VersionedRow[],
  follows: number,
): LineBatch {
  const lines = rows.map(([version, ...values]) => {
    const isDeleted = version < 0 ? '1' : '0';
    return `${JSON.stringify([...values, String(Math.abs(version)), isDeleted])}\n`;
  });
  return {
    table,
    token: `token-${follows}`,
    step: { follows, next: { sequence: follows + 1, value: `{"at":${follows}}` } },
    rowCount: rows.length,
    body: [Buffer.from(lines.join(''))],
  };
}
