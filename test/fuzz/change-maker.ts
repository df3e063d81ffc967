import type { Row, WorldTable } from '../support/layers-world.ts';
import type { Random } from '../support/random.ts';
import type { Change } from './scenario.ts';
import { makeRow } from './table-maker.ts';
import { happens } from './values.ts';

/** Random changes of tables, as a source could make them. */
export class ChangeMaker {
  readonly #random: Random;
  readonly #tables: Readonly<Record<string, WorldTable>>;
  readonly #rows = new Map<string, Map<string, Row>>();

  constructor(random: Random, tables: Readonly<Record<string, WorldTable>>) {
    this.#random = random;
    this.#tables = tables;
    for (const name of Object.keys(tables)) this.#rows.set(name, new Map());
  }

  fill(): Change[] {
    return Object.entries(this.#tables).flatMap(([name, table]) => {
      const count = this.#random.between(0, 10);
      return Array.from({ length: count }, () => this.#put(name, makeRow(this.#random, table)));
    });
  }

  some(most: number): Change[] {
    const changes: Change[] = [];
    const random = this.#random;
    const focus = happens(random, 0.5) ? random.pick(Object.keys(this.#tables)) : undefined;
    for (let count = random.between(1, most); count > 0; count -= 1) {
      changes.push(...this.#one(focus ?? random.pick(Object.keys(this.#tables))));
    }
    return changes;
  }

  #one(name: string): Change[] {
    const random = this.#random;
    const table = this.#tables[name];
    if (table === undefined) return [];
    const rows = [...(this.#rows.get(name)?.values() ?? [])];
    const fresh = makeRow(random, table);
    const kind = random.between(1, 100);
    if (rows.length === 0 || kind <= 25) return [this.#put(name, fresh, random)];
    const old = random.pick(rows);
    const oldKey = Object.fromEntries(table.key.map((column) => [column, old[column] ?? null]));
    if (kind <= 45) return [this.#put(name, { ...old, ...oneOf(random, fresh), ...oldKey })];
    if (kind <= 60) return [this.#put(name, { ...fresh, ...oldKey })];
    if (kind <= 75) return [this.#take(name, old)];
    if (kind <= 85) {
      const newKey = Object.fromEntries(table.key.map((column) => [column, fresh[column] ?? null]));
      return [this.#take(name, old), this.#put(name, { ...old, ...newKey })];
    }
    if (kind <= 90) return [this.#take(name, old), this.#put(name, old)];
    if (kind <= 98) return [{ table: name, kind: 'replay', back: random.between(0, 30) }];
    return rows.map((row) => this.#take(name, row));
  }

  #put(table: string, row: Row, random?: Random): Change {
    this.#rows.get(table)?.set(keyText(this.#tables[table], row), row);
    const isLate = random !== undefined && this.#tables[table]?.arrival && happens(random, 0.3);
    return { table, kind: 'put', row, ...(isLate ? { isLate } : {}) };
  }

  #take(table: string, row: Row): Change {
    this.#rows.get(table)?.delete(keyText(this.#tables[table], row));
    return { table, kind: 'take', row };
  }
}

export function keyText(table: WorldTable | undefined, row: Row): string {
  return JSON.stringify((table?.key ?? []).map((name) => row[name]));
}

function oneOf(random: Random, row: Row): Row {
  const name = random.pick(Object.keys(row));
  return { [name]: row[name] ?? null };
}
