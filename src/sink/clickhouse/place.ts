import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { ClickhouseSinkOptions } from './options.ts';

/** Where one target lies; names are quoted. */
export interface Place {
  /** Unquoted: `shop.orders`. No two targets of a store share it. */
  readonly name: string;
  /** What people read. */
  readonly view: { readonly database: string; readonly table: string };
  /** Holds the rows: the table itself, or on a cluster its part on each server. */
  readonly local: { readonly database: string; readonly table: string };
  /** What is written and read: the table itself, or on a cluster the Distributed one over its parts. */
  readonly whole: { readonly database: string; readonly table: string };
}

type Layout = Pick<ClickhouseSinkOptions, 'database' | 'storage' | 'cluster'>;

/** The first dot of a target divides its database from its table. */
export function placeOf(target: string, { database, storage, cluster }: Layout): Place {
  const dot = target.indexOf('.');
  const view =
    dot === -1
      ? { database, table: target }
      : { database: target.slice(0, dot), table: target.slice(dot + 1) };
  const name = `${view.database}.${view.table}`;
  const whole = { database: storage, table: name };
  return {
    name,
    view,
    whole,
    local: cluster === undefined ? whole : { database: storage, table: `${name}~local` },
  };
}

export function quoted({ database, table }: { database: string; table: string }): string {
  return `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
}
