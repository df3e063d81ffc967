import { splitTableId, type TableId } from '../change/table-id.ts';
import type { RouteProblem } from './route-problem.ts';
import { placeholdersOf, topicIdentity, topicName, topicProblem } from './topic-template.ts';

/** Names the topics of tables, and sees to it that no two meet in one that the template does not mean. */
export class Topics {
  readonly #template: string;
  readonly #prefix: string;
  /** The log's own, by identity. */
  readonly #reserved: ReadonlySet<string>;
  /** What stands behind a topic, by its identity. */
  readonly #taken = new Map<string, { readonly meaning: string; readonly table: TableId }>();
  readonly #names = new Map<string, string>();

  constructor(template: string, prefix: string) {
    this.#template = template;
    this.#prefix = prefix;
    const own = [prefix, `${prefix}._commits`, `${prefix}.transaction`];
    this.#reserved = new Set(own.map(topicIdentity));
  }

  /** The topic of a table after the rules, for one business of it; or why there cannot be one. */
  of(table: TableId, business: string): string | RouteProblem {
    const known = this.#names.get(`${business} ${table}`);
    if (known !== undefined) return known;
    const values = { prefix: this.#prefix, business, ...splitTableId(table) };
    const topic = topicName(this.#template, values);
    const names = placeholdersOf(this.#template);
    const parts = names.map((name) => values[name as keyof typeof values]);
    // A topic of one table has nobody else's changes, also when they share its name.
    const meaning = JSON.stringify([...parts, names.includes('table') ? table : undefined]);
    const identity = topicIdentity(topic);
    const other = this.#taken.get(identity);
    const problem = topicProblem(topic);
    if (problem !== undefined) return refused(table, `its topic ${topic} ${problem}`);
    if (this.#reserved.has(identity)) {
      return refused(table, `its topic would be ${topic}, which the log itself needs`);
    }
    if (other !== undefined && other.meaning !== meaning) {
      return refused(
        table,
        `its topic ${topic} would be that of ${other.table} too, or as good as`,
      );
    }
    this.#taken.set(identity, { meaning, table });
    this.#names.set(`${business} ${table}`, topic);
    return topic;
  }

  /** Whether the topic may be that of the table after the rules, for whatever business. */
  mayBe(topic: string, table: TableId): boolean {
    const values = { prefix: this.#prefix, ...splitTableId(table) };
    const parts = topicName(this.#template.replaceAll('{business}', '/'), values).split('/');
    const [first = '', ...others] = parts;
    const last = others.at(-1);
    return last === undefined ? topic === first : topic.startsWith(first) && topic.endsWith(last);
  }
}

function refused(table: TableId, message: string): RouteProblem {
  return {
    path: ['topic'],
    table,
    code: 'CDC_ROUTE_INVALID',
    message,
    remedy:
      'Tell the tables apart: add {database} to route.topic, name the business otherwise, or merge the tables.',
  };
}
