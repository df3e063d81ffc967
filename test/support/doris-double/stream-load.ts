import type { IncomingHttpHeaders } from 'node:http';
import { type DorisCluster, DorisError, LabelExists, type Transaction } from './doris-cluster.ts';
import { type LoadPlan, planLoad } from './load-plan.ts';
import { checkNewKeys, loadRows } from './load-rows.ts';

export interface LoadTarget {
  readonly database: string;
  readonly table: string;
  readonly headers: IncomingHttpHeaders;
}

/** The answer of a backend; always with HTTP status 200. */
export interface LoadResult {
  readonly Status: 'Success' | 'Fail' | 'Publish Timeout' | 'Label Already Exists';
  readonly Message: string;
  readonly TxnId: number;
  readonly Label: string;
  readonly TwoPhaseCommit: 'true' | 'false';
  readonly ExistingJobStatus?: string;
  readonly NumberTotalRows: number;
  readonly NumberLoadedRows: number;
  readonly NumberFilteredRows: number;
  readonly ErrorURL?: string;
}

/** One Stream Load in the backend that coordinates it: headers first, then the body, then the commit. */
export class StreamLoad {
  readonly transaction: Transaction;
  readonly #cluster: DorisCluster;
  readonly #plan: LoadPlan;

  private constructor(cluster: DorisCluster, transaction: Transaction, plan: LoadPlan) {
    this.#cluster = cluster;
    this.transaction = transaction;
    this.#plan = plan;
  }

  /** Begins the transaction; a load that its headers forbid is the result that says so. */
  static begin(cluster: DorisCluster, target: LoadTarget): StreamLoad | LoadResult {
    const label = target.headers['label']?.toString() ?? crypto.randomUUID();
    const twoPhase = target.headers['two_phase_commit'] === 'true';
    const failed = (error: unknown) => failure(error, { label, twoPhase });
    let transaction: Transaction;
    try {
      transaction = cluster.begin(target.database, target.table, label);
    } catch (error) {
      return failed(error);
    }
    try {
      const plan = planLoad(target.headers, transaction.table, cluster);
      return new StreamLoad(cluster, transaction, plan);
    } catch (error) {
      cluster.abort(transaction.id, String(error));
      return failed(error);
    }
  }

  /** Takes the body and commits, or pre-commits, or aborts. `logErrors` gives the address of the error log. */
  finish(
    body: Buffer,
    { logErrors, publishLater }: { logErrors: (lines: string) => string; publishLater: boolean },
  ): LoadResult {
    const { id, label, table } = this.transaction;
    const twoPhase = this.#plan.isTwoPhase;
    try {
      const { rows, total, errors } = loadRows(body, this.#plan, table);
      const counts = {
        NumberTotalRows: total,
        NumberLoadedRows: rows.length,
        NumberFilteredRows: errors.length,
        ...(errors.length > 0 && { ErrorURL: logErrors(`${errors.join('\n')}\n`) }),
      };
      if (errors.length > total * this.#plan.maxFilterRatio) {
        const message = '[DATA_QUALITY_ERROR]too many filtered rows';
        this.#cluster.abort(id, message);
        return { ...failure(new Error(message), { label, twoPhase }), ...counts, TxnId: id };
      }
      if (this.#plan.isPartial) checkNewKeys(rows, this.#plan, table);
      const { condition } = this.#plan;
      this.transaction.publish = () =>
        table.publish(rows, condition === undefined ? {} : { condition });
      return { ...this.#commit(publishLater), ...counts };
    } catch (error) {
      if (this.transaction.status === 'PREPARE') this.#cluster.abort(id, String(error));
      return failure(error, { label, twoPhase });
    }
  }

  #commit(publishLater: boolean): LoadResult {
    const { id, label } = this.transaction;
    const result = resultOf({ label, twoPhase: this.#plan.isTwoPhase, id });
    if (this.#plan.isTwoPhase) {
      this.transaction.status = 'PRECOMMITTED';
      return result;
    }
    if (!publishLater) {
      this.#cluster.commit(id);
      return result;
    }
    this.transaction.status = 'COMMITTED';
    this.#cluster.finishLater(() => this.#cluster.commit(id));
    const Message = '[PUBLISH_TIMEOUT]Publish timeout. The data will be visible after a while';
    return { ...result, Status: 'Publish Timeout', Message };
  }
}

function resultOf({
  label,
  twoPhase,
  id,
}: {
  label: string;
  twoPhase: boolean;
  id: number;
}): LoadResult {
  return {
    TxnId: id,
    Label: label,
    TwoPhaseCommit: twoPhase ? 'true' : 'false',
    Status: 'Success',
    Message: 'OK',
    NumberTotalRows: 0,
    NumberLoadedRows: 0,
    NumberFilteredRows: 0,
  };
}

/** A failed load with the message a backend makes of `error`. */
export function failure(
  error: unknown,
  { label, twoPhase }: { label: string; twoPhase: boolean },
): LoadResult {
  const result = resultOf({ label, twoPhase, id: -1 });
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof LabelExists) {
    return {
      ...result,
      Status: 'Label Already Exists',
      ExistingJobStatus: error.jobStatus,
      Message: `[LABEL_ALREADY_EXISTS]TStatus: ${message}`,
    };
  }
  const prefix = error instanceof DorisError ? '[ANALYSIS_ERROR]TStatus: ' : '';
  return { ...result, Status: 'Fail', Message: `${prefix}${message}` };
}
