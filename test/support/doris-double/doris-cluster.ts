import type { DorisFlavour, DorisTable } from './doris-table.ts';

/** An error a statement or a load ends with; `errno` is what the MySQL protocol carries. */
export class DorisError extends Error {
  readonly errno: number;

  constructor(detail: string, options: { readonly errno?: number; readonly code?: number } = {}) {
    super(`errCode = ${options.code ?? 2}, detailMessage = ${detail}`);
    this.errno = options.errno ?? 1105;
  }
}

export type TransactionStatus = 'PREPARE' | 'PRECOMMITTED' | 'COMMITTED' | 'VISIBLE' | 'ABORTED';

export interface Transaction {
  readonly id: number;
  readonly label: string;
  readonly table: DorisTable;
  status: TransactionStatus;
  reason: string;
  publish: () => void;
}

const labelPattern = /^[-_A-Za-z0-9]{1,128}$/;

/** The metadata of the frontend: databases, tables, labels and transactions, alterations. */
export class DorisCluster {
  readonly flavour: DorisFlavour;
  readonly backends: number;
  readonly databases = new Map<string, Map<string, DorisTable>>();
  readonly alterations: Alteration[] = [];
  readonly #transactions = new Map<number, Transaction & { readonly database: string }>();
  readonly #pending = new Map<NodeJS.Timeout, () => void>();
  #lastTransaction = 1000;
  #alterationFault: string | undefined;
  /** How long alterations and late publications take. */
  delayMs = 30;

  constructor(flavour: DorisFlavour, backends: number) {
    this.flavour = flavour;
    this.backends = backends;
  }

  database(name: string): Map<string, DorisTable> {
    const tables = this.databases.get(name);
    if (tables === undefined) throw new DorisError(`Unknown database '${name}'`, { errno: 1049 });
    return tables;
  }

  table(database: string, name: string): DorisTable {
    const table = this.database(database).get(name);
    if (table !== undefined) return table;
    throw new DorisError(`Table [${name}] does not exist in database [${database}].`, {
      errno: 1105,
    });
  }

  /** Begins a load. A label is used once in a database, unless its transaction was aborted. */
  begin(database: string, tableName: string, label: string): Transaction {
    if (!labelPattern.test(label)) {
      throw new DorisError(`Label format error. regex: ${labelPattern.source}, label: ${label}`);
    }
    const tables = this.databases.get(database);
    if (tables === undefined) throw new DorisError(`unknown database, database=${database}`);
    const table = tables.get(tableName);
    if (table === undefined) {
      throw new DorisError(`unknown table, tableName=${tableName}`, { code: 7 });
    }
    const existing = this.transactionOf(database, label);
    if (existing !== undefined && existing.status !== 'ABORTED') throw new LabelExists(existing);
    const id = ++this.#lastTransaction;
    const transaction = { id, label, table, database, status: 'PREPARE' as const, reason: '' };
    const begun: Transaction & { database: string } = { ...transaction, publish: () => {} };
    this.#transactions.set(id, begun);
    return begun;
  }

  /** The latest transaction with the label. */
  transactionOf(database: string, label: string): Transaction | undefined {
    const all = [...this.#transactions.values()].reverse();
    return all.find((each) => each.database === database && each.label === label);
  }

  transaction(id: number): Transaction {
    const transaction = this.#transactions.get(id);
    if (transaction === undefined) throw new DorisError(`transaction [${id}] not found`);
    return transaction;
  }

  /** The second phase of a two-phase commit. */
  commitPrepared(id: number): void {
    const { status, reason } = this.transaction(id);
    if (status === 'ABORTED') {
      throw new DorisError(`transaction [${id}] is already aborted. abort reason: ${reason}`);
    }
    if (status === 'PREPARE') {
      throw new DorisError(`transaction [${id}] is prepare, not pre-committed.`);
    }
    if (status !== 'PRECOMMITTED') {
      throw new DorisError(
        `transaction [${id}] is already ${status.toLowerCase()}, not pre-committed.`,
      );
    }
    this.commit(id);
  }

  commit(id: number): void {
    const transaction = this.transaction(id);
    transaction.publish();
    transaction.status = 'VISIBLE';
  }

  abort(id: number, reason: string): void {
    const transaction = this.transaction(id);
    if (transaction.status === 'COMMITTED' || transaction.status === 'VISIBLE') {
      throw new DorisError(
        `transaction [${id}] is already ${transaction.status}, could not abort.`,
      );
    }
    transaction.status = 'ABORTED';
    transaction.reason = reason;
  }

  /** Work the server does after it has answered; `settle` does it at once. */
  finishLater(work: () => void): void {
    const timer = setTimeout(() => {
      this.#pending.delete(timer);
      work();
    }, this.delayMs).unref();
    this.#pending.set(timer, work);
  }

  /** The next change of a column’s type is given up, for this reason. */
  failNextAlteration(reason: string): void {
    this.#alterationFault = reason;
  }

  takeAlterationFault(): string | undefined {
    const fault = this.#alterationFault;
    this.#alterationFault = undefined;
    return fault;
  }

  settle(): void {
    for (const [timer, work] of this.#pending) {
      clearTimeout(timer);
      work();
    }
    this.#pending.clear();
  }

  /** What the label keeper does after three days, or sooner when labels are many. */
  forgetLabels(): void {
    this.#transactions.clear();
  }
}

/** A change of columns that rewrites data; light ones are not listed by the server either. */
export interface Alteration {
  readonly id: number;
  readonly database: string;
  readonly table: string;
  state: 'PENDING' | 'RUNNING' | 'FINISHED' | 'CANCELLED';
  message: string;
}

/** `LABEL_ALREADY_EXISTS`; the job status is derived as the frontend derives it. */
export class LabelExists extends DorisError {
  readonly jobStatus: 'RUNNING' | 'PRECOMMITTED' | 'FINISHED';

  constructor({ id, label, status }: Transaction) {
    super(`Label [${label}] has already been used, relate to txn [${id}], status [${status}].`);
    this.jobStatus =
      status === 'PREPARE' ? 'RUNNING' : status === 'PRECOMMITTED' ? 'PRECOMMITTED' : 'FINISHED';
  }
}
