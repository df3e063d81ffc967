import type { PrepareOptions } from '../sink.ts';
import { incompatibleTable } from '../sink-errors.ts';
import { bytesAsText, textOfBytes } from './byte-text.ts';
import type { RedisConnection } from './redis-connection.ts';
import { type LayoutDescription, sharedKeys, type TableLayout } from './table-layout.ts';

/** What `prepare` has to do: its sentences, and what is kept afterwards. */
export interface LayoutPlan {
  readonly sentences: readonly string[];
  readonly description: LayoutDescription;
  /** Columns whose values are to go from hashes. */
  readonly dropped: readonly string[];
}

/** The layouts of the tables in the store, kept there: how what lies there is to be read. */
export class StoredLayouts {
  readonly #connection: RedisConnection;
  readonly #key: string;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#key = `${prefix}_cdc:tables`;
  }

  async all(): Promise<ReadonlyMap<string, LayoutDescription>> {
    const found = await this.#connection.send('Reading the layouts of tables', [
      'HGETALL',
      this.#key,
    ]);
    const texts = (found as string[]).map(textOfBytes);
    const layouts = new Map<string, LayoutDescription>();
    for (let at = 0; at + 1 < texts.length; at += 2) {
      layouts.set(texts[at] as string, JSON.parse(texts[at + 1] as string));
    }
    return layouts;
  }

  async keep(source: string, description: LayoutDescription): Promise<void> {
    const value = bytesAsText(JSON.stringify(description));
    const args = ['HSET', this.#key, bytesAsText(source), value];
    await this.#connection.send(`Keeping the layout of ${source}`, args);
  }

  async forget(source: string): Promise<void> {
    const args = ['HDEL', this.#key, bytesAsText(source)];
    await this.#connection.send(`Forgetting the layout of ${source}`, args);
  }
}

/** Throws CDC_SINK_INCOMPATIBLE where rows in the store do not fit, or keys of another table could be the same. */
export function planLayout(
  layout: TableLayout,
  stored: ReadonlyMap<string, LayoutDescription>,
  { drop }: Pick<PrepareOptions, 'drop'>,
): LayoutPlan {
  const { table, description } = layout;
  for (const [source, other] of stored) {
    const shared = source === table.source ? undefined : sharedKeys(description, other);
    if (shared === undefined) continue;
    throw incompatibleTable(table.source, `it could have keys of ${source}: ${shared}.`);
  }
  const before = stored.get(table.source);
  if (before === undefined) {
    const sentence = `keep rows of ${table.source} as ${description.value} at ${description.key}`;
    return { sentences: [sentence], description, dropped: [] };
  }
  assertSame(table.source, before, description);
  const gone = Object.keys(before.columns).filter((name) => !(name in description.columns));
  const added = Object.keys(description.columns).filter((name) => !(name in before.columns));
  const isHash = layout.value.kind === 'hash';
  const kept = drop ? [] : gone.map((name) => [name, before.columns[name]]);
  return {
    sentences: [
      ...added.map((name) => `new rows of ${table.source} have ${name}`),
      ...(drop ? gone : []).map((name) =>
        isHash
          ? `remove ${name} from the hashes of ${table.source}`
          : `values of ${table.source} lose ${name} when their rows change`,
      ),
    ],
    description: {
      ...description,
      columns: { ...description.columns, ...Object.fromEntries(kept) },
    },
    dropped: drop && isHash ? gone : [],
  };
}

function assertSame(source: string, before: LayoutDescription, now: LayoutDescription): void {
  const { columns: columnsBefore, value: valueBefore, ...rest } = before;
  const { columns, value, ...restNow } = now;
  if (JSON.stringify(rest) !== JSON.stringify(restNow) || kindOf(valueBefore) !== kindOf(value)) {
    throw incompatibleTable(
      source,
      'its rows lie there in another way (key, value, indexes or ttl).',
    );
  }
  const changed = Object.keys(columns).filter(
    (name) => name in columnsBefore && columnsBefore[name] !== columns[name],
  );
  if (changed.length === 0) return;
  throw incompatibleTable(
    source,
    `values of ${changed.join(', ')} would look otherwise than before.`,
  );
}

/** Of fields only their columns' forms matter, so that a message can have more of them. */
function kindOf(value: string): string {
  return /^\{"(fields|protoFile)"/.test(value) ? 'protobuf' : value;
}
