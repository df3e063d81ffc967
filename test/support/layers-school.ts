import type { LayersWorld, Row, WorldTable } from './layers-world.ts';
import type { Random } from './random.ts';

/** A small school whose rows refer to one another at random, and models of every shape over it. */
export const schoolTables: Readonly<Record<string, WorldTable>> = {
  'shop.orders': {
    columns: {
      id: 'Int64',
      student_id: 'Nullable(Int64)',
      class_id: 'Int64',
      status: 'String',
      amount: 'Decimal(10, 2)',
      day: 'Date32',
    },
    key: ['id'],
  },
  'shop.items': {
    columns: { id: 'Int64', order_id: 'Int32', sku: 'Nullable(String)', qty: 'Int32' },
    key: ['id'],
  },
  'shop.students': {
    columns: {
      id: 'Int64',
      name: 'String',
      group_id: 'Nullable(Int64)',
      mentor_id: 'Nullable(Int64)',
    },
    key: ['id'],
  },
  'shop.groups': {
    columns: { id: 'Int64', name: 'Nullable(String)', code: 'String' },
    key: ['id'],
  },
  'shop.classes': {
    columns: {
      id: 'Int64',
      teacher_id: 'Nullable(Int64)',
      title: 'String',
      low: 'Int32',
      high: 'Int32',
    },
    key: ['id'],
  },
  'shop.presence': {
    columns: {
      student_id: 'Int64',
      class_id: 'Int64',
      state: 'String',
      minutes: 'Nullable(Int32)',
    },
    key: ['student_id', 'class_id'],
  },
  'shop.seats': {
    columns: { class_id: 'Int64', student_id: 'Int64', seat: 'Nullable(String)' },
    key: ['student_id', 'class_id'],
  },
};

export const schoolModels: Readonly<Record<string, string>> = {
  // Two hops, and an inner join that decides whether there is a row at all.
  'dwd.order_wide': `-- key: order_id
-- description: one row per order
SELECT o.id AS order_id, o.status, o.amount, o.day, s.id AS student_id, s.name,
       g.name AS group_name, upper(c.title) AS title, c.teacher_id
FROM shop.orders AS o
LEFT JOIN shop.students AS s ON s.id = o.student_id
LEFT JOIN shop.groups AS g ON g.id = s.group_id
INNER JOIN shop.classes AS c ON o.class_id = c.id
WHERE o.status != 'draft';`,
  // Fan-out with a further condition; keys of both sides are hidden or under another name.
  'dwd.order_item': `SELECT o.status, i.sku, i.qty * 2 AS pairs, o.amount
FROM shop.orders o LEFT OUTER JOIN shop.items i ON i.order_id = o.id AND i.qty > 1`,
  // One table under three names.
  'dwd.mentor': `SELECT s.id, s.name, m.name AS mentor, mm.name AS grand_mentor, mg.name AS mentor_group
FROM shop.students s
LEFT JOIN shop.students m ON s.mentor_id = m.id
LEFT JOIN shop.students mm ON mm.id = m.mentor_id
LEFT JOIN shop.groups mg ON (mg.id = m.group_id)`,
  // A hop over expressions, a range, and one equality over two relations.
  'dwd.odd_joins': `SELECT o.id AS id, g.name AS code_group, c.title AS band, c2.title AS mixed
FROM shop.orders o
LEFT JOIN shop.groups g ON lower(g.code) = concat('c', toString(o.class_id))
INNER JOIN shop.students s ON s.id = o.student_id
LEFT JOIN shop.classes c ON c.teacher_id = s.group_id AND o.amount BETWEEN c.low AND c.high
LEFT JOIN shop.classes c2 ON c2.id = o.class_id + ifNull(s.group_id, 0)`,
  // Composite keys and USING.
  'dwd.presence_wide': `SELECT * FROM shop.presence p LEFT JOIN shop.seats t USING (student_id, class_id)`,
  // Groups of a model, by a column that may be NULL.
  'dws.sales': `SELECT group_name, day, count() AS orders, sum(amount) AS amount, uniqExact(student_id) AS students,
       min(order_id) AS first_order, max(status) AS last_status
FROM dwd.order_wide GROUP BY group_name, day HAVING count() > 1`,
  // Groups over joins of tables: a hidden stage of rows.
  'dws.attendance': `SELECT s.group_id AS group_id, p.class_id % 2 AS parity, sum(p.minutes) AS minutes,
       countIf(p.state = 'late') AS late, argMax(s.name, s.id) AS last_name
FROM shop.presence p LEFT JOIN shop.students s ON s.id = p.student_id
WHERE p.state != 'ill' GROUP BY group_id, parity, s.mentor_id IS NULL`,
  // Groups over one table.
  'dws.by_status': `SELECT status, toStartOfMonth(day) AS month, avg(amount) AS average, arraySort(groupArray(id)) AS ids
FROM shop.orders GROUP BY 1, month`,
  // Rows of an aggregate whose key may be NULL, joined with a name that is not unique.
  'ads.report': `SELECT x.group_name, x.day, x.amount, x.students, g.id AS group_id, a.minutes
FROM dws.sales x
LEFT JOIN shop.groups g ON g.name = x.group_name
LEFT JOIN dws.attendance a ON a.group_id = g.id AND a.parity = 1`,
  // Groups of groups.
  'ads.totals': `SELECT group_id, sum(amount) AS amount, max(students) AS students FROM ads.report GROUP BY group_id`,
  // What cannot be limited to keys, and a reader of it.
  'ads.ranking': `SELECT order_id, row_number() OVER (PARTITION BY day ORDER BY amount DESC, order_id) AS place
FROM dwd.order_wide`,
  'ads.winners': `SELECT r.order_id, w.title FROM ads.ranking r INNER JOIN dwd.order_wide w ON w.order_id = r.order_id
WHERE r.place = 1`,
};

