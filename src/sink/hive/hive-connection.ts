import { setTimeout as delay } from 'node:timers/promises';
import { auth, connections, HiveClient, thrift } from 'hive-driver';
import type { Secret } from '../../lib/secret.ts';
import { HiveConnectionError, HiveStatementError, hiveError } from './hive-error.ts';

export interface HiveServerAddress {
  readonly host: string;
  readonly port: number;
  /** `nosasl` as `hive.server2.authentication=NOSASL`; `plain` as NONE, LDAP, PAM and CUSTOM. */
  readonly auth: 'plain' | 'nosasl';
  readonly user: string;
  readonly password: Secret;
  readonly tls?: {
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
    readonly rejectUnauthorized: boolean;
  };
  /** For one call; a statement that runs is asked again and again how it is. */
  readonly timeoutMs: number;
}

/** Values of one column of a page; NULL is null. */
type Cell = string | null;
type HiveSession = Awaited<ReturnType<HiveClient['openSession']>>;
type HiveOperation = Awaited<ReturnType<HiveSession['executeStatement']>>;

const { TCLIService, TCLIService_types: types } = thrift;
const pageRows = 10_000;
const firstPollMs = 5;
const longestPollMs = 500;
const runningStates = new Set<unknown>([
  types.TOperationState.INITIALIZED_STATE,
  types.TOperationState.PENDING_STATE,
  types.TOperationState.RUNNING_STATE,
]);

/**
 * A session with HiveServer2; one statement at a time. After an error of the connection `isLost`, and the session is of no use any more.
 * Throws CDC_SINK_* (hive-error.ts).
 */
export class HiveConnection {
  readonly #client: HiveClient;
  readonly #session: HiveSession;
  readonly #guard: ConnectionGuard;

  private constructor(client: HiveClient, session: HiveSession, guard: ConnectionGuard) {
    this.#client = client;
    this.#session = session;
    this.#guard = guard;
  }

  /** A server with another kind of log-in than asked for does not answer at all: that is a time-out, too. */
  static async open(address: HiveServerAddress): Promise<HiveConnection> {
    const { host, port, tls } = address;
    const client = new HiveClient(TCLIService, types);
    const guard = new ConnectionGuard(client, address.timeoutMs);
    const doing = `Connecting to Hive at ${host}:${port}`;
    try {
      const options = tls === undefined ? {} : { options: { ssl: true, ...tls } };
      const provider = new connections.TcpConnection();
      await guard.watch(client.connect({ host, port, ...options }, provider, loginOf(address)));
      const session = await guard.watch(
        client.openSession({
          client_protocol: types.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V10,
        }),
      );
      return new HiveConnection(client, session, guard);
    } catch (error) {
      end(client);
      throw hiveError(doing, error);
    }
  }

  get isLost(): boolean {
    return this.#guard.isLost;
  }

  async run(sql: string): Promise<void> {
    try {
      await this.#close(await this.#start(sql));
    } catch (error) {
      throw hiveError(`Running ${sql.slice(0, 60).replace(/\s+/g, ' ')}...`, error);
    }
  }

  /** Rows of a SELECT whose columns are all STRING, page by page. */
  async *rows(sql: string): AsyncGenerator<Cell[][], void> {
    let operation: HiveOperation | undefined;
    try {
      operation = await this.#start(sql);
      do {
        operation.flush();
        await this.#guard.watch(operation.fetch());
        const rows = operation.getData().flatMap(rowsOf);
        if (rows.length > 0) yield rows;
      } while (operation.hasMoreRows());
    } catch (error) {
      throw hiveError(`Running a query in Hive`, error);
    } finally {
      if (operation !== undefined) await this.#close(operation);
    }
  }

  /** It is of no use any more afterwards. */
  async close(): Promise<void> {
    if (!this.isLost) await this.#guard.watch(this.#session.close()).catch(() => undefined);
    this.#guard.lose(new HiveConnectionError('the connection was closed by us'));
    end(this.#client);
  }

  async #start(sql: string): Promise<HiveOperation> {
    const operation = await this.#guard.watch(
      this.#session.executeStatement(sql, { runAsync: true }),
    );
    operation.setMaxRows(pageRows);
    try {
      await this.#finish(operation);
      return operation;
    } catch (error) {
      await this.#close(operation);
      throw error;
    }
  }

  /** The driver has such a loop, too, but without a pause and without an end when nobody answers. */
  async #finish(operation: HiveOperation): Promise<void> {
    for (let pauseMs = firstPollMs; ; pauseMs = Math.min(pauseMs * 2, longestPollMs)) {
      const status = await this.#guard.watch(operation.status(false));
      if (operation.finished()) return;
      if (!runningStates.has(status.operationState)) {
        throw new HiveStatementError(status.errorMessage ?? 'the server has cancelled it');
      }
      await delay(pauseMs);
    }
  }

  async #close(operation: HiveOperation): Promise<void> {
    if (!this.isLost) await this.#guard.watch(operation.close()).catch(() => undefined);
  }
}

/** Ends calls that a dead connection would leave open for ever: the driver settles nothing then. */
class ConnectionGuard {
  readonly #timeoutMs: number;
  readonly #lost: Promise<never>;
  #isLost = false;
  #reject: (error: Error) => void = () => {};

  constructor(client: HiveClient, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#lost = new Promise((_, reject) => {
      this.#reject = reject;
    });
    client.on('error', (error) =>
      this.lose(error instanceof Error ? error : new HiveConnectionError(String(error))),
    );
    client.on('close', () => this.lose(new HiveConnectionError('the connection was closed')));
    this.#lost.catch(() => undefined);
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  lose(error: Error): void {
    this.#isLost = true;
    this.#reject(error);
  }

  async watch<T>(call: Promise<T>): Promise<T> {
    const limitMs = this.#timeoutMs;
    call.catch(() => undefined);
    const timer = new AbortController();
    const timeout = delay(limitMs, undefined, { signal: timer.signal, ref: false }).then(() => {
      const error = new HiveConnectionError(`no answer for ${limitMs} ms`);
      this.lose(error);
      throw error;
    });
    timeout.catch(() => undefined);
    try {
      return await Promise.race([call, this.#lost, timeout]);
    } finally {
      timer.abort();
    }
  }
}

function loginOf({ auth: kind, user, password }: HiveServerAddress) {
  if (kind === 'nosasl') return new auth.NoSaslAuthentication();
  return new auth.PlainTcpAuthentication({ username: user, password: password.reveal() });
}

function end(client: HiveClient): void {
  try {
    client.close();
  } catch {
    // A connection that was never made cannot be closed.
  }
}

interface ColumnPage {
  readonly stringVal?: { readonly values: readonly string[]; readonly nulls: Buffer };
}

function rowsOf(page: { columns?: readonly ColumnPage[] }): Cell[][] {
  const columns = (page.columns ?? []).map(({ stringVal }) => {
    if (stringVal === undefined) throw new TypeError('a column of the result is not STRING');
    return stringVal;
  });
  const count = columns[0]?.values.length ?? 0;
  return Array.from({ length: count }, (_, row) =>
    columns.map(({ values, nulls }) => {
      const isNull = ((nulls[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
      return isNull ? null : (values[row] ?? null);
    }),
  );
}
