import type { Server } from 'node:http';
import { DorisCluster, DorisError } from './doris-cluster.ts';
import type { LoadFault } from './doris-faults.ts';
import type { DorisFlavour } from './doris-table.ts';
import { openBackend, openFrontend, portOf } from './http-doors.ts';
import { type MysqlDoor, openMysqlDoor } from './mysql-door.ts';
import { runStatement } from './statements.ts';

export interface DorisUser {
  readonly password: string;
  readonly mayWrite: boolean;
}

export interface RecordedLoad {
  readonly database: string;
  readonly table: string;
  readonly label: string;
  readonly bytes: number;
}

/**
 * Stands for a Doris (or StarRocks) cluster of one frontend and one backend, in this process. It enforces what the
 * documentation and the server's sources say of Stream Load, labels, UNIQUE KEY tables with merge-on-write and light
 * schema change, with the server's own messages, and is stricter where the server is silent (doris-types.ts). It is no
 * server: what neither says, it does not know either.
 */
export class DorisDouble implements AsyncDisposable {
  readonly cluster: DorisCluster;
  readonly users = new Map<string, DorisUser>([
    ['root', { password: 'secret', mayWrite: true }],
    ['reader', { password: 'secret', mayWrite: false }],
  ]);
  /** Loads whose body arrived, in order. */
  readonly loads: RecordedLoad[] = [];
  readonly statements: string[] = [];
  readonly errorLogs = new Map<string, string>();
  backendIsAway = false;
  /** Asked before and after everything that is done for somebody; true breaks the connection. */
  mishap: () => boolean = () => false;
  readonly #faults: LoadFault[] = [];
  #statementToCut: RegExp | undefined;
  #frontend: Server | undefined;
  #backend: Server | undefined;
  #mysql: MysqlDoor | undefined;

  private constructor(flavour: DorisFlavour) {
    this.cluster = new DorisCluster(flavour, 1);
  }

  static async open(options: { readonly flavour?: DorisFlavour } = {}): Promise<DorisDouble> {
    const double = new DorisDouble(options.flavour ?? 'doris');
    double.#backend = await openBackend(double);
    double.#frontend = await openFrontend(double);
    double.#mysql = await openMysqlDoor(double);
    return double;
  }

  get frontendPort(): number {
    return portOf(this.#frontend as Server);
  }

  get backendPort(): number {
    return portOf(this.#backend as Server);
  }

  get mysqlPort(): number {
    return (this.#mysql as MysqlDoor).port;
  }

  /** Each fault happens once, to the next load it can happen to. */
  failNext(...faults: readonly LoadFault[]): void {
    this.#faults.push(...faults);
  }

  takeFault(fault: LoadFault): boolean {
    const index = this.#faults.indexOf(fault);
    if (index >= 0) this.#faults.splice(index, 1);
    return index >= 0;
  }

  /** Breaks the connection of the next statement that matches, before it is run. */
  cutStatement(pattern: RegExp): void {
    this.#statementToCut = pattern;
  }

  cutNextStatement(sql: string): boolean {
    if (!this.#statementToCut?.test(sql)) return false;
    this.#statementToCut = undefined;
    return true;
  }

  /** A statement of somebody else. */
  run(sql: string): void {
    runStatement(sql, this.cluster, '');
  }

  /** Why the log-in fails; undefined when it does not. */
  deny({ user, password }: { user: string; password: string }): string | undefined {
    if (this.users.get(user)?.password === password) return undefined;
    return `Access denied for user '${user}@127.0.0.1' (using password: YES)`;
  }

  lacksLoadPrivilege(user: string): string | undefined {
    if (this.users.get(user)?.mayWrite) return undefined;
    return 'Access denied; you need (at least one of) the (LOAD) privilege(s) for this operation';
  }

  checkMayWrite(user: string): void {
    if (this.users.get(user)?.mayWrite) return;
    const message =
      'Access denied; you need (at least one of) the (CREATE) privilege(s) for this operation';
    throw new DorisError(message, { errno: 1227 });
  }

  /** Keeps the lines of an error log; its address. */
  logErrors(lines: string): string {
    const file = `__shard_0/error_log_insert_stmt_${this.errorLogs.size}`;
    this.errorLogs.set(file, lines);
    return `http://127.0.0.1:${this.backendPort}/api/_load_error_log?file=${file}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cluster.settle();
    for (const server of [this.#frontend, this.#backend]) {
      server?.closeAllConnections();
      await new Promise<void>((resolve) => server?.close(() => resolve()) ?? resolve());
    }
    await this.#mysql?.close();
  }
}
