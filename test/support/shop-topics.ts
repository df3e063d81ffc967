import type { RowDataPacket } from 'mysql2/promise';
import { expect } from 'vitest';
import { CdcProject, sourceYaml } from './cdc-project.ts';
import { type DebeziumRow, readDebeziumTopics, type TopicsRead } from './debezium-consumer.ts';
import { createShop, shopModels } from './shop.ts';
import type { TestDatabase } from './test-database.ts';

export const shopTables = ['region', 'customer', 'orders', 'item'] as const;

export interface ShopProjectOptions {
  readonly brokers: readonly string[];
  readonly prefix: string;
  /** More lines under `log`, indented by two. Default: a compression that plain kafkajs reads. */
  readonly log?: string;
  /** More lines at the end of the project file. */
  readonly rest?: string;
}

/** The project file of a shop (shop.ts) whose changes go through topics `<prefix>.shop.<table>`. */
export function shopYaml(database: TestDatabase, options: ShopProjectOptions): string {
  return `
name: test
${sourceYaml(database)}route:
  businesses: [{ name: shop, tables: ['${database.name}.*'] }]
log:
  type: kafka
  brokers: [${options.brokers.join(', ')}]
  prefix: ${options.prefix}
${options.log ?? '  compression: gzip'}
${options.rest ?? ''}
`;
}

/** A shop with its tables and models, in a project that goes through topics. */
export async function createShopProject(
  folder: string,
  database: TestDatabase,
  options: ShopProjectOptions,
): Promise<CdcProject> {
  await createShop(database);
  const yaml = shopYaml(database, options);
  return await CdcProject.create(folder, database, { models: shopModels, yaml });
}

/** `cdc verify` finds no difference in any of the tables. */
export async function expectVerified(
  project: CdcProject,
  tables: number = shopTables.length,
): Promise<void> {
  const { exitCode, stdout, stderr } = await project.run('verify', '--json');
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.ok).toBe(true);
  expect(report.tables).toHaveLength(tables);
}

/** A consumer that knows Debezium's format only rebuilds the tables of the source from the topics. */
export async function expectTopicsRebuild(
  database: TestDatabase,
  { brokers, prefix }: ShopProjectOptions,
): Promise<TopicsRead> {
  const read = await readShopTopics({ brokers, prefix });
  for (const table of shopTables) {
    const rows = [...(read.tables.get(table)?.values() ?? [])].map(textOf).toSorted();
    expect(rows, table).toEqual(await sourceRows(database, table));
  }
  return read;
}

export async function readShopTopics(
  { brokers, prefix }: Pick<ShopProjectOptions, 'brokers' | 'prefix'>,
  tables: readonly string[] = shopTables,
): Promise<TopicsRead> {
  return await readDebeziumTopics(
    brokers,
    tables.map((table) => `${prefix}.shop.${table}`),
  );
}

/** No stream record is there twice, and none comes after one that was written later. */
export function expectOrdered({ versions }: TopicsRead): void {
  expect(versions.size).toBeGreaterThan(0);
  for (const [place, ofPlace] of versions) {
    const wrong = ofPlace.findIndex((version, index) => version <= (ofPlace[index - 1] ?? -1n));
    expect(wrong, `${place}: ${ofPlace.slice(Math.max(0, wrong - 2), wrong + 2)}`).toBe(-1);
  }
}

/** A row as Debezium writes it, as one text: fields in the order of their names. */
function textOf(row: DebeziumRow): string {
  return JSON.stringify(Object.entries(row).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

const expressions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  region: { id: 'id', name: 'name', manager: 'manager', level: 'level' },
  customer: {
    id: 'id',
    name: 'name',
    region_id: 'region_id',
    born: "DATEDIFF(born, '1970-01-01')",
  },
  orders: {
    id: 'id',
    customer_id: 'customer_id',
    amount: 'CAST(amount AS CHAR)',
    status: 'CAST(status AS CHAR)',
    note: 'note',
    created_at: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) DIV 1000",
    updated_at: "DATE_FORMAT(updated_at, '%Y-%m-%dT%H:%i:%s.%fZ')",
  },
  item: {
    order_id: 'order_id',
    line: 'line',
    sku: 'sku',
    qty: 'qty',
    price: 'price',
    extra: 'CAST(extra AS CHAR)',
  },
};

async function sourceRows(database: TestDatabase, table: string): Promise<string[]> {
  const { connection } = database;
  await connection.query("SET time_zone = '+00:00'");
  const columns = Object.entries(expressions[table] ?? {});
  const [found] = await connection.query<RowDataPacket[]>(`DESCRIBE ${table}`);
  const present = columns.filter(([name]) => found.some((column) => column['Field'] === name));
  const list = present.map(([name, expression]) => `${expression} AS \`${name}\``).join(', ');
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT ${list} FROM ${table}`);
  return rows.map(textOf).toSorted();
}
