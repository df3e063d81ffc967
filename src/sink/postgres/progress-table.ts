import { z } from 'zod';
import type { Progress, ProgressStep } from '../sink.ts';
import { sinkError, staleProgress } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { Session } from './session-pool.ts';
import { quoteName, quoteText } from './sql-text.ts';

const columnNames = z.array(z.string());

/**
 * `cdc_progress`: a row for each table of each sink that fills the schema. `columns` are those that were made by us, and
 * `sequence` is 0 until the first batch.
 */
export class ProgressTable {
  readonly #name: string;
  readonly #schema: string;
  readonly #sink: string;

  /** `sink`: unique among all that fill the schema. */
  constructor(schema: string, sink: string) {
    this.#schema = schema;
    this.#name = `${quoteName(schema)}.cdc_progress`;
    this.#sink = sink;
  }

  /** The statements that make it, when it is missing. */
  async missing(session: Session): Promise<string[]> {
    const [found] = await session.rows<{ schema: boolean; progress: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS schema,
         EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = $1 AND c.relname = 'cdc_progress') AS progress`,
      [this.#schema],
    );
    if (found?.progress) return [];
    return [
      ...(found?.schema ? [] : [`CREATE SCHEMA ${quoteName(this.#schema)}`]),
      `CREATE TABLE ${this.#name} (sink text NOT NULL, source text NOT NULL, target text NOT NULL, sequence bigint NOT NULL, ` +
        'value text NOT NULL, columns text NOT NULL, changed_at timestamp with time zone NOT NULL, PRIMARY KEY (sink, source))',
    ];
  }

  async all(session: Session): Promise<Map<string, Progress>> {
    if ((await this.missing(session)).length > 0) return new Map();
    const rows = await session.rows<{ source: string; sequence: string; value: string }>(
      `SELECT source, sequence::text AS sequence, value FROM ${this.#name} WHERE sink = $1 AND sequence > 0`,
      [this.#sink],
    );
    return new Map(
      rows.map(({ source, sequence, value }) => [source, { sequence: Number(sequence), value }]),
    );
  }

  /** Names of the columns that were made by us. */
  async columns(session: Session, table: SinkTable): Promise<string[]> {
    const [row] = await session.rows<{ columns: string }>(
      `SELECT columns FROM ${this.#name} WHERE sink = $1 AND source = $2`,
      [this.#sink, table.source],
    );
    return row === undefined ? [] : columnNames.parse(JSON.parse(row.columns));
  }

  /** Throws CDC_SINK_FOREIGN when another sink, of whatever project, fills the table. */
  async assertUnshared(session: Session, table: SinkTable): Promise<void> {
    const [other] = await session.rows<{ sink: string; source: string }>(
      `SELECT sink, source FROM ${this.#name} WHERE target = $3 AND (sink, source) <> ($1, $2)`,
      [this.#sink, table.source, table.target],
    );
    if (other === undefined) return;
    const why = `sink ${other.sink} fills the table ${table.target} from ${other.source}.`;
    throw sinkError('CDC_SINK_FOREIGN', `Preparing ${table.source}`, why, { table: table.source });
  }

  /** Notes the columns made by us; the progress stays what it is. */
  noteColumns(table: SinkTable, names: readonly string[]): string {
    const columns = quoteText(JSON.stringify(names));
    return (
      `INSERT INTO ${this.#name} (sink, source, target, sequence, value, columns, changed_at) ` +
      `VALUES (${this.#key(table)}, ${quoteText(table.target)}, 0, '', ${columns}, now()) ` +
      'ON CONFLICT (sink, source) DO UPDATE SET target = excluded.target, columns = excluded.columns'
    );
  }

  /** Gives the sequence, and makes every other writer of the table wait until the transaction ends. */
  lock(table: SinkTable): string {
    return `SELECT sequence::text AS sequence FROM ${this.#name} WHERE (sink, source) = (${this.#key(table)}) FOR UPDATE`;
  }

  /** Throws CDC_SINK_STALE unless the answer to `lock` is what the step follows. */
  assertFollows(
    table: SinkTable,
    rows: readonly { readonly sequence: string }[],
    { follows }: ProgressStep,
  ): void {
    const found = Number(rows[0]?.sequence ?? 0);
    if (found !== follows) throw staleProgress(table.source, found, follows);
  }

  keep(table: SinkTable, { sequence, value }: Progress): string {
    return (
      `INSERT INTO ${this.#name} (sink, source, target, sequence, value, columns, changed_at) ` +
      `VALUES (${this.#key(table)}, ${quoteText(table.target)}, ${sequence}, ${quoteText(value)}, '[]', now()) ` +
      'ON CONFLICT (sink, source) DO UPDATE SET sequence = excluded.sequence, value = excluded.value, changed_at = excluded.changed_at'
    );
  }

  forget(table: SinkTable): string {
    return `DELETE FROM ${this.#name} WHERE (sink, source) = (${this.#key(table)})`;
  }

  #key({ source }: SinkTable): string {
    return `${quoteText(this.#sink)}, ${quoteText(source)}`;
  }
}
