import type { Problem } from '../../errors.ts';
import type {
  BucketChoice,
  Checksum,
  LineBatch,
  LineSink,
  PrepareOptions,
  Progress,
  Sweep,
} from '../sink.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { tsvText } from '../tsv-text.ts';
import type { TypeMap } from '../type-map.ts';
import { loadHeaders, versionColumnOf, wantedColumns } from './ddl.ts';
import { HttpClient } from './http-client.ts';
import type { DorisSinkOptions } from './options.ts';
import { storeProblems } from './preflight.ts';
import { ProgressTable } from './progress-table.ts';
import { checksumStatement, readStatement, type StoredRows } from './read-statements.ts';
import { SqlClient } from './sql-client.ts';
import { quoteName } from './sql-text.ts';
import { StoredTables } from './stored-table.ts';
import { StreamLoader } from './stream-loader.ts';
import { dorisTypes } from './type-map.ts';

/**
 * Tables in Doris, SelectDB or StarRocks.
 *
 * Rows come as JSON, a line each with every value as a text or a number, because it is the one form in which any text arrives as it
 * is. A batch is one Stream Load whose label is made of the batch’s token, so that it is loaded once whatever happens to
 * the answer; the row’s version is the table’s sequence column, so that an older row never wins. Progress is written after the rows.
 */
export class DorisSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONEachRow';
  readonly formatSettings = {
    output_format_json_quote_64bit_integers: 1,
    output_format_json_quote_decimals: 1,
    output_format_json_escape_forward_slashes: 0,
  };
  readonly types: TypeMap;
  readonly #options: DorisSinkOptions;
  readonly #sql: SqlClient;
  readonly #http: HttpClient;
  readonly #loader: StreamLoader;
  readonly #progress: ProgressTable;
  readonly #tables: StoredTables;

  constructor(options: DorisSinkOptions) {
    this.#options = options;
    this.types = dorisTypes(options);
    this.#sql = new SqlClient(options);
    this.#http = new HttpClient(options);
    this.#loader = new StreamLoader(options, { sql: this.#sql, http: this.#http });
    this.#progress = new ProgressTable(options, this.#sql);
    this.#tables = new StoredTables(options, this.#sql);
  }

  preflight(): Promise<Problem[]> {
    return storeProblems(this.#options, { sql: this.#sql, http: this.#http });
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    return this.#progress.all();
  }

  async plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return [...(await this.#progress.missing()), ...(await this.#plan(table, options))];
  }

  async prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    if (!options.mayAlter) {
      const [first] = await this.plan(table, options);
      if (first === undefined) return;
      throw incompatibleTable(table.source, `it does not fit, and may not be altered: ${first}.`);
    }
    await this.#progress.create();
    await this.#progress.assertUnshared(table);
    await this.#tables.settle(table);
    const own = await this.#progress.columns(table);
    const statements = await this.#plan(table, options);
    // Noted before they are there, so that a crash on the way does not make them somebody else’s.
    const wanted = wantedColumns(table, this.types, this.#options).map(({ name }) => name);
    await this.#progress.noteColumns(table, [...new Set([...own, ...wanted])]);
    await this.#tables.apply(table, statements);
  }

  async write({ table, token, step, body, rowCount }: LineBatch): Promise<void> {
    const before = await this.#progress.following(table, step);
    if (rowCount > 0) {
      await this.#loader.load({
        source: table.source,
        target: table.target,
        label: `cdc_${token}`,
        headers: loadHeaders(table, this.#options),
        body,
        rowCount,
        confirm: async () => {
          await this.#progress.following(table, step);
        },
      });
    }
    await this.#progress.keep(table, step.next, before);
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const before = await this.#progress.following(table, step);
    const version = quoteName(versionColumnOf(table, this.#options));
    const about = { doing: `Deleting old rows of ${table.source}`, table: table.source };
    await this.#sql.run(
      `DELETE FROM ${this.#tables.name(table)} WHERE ${version} < ${below}`,
      [],
      about,
    );
    await this.#progress.keep(table, step.next, before);
  }

  async drop(table: SinkTable): Promise<void> {
    if ((await this.#progress.missing()).length > 0) return;
    const own = await this.#progress.columns(table);
    await this.#tables.apply(table, await this.#tables.planDrop(table, own));
    await this.#progress.forget(table);
  }

  async checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    const rows = await this.#sql.rows<Record<'bucket' | 'row_count' | 'sum1' | 'sum2', string>>(
      checksumStatement(this.#rowsOf(table), digits),
      [],
      { doing: `Computing checksums of ${table.source}`, table: table.source },
    );
    return rows.map(({ bucket, row_count, sum1, sum2 }) => ({
      bucket,
      rows: Number(row_count),
      sum1: BigInt(sum1),
      sum2: BigInt(sum2),
    }));
  }

  async *readBack(table: SinkTable, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    const about = { doing: `Reading ${table.source}`, table: table.source };
    const statement = readStatement(this.#rowsOf(table), buckets);
    for await (const texts of this.#sql.stream(statement, about)) {
      yield Buffer.from(`${texts.map(tsvText).join('\t')}\n`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql[Symbol.asyncDispose]();
  }

  async #plan(table: SinkTable, { drop }: PrepareOptions): Promise<string[]> {
    const wanted = wantedColumns(table, this.types, this.#options);
    const droppable = drop ? await this.#progress.columns(table) : [];
    return this.#tables.plan(table, wanted, droppable);
  }

  #rowsOf(table: SinkTable): StoredRows {
    const { types } = this;
    const version = versionColumnOf(table, this.#options);
    return { table, types, version, from: this.#tables.name(table) };
  }
}
