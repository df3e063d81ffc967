import { ClickhouseEngine, type EngineInsert } from '../../engine/clickhouse-engine.ts';
import { tlsAgent } from '../tls-agent.ts';
import type { ClickhouseSinkOptions } from './options.ts';
import { storeErrorOf } from './store-errors.ts';

/** What is being done, for errors. */
export interface Doing {
  readonly doing: string;
  readonly table?: string;
}

interface Statement extends Doing {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** The ClickHouse of a sink: statements with a time limit, whose errors are the sink's. */
export class Store implements AsyncDisposable {
  readonly #engine: ClickhouseEngine;
  readonly #settings: Readonly<Record<string, string | number>>;
  readonly #timeoutMs: number;

  private constructor(engine: ClickhouseEngine, options: ClickhouseSinkOptions) {
    this.#engine = engine;
    this.#timeoutMs = options.timeoutSeconds * 1000;
    // Rows are on their shard, and a deletion on all replicas, when the statement is answered.
    this.#settings =
      options.cluster === undefined ? {} : { distributed_foreground_insert: 1, mutations_sync: 2 };
  }

  /** The server is contacted by the first statement. */
  static async open(options: ClickhouseSinkOptions): Promise<Store> {
    const { name, url, user, password, ssl } = options;
    const close = async () => {};
    const agent = ssl && tlsAgent(ssl, name);
    const engine = await ClickhouseEngine.open(async () => ({
      url,
      user,
      password: password.reveal(),
      isLost: false,
      ...(agent !== undefined && { agent }),
      close,
      [Symbol.asyncDispose]: close,
    }));
    return new Store(engine, options);
  }

  async command(sql: string, { doing, table, params, settings }: Statement): Promise<void> {
    await this.#run({ doing, ...(table !== undefined && { table }) }, (signal) =>
      this.#engine.command(sql, {
        ...(params && { params }),
        settings: { ...this.#settings, ...settings },
        signal,
      }),
    );
  }

  async rows<T>(sql: string, { doing, table, params }: Statement): Promise<T[]> {
    return this.#run({ doing, ...(table !== undefined && { table }) }, (signal) =>
      this.#engine.rows<T>(sql, { ...(params && { params }), signal }),
    );
  }

  /**
   * Rows with a token are dropped when the store knows it; those without one are always taken, although a store that knows their
   * bytes would leave them out. Says how many were written; dropped ones may count.
   */
  async insert(insert: Omit<EngineInsert, 'settings' | 'signal'>, doing: Doing): Promise<number> {
    const insert_deduplicate = insert.token === undefined ? 0 : 1;
    // A key is in a batch once, so there is nothing to reduce on the way.
    const settings = { ...this.#settings, insert_deduplicate, optimize_on_insert: 0 };
    const action = (signal: AbortSignal) => this.#engine.insert({ ...insert, settings, signal });
    return this.#run(doing, action, true);
  }

  async *query(sql: string, format: string, doing: Doing): AsyncGenerator<Buffer, void> {
    try {
      yield* this.#engine.query(sql, { format });
    } catch (error) {
      throw storeErrorOf(error, doing);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  async #run<T>(
    doing: Doing,
    action: (signal: AbortSignal) => Promise<T>,
    isWrite = false,
  ): Promise<T> {
    try {
      return await action(AbortSignal.timeout(this.#timeoutMs));
    } catch (error) {
      throw storeErrorOf(error, { ...doing, isWrite });
    }
  }
}
