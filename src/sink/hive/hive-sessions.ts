import { CdcError } from '../../errors.ts';
import { HiveConnection, type HiveServerAddress } from './hive-connection.ts';

/**
 * What each session needs before our statements. Statistics of columns would be gathered by every compaction, and fail it where the
 * metastore has no tables for them.
 */
const sessionSettings = [
  'SET hive.exec.dynamic.partition.mode=nonstrict',
  'SET hive.stats.autogather=false',
  'SET hive.stats.column.autogather=false',
];

/** Sessions with one server, opened when they are needed and no more than `limit`. A lost one is replaced by the next call. */
export class HiveSessions implements AsyncDisposable {
  readonly #address: HiveServerAddress;
  readonly #limit: number;
  readonly #idle: HiveConnection[] = [];
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(address: HiveServerAddress, limit: number) {
    this.#address = address;
    this.#limit = limit;
  }

  async run(...statements: readonly string[]): Promise<void> {
    await this.#use(async (connection) => {
      for (const sql of statements) await connection.run(sql);
    });
  }

  /** Rows of a SELECT of STRING columns, page by page; the session is busy until the last one is read. */
  async *rows(sql: string): AsyncGenerator<(string | null)[][], void> {
    const connection = await this.#take();
    try {
      yield* connection.rows(sql);
    } catch (error) {
      throw await this.#judge(connection, error);
    } finally {
      this.#give(connection);
    }
  }

  /** All of a small result. */
  async all(sql: string): Promise<(string | null)[][]> {
    const all: (string | null)[][] = [];
    for await (const page of this.rows(sql)) all.push(...page);
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  async #use<T>(action: (connection: HiveConnection) => Promise<T>): Promise<T> {
    const connection = await this.#take();
    try {
      return await action(connection);
    } catch (error) {
      throw await this.#judge(connection, error);
    } finally {
      this.#give(connection);
    }
  }

  /** A session that the server has forgotten is as good as a lost one. */
  async #judge(connection: HiveConnection, error: unknown): Promise<unknown> {
    if (error instanceof CdcError && error.code === 'CDC_SINK_UNREACHABLE') {
      await connection.close();
    }
    return error;
  }

  async #take(): Promise<HiveConnection> {
    while (this.#taken >= this.#limit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken += 1;
    try {
      for (let known = this.#idle.pop(); known !== undefined; known = this.#idle.pop()) {
        if (!known.isLost) return known;
      }
      const connection = await HiveConnection.open(this.#address);
      for (const sql of sessionSettings) await connection.run(sql);
      return connection;
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  #give(connection: HiveConnection): void {
    if (!connection.isLost) this.#idle.push(connection);
    this.#free();
  }

  #free(): void {
    this.#taken -= 1;
    this.#waiting.shift()?.();
  }
}
