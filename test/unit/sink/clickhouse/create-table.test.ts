import { describe, expect, test } from 'vitest';
import {
  createTarget,
  createView,
  type DdlContext,
} from '../../../../src/sink/clickhouse/create-table.ts';
import { placeOf } from '../../../../src/sink/clickhouse/place.ts';
import { clickhouseTypes } from '../../../../src/sink/clickhouse/type-map.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';
import { sinkTable, storeOptions } from './sink-table-builder.ts';

function contextOf({ target }: SinkTable, rest: object = {}): DdlContext {
  const options = storeOptions(rest);
  return {
    place: placeOf(target, options),
    types: clickhouseTypes(options),
    cluster: options.cluster,
  };
}

describe('a new table in a ClickHouse sink', () => {
  test('is a ReplacingMergeTree with a view of its current rows', () => {
    const table = sinkTable({ comment: 'what was "sold"' });
    const context = contextOf(table);
    expect([
      ...createTarget(table, context),
      createView(['shop', 'id'], context),
    ]).toMatchInlineSnapshot(`
      [
        "CREATE DATABASE IF NOT EXISTS \`_strata\`",
        "CREATE DATABASE IF NOT EXISTS \`default\`",
        "CREATE TABLE IF NOT EXISTS \`_strata\`.\`default.orders\` (\`shop\` String, \`id\` Int32, \`paid\` Nullable(DateTime64(3, 'UTC')) COMMENT 'when', _version UInt64, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (\`shop\`, \`id\`) SETTINGS non_replicated_deduplication_window = 1000 COMMENT 'what was "sold"'",
        "CREATE OR REPLACE VIEW \`default\`.\`orders\` AS SELECT \`shop\`, \`id\` FROM \`_strata\`.\`default.orders\` FINAL",
      ]
    `);
  });

  test('lies on every server of a cluster, replicated, with a row on the shard of its key', () => {
    const table = sinkTable({ target: 'sales.orders' });
    const context = contextOf(table, { cluster: { name: 'main' }, storage: 'cdc' });
    expect([
      ...createTarget(table, context),
      createView(['shop', 'id'], context),
    ]).toMatchInlineSnapshot(`
      [
        "CREATE DATABASE IF NOT EXISTS \`cdc\` ON CLUSTER \`main\`",
        "CREATE DATABASE IF NOT EXISTS \`sales\` ON CLUSTER \`main\`",
        "CREATE TABLE IF NOT EXISTS \`cdc\`.\`sales.orders~local\` ON CLUSTER \`main\` (\`shop\` String, \`id\` Int32, \`paid\` Nullable(DateTime64(3, 'UTC')) COMMENT 'when', _version UInt64, _deleted UInt8) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _version, _deleted) ORDER BY (\`shop\`, \`id\`) COMMENT ''",
        "CREATE OR REPLACE TABLE \`cdc\`.\`sales.orders\` ON CLUSTER \`main\` AS \`cdc\`.\`sales.orders~local\` ENGINE = Distributed('main', 'cdc', 'sales.orders~local', cityHash64(\`shop\`, \`id\`)) COMMENT ''",
        "CREATE OR REPLACE VIEW \`sales\`.\`orders\` ON CLUSTER \`main\` AS SELECT \`shop\`, \`id\` FROM \`cdc\`.\`sales.orders\` FINAL",
      ]
    `);
  });

  test('takes its path and replica in Keeper, or no replication, from the options', () => {
    const table = sinkTable();
    const replicated = contextOf(table, {
      cluster: { name: 'main', path: '/tables/{layer}-{shard}/{table}', replica: '{host}' },
    });
    expect(createTarget(table, replicated)[2]).toContain(
      "ReplicatedReplacingMergeTree('/tables/{layer}-{shard}/{table}', '{host}', _version, _deleted)",
    );
    const plain = contextOf(table, { cluster: { name: 'main', replicated: false } });
    expect(createTarget(table, plain)[2]).toContain(
      'ENGINE = ReplacingMergeTree(_version, _deleted)',
    );
  });

  test('has partitions, order, life time and settings of its own', () => {
    const settings = {
      partitionBy: 'toYYYYMM(paid)',
      orderBy: ['id', 'shop'],
      ttl: 'toDateTime(paid) + INTERVAL 1 YEAR',
      table: { index_granularity: 4096, storage_policy: "it's" },
    };
    const table = sinkTable({ settings });
    expect(createTarget(table, contextOf(table))[2]).toMatchInlineSnapshot(
      `"CREATE TABLE IF NOT EXISTS \`_strata\`.\`default.orders\` (\`shop\` String, \`id\` Int32, \`paid\` Nullable(DateTime64(3, 'UTC')) COMMENT 'when', _version UInt64, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) PARTITION BY (toYYYYMM(paid)) ORDER BY (\`id\`, \`shop\`) TTL toDateTime(paid) + INTERVAL 1 YEAR SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 4096, storage_policy = 'it\\'s' COMMENT ''"`,
    );
  });

  test('refuses an order that is not the key, because rows of a key must meet', () => {
    const table = sinkTable({ settings: { orderBy: ['id', 'paid'] } });
    expect(() => createTarget(table, contextOf(table))).toThrow(
      'orderBy is (id, paid), and the key of its rows is (shop, id).',
    );
  });
});