/** Random writes that keep to the rules of a source: one row per key, deletes of what is there. */
export class SchoolTraffic {
  readonly #world: LayersWorld;
  readonly #random: Random;
  readonly #rows = new Map<string, Map<string, Row>>();

  constructor(world: LayersWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Some changes in some tables; the same row may change more than once. */
  async step(most = 6): Promise<void> {
    for (let count = this.#random.between(1, most); count > 0; count -= 1) await this.#change();
  }

  /** Fills all tables, so that there is something to join. */
  async fill(rowsPerTable: number): Promise<void> {
    for (const table of Object.keys(schoolTables)) {
      for (let count = 0; count < rowsPerTable; count += 1) await this.#change(table);
    }
  }

  async #change(table = this.#random.pick(Object.keys(schoolTables))): Promise<void> {
    const rows = this.#rows.get(table) ?? new Map<string, Row>();
    this.#rows.set(table, rows);
    const row = this.#row(table);
    const key = keyOf(table, row);
    const before = rows.get(key);
    const kind = this.#random.between(1, 10);
    if (before !== undefined && kind <= 3) {
      rows.delete(key);
      return this.#world.write(table, [], [before]);
    }
    const moved = [...rows.values()][0];
    if (before === undefined && moved !== undefined && kind <= 2) {
      // A changed primary key: the old key goes, the new one comes with the other columns as they were.
      const names = schoolTables[table]?.key ?? [];
      const renamed = {
        ...moved,
        ...Object.fromEntries(names.map((name) => [name, row[name] ?? null])),
      };
      rows.delete(keyOf(table, moved));
      rows.set(key, renamed);
      return this.#world.write(table, [renamed], [moved]);
    }
    rows.set(key, row);
    return this.#world.write(table, [row]);
  }

  #row(table: string): Row {
    const columns = schoolTables[table]?.columns ?? {};
    return Object.fromEntries(
      Object.entries(columns).map(([name, type]) => [name, this.#value(table, name, type)]),
    );
  }

  #value(table: string, name: string, type: string): string | number | null {
    const random = this.#random;
    if (type.startsWith('Nullable') && random.between(1, 4) === 1) return null;
    // Facts have more keys than there are dimension rows to refer to, so that references hit and miss.
    if (name === 'id') return random.between(1, isFact(table) ? 20 : 7);
    if (name === 'status') return random.pick(['paid', 'paid', 'refunded', 'draft']);
    if (name === 'state') return random.pick(['here', 'late', 'ill']);
    if (name === 'day') return random.pick(['2026-09-01', '2026-09-02', '2026-10-01']);
    if (name === 'code') return random.pick(['C1', 'c2', 'C3', 'c4']);
    if (name === 'name') return random.pick(['red', 'green', 'blue']);
    if (name === 'high') return random.between(40, 99);
    if (/String/.test(type)) return random.pick(['x', 'y', 'z']);
    if (/Int64/.test(type) || name === 'order_id') return random.between(1, 7);
    return random.between(0, 60);
  }
}

function isFact(table: string): boolean {
  return table === 'shop.orders' || table === 'shop.items';
}

function keyOf(table: string, row: Row): string {
  return JSON.stringify((schoolTables[table]?.key ?? []).map((name) => row[name]));
}
