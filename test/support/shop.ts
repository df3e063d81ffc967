import type { TestDatabase } from './test-database.ts';

/** A small shop: a fact with items, two dimensions of which one hangs on the other. */
export async function createShop(database: TestDatabase, orders = 2_000): Promise<void> {
  await database.connection.query(`
    CREATE TABLE region (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, manager VARCHAR(40) NULL);
    CREATE TABLE customer (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(80) NOT NULL, region_id INT NULL, born DATE NULL);
    CREATE TABLE orders (
      id BIGINT PRIMARY KEY AUTO_INCREMENT, customer_id BIGINT UNSIGNED NOT NULL, amount DECIMAL(12,2) NOT NULL,
      status ENUM('new','paid','refunded') NOT NULL DEFAULT 'new', note TEXT NULL,
      created_at DATETIME(3) NOT NULL, updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6));
    CREATE TABLE item (order_id BIGINT NOT NULL, line SMALLINT UNSIGNED NOT NULL, sku VARCHAR(20) NOT NULL,
      qty INT NOT NULL, price DOUBLE NOT NULL, extra JSON NULL, PRIMARY KEY (order_id, line));
    INSERT INTO region VALUES (1,'north','Ann'),(2,'south',NULL),(3,'west','Zoë');`);
  const row = (count: number, of: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => of(index + 1)).join(',');
  await database.connection.query(
    `INSERT INTO customer VALUES ${row(200, (id) => `(${id},'customer ${id}',${id % 4 || 'NULL'},'2000-01-${(id % 28) + 1}')`)}`,
  );
  await database.connection.query(
    `INSERT INTO orders (id,customer_id,amount,status,note,created_at) VALUES ${row(orders, (id) => `(${id},${(id % 220) + 1},${id}.25,'${['new', 'paid', 'refunded'][id % 3]}',${id % 5 ? `'note ${id}'` : 'NULL'},'2026-01-01 10:00:00.${String(id % 1000).padStart(3, '0')}')`)}`,
  );
  await database.connection.query(
    `INSERT INTO item VALUES ${row(orders, (id) => `(${id},1,'sku${id % 50}',${id % 7},${id}/3,'{"a": ${id}}'),(${id},2,'sku${id % 30}',1,0.1,NULL)`)}`,
  );
}

/** Models over the shop: joins over two hops, a LEFT join, aggregates, a report. `{db}` is the database. */
export const shopModels: Readonly<Record<string, string>> = {
  'dwd/order_wide': `-- description: orders with customer and region
SELECT o.id AS order_id, o.amount AS amount, o.status AS status, toDate(o.created_at) AS day,
  c.id AS customer_id, c.name AS customer, r.name AS region, r.manager AS manager
FROM {db}.orders AS o
LEFT JOIN {db}.customer AS c ON c.id = o.customer_id
LEFT JOIN {db}.region AS r ON r.id = c.region_id
`,
  'dwd/item_wide': `SELECT i.order_id AS order_id, i.line AS line, i.sku AS sku, i.qty * i.price AS total, o.status AS status
FROM {db}.item AS i
INNER JOIN {db}.orders AS o ON o.id = i.order_id
WHERE o.status <> 'refunded'
`,
  'dws/sales_by_region_day': `SELECT region, day, sum(amount) AS amount, count() AS orders, uniqExact(customer_id) AS customers
FROM dwd.order_wide
WHERE status = 'paid'
GROUP BY region, day
`,
  'ads/region_report': `SELECT region, sum(amount) AS amount, max(orders) AS best_day FROM dws.sales_by_region_day GROUP BY region HAVING sum(amount) > 0
`,
};
