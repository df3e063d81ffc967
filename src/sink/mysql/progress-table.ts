import { z } from 'zod';
import type { Progress, ProgressStep } from '../sink.ts';
import { staleProgress } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { Session } from './sessions.ts';
import { quoteText, tableName } from './sql-text.ts';

const table = 'cdc_progress';
const columnNames = z.array(z.string());

interface ProgressRow {
  readonly source: string;
  readonly sequence: string | number;
  readonly value: string;
}

/**
 * `cdc_progress`: a row for each table of each sink that fills the database. `columns` are those that were made by us, and
 * `sequence` is 0 until the first batch.
 */
export class ProgressTable {
  readonly #database: string;
  readonly #name: string;
  readonly #sink: string;

  /** `sink`: unique among all that fill the database. */
  constructor(database: string, sink: string) {
    this.#database = database;
    this.#name = tableName({ database }, table);
    this.#sink = sink;
  }

  /** The statement that makes it; undefined when it is there. */
  async missing(session: Session): Promise<string | undefined> {
    const found = await session.rows(
      `SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quoteText(this.#database)} AND TABLE_NAME = ${quoteText(table)}`,
    );
    if (found.length > 0) return undefined;
    return (
      `CREATE TABLE IF NOT EXISTS ${this.#name} (sink varchar(200) NOT NULL, source varchar(255) NOT NULL, ` +
      '`sequence` bigint unsigned NOT NULL, `value` mediumtext NOT NULL, `columns` mediumtext NOT NULL, ' +
      'changed_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (sink, source)) ' +
      'ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin'
    );
  }

  async all(session: Session): Promise<Map<string, Progress>> {
    if ((await this.missing(session)) !== undefined) return new Map();
    const rows = await session.rows<ProgressRow>(
      `SELECT source, \`sequence\`, \`value\` FROM ${this.#name} WHERE sink = ${quoteText(this.#sink)} AND \`sequence\` > 0`,
    );
    return new Map(
      rows.map(({ source, sequence, value }) => [source, { sequence: Number(sequence), value }]),
    );
  }

  /** Names of the columns that were made by us. */
  async columns(session: Session, of: SinkTable): Promise<string[]> {
    if ((await this.missing(session)) !== undefined) return [];
    const [row] = await session.rows<{ columns: string }>(
      `SELECT \`columns\` FROM ${this.#name} WHERE ${this.#isRow(of)}`,
    );
    return row === undefined ? [] : columnNames.parse(JSON.parse(row.columns));
  }

  /** Notes the columns made by us; the progress stays what it is. */
  async noteColumns(session: Session, of: SinkTable, names: readonly string[]): Promise<void> {
    const columns = quoteText(JSON.stringify(names));
    await session.run(
      `INSERT INTO ${this.#name} (sink, source, \`sequence\`, \`value\`, \`columns\`) ` +
        `VALUES (${quoteText(this.#sink)}, ${quoteText(of.source)}, 0, '', ${columns}) ` +
        `ON DUPLICATE KEY UPDATE \`columns\` = ${columns}`,
    );
  }

  /**
   * Moves the progress, at the beginning of a transaction: every other writer of the table then waits until it ends. Throws
   * CDC_SINK_STALE unless the store is where the step follows.
   */
  async move(session: Session, of: SinkTable, { follows, next }: ProgressStep): Promise<void> {
    const met = await session.run(
      `UPDATE ${this.#name} SET \`sequence\` = ${next.sequence}, \`value\` = ${quoteText(next.value)} ` +
        `WHERE ${this.#isRow(of)} AND \`sequence\` = ${follows}`,
    );
    if (met !== 1) throw staleProgress(of.source, await this.#sequence(session, of), follows);
  }

  /** Throws CDC_SINK_STALE unless the store is where the step follows. */
  async assertFollows(session: Session, of: SinkTable, { follows }: ProgressStep): Promise<void> {
    const found = await this.#sequence(session, of);
    if (found !== follows) throw staleProgress(of.source, found, follows);
  }

  async forget(session: Session, of: SinkTable): Promise<void> {
    if ((await this.missing(session)) !== undefined) return;
    await session.run(`DELETE FROM ${this.#name} WHERE ${this.#isRow(of)}`);
  }

  async #sequence(session: Session, of: SinkTable): Promise<number> {
    const [row] = await session.rows<ProgressRow>(
      `SELECT \`sequence\` FROM ${this.#name} WHERE ${this.#isRow(of)}`,
    );
    return Number(row?.sequence ?? 0);
  }

  #isRow({ source }: SinkTable): string {
    return `sink = ${quoteText(this.#sink)} AND source = ${quoteText(source)}`;
  }
}
