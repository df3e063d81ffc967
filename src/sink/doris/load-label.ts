import { setTimeout as delay } from 'node:timers/promises';
import { CdcError } from '../../errors.ts';
import { sinkError } from '../sink-errors.ts';
import type { HttpClient } from './http-client.ts';
import type { DorisSinkOptions } from './options.ts';
import type { SqlClient } from './sql-client.ts';
import { quoteName } from './sql-text.ts';
import { type About, transportError } from './store-errors.ts';

/** What became of a load. `absent`: nothing was loaded, and the label may be used again. */
export type LabelOutcome =
  | { readonly state: 'loaded' }
  | { readonly state: 'absent' }
  | { readonly state: 'precommitted'; readonly transaction: number };

interface LabelState {
  readonly status: string;
  readonly transaction: number;
}

const firstPollMs = 50;
const longestPollMs = 2_000;
/** Committed rows are never lost; that they become visible is only waited for so that the next look finds them. */
const visibleMs = 60_000;
const askMs = 30_000;

/** Asks the store what became of a label: after a broken connection, an answer too late, or a crash. */
export class LoadLabels {
  readonly #options: DorisSinkOptions;
  readonly #sql: SqlClient;
  readonly #http: HttpClient;

  constructor(options: DorisSinkOptions, { sql, http }: { sql: SqlClient; http: HttpClient }) {
    this.#options = options;
    this.#sql = sql;
    this.#http = http;
  }

  /** Waits while the load is under way. Throws CDC_SINK_BUSY when it does not end in its time. */
  async settled(label: string, about: About): Promise<LabelOutcome> {
    const startedAt = Date.now();
    const runningMs = this.#options.loadSeconds * 1000;
    for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
      const found = await this.#state(label, about);
      const waitedMs = Date.now() - startedAt;
      switch (found?.status) {
        case 'VISIBLE':
          return { state: 'loaded' };
        case 'COMMITTED':
          if (waitedMs > visibleMs) return { state: 'loaded' };
          break;
        case 'PRECOMMITTED':
          return { state: 'precommitted', transaction: found.transaction };
        case 'PREPARE':
        case 'PREPARED':
          if (waitedMs <= runningMs) break;
          throw sinkError('CDC_SINK_BUSY', about.doing, `load ${label} is still running.`);
        default:
          return { state: 'absent' };
      }
      await delay(pollMs);
    }
  }

  async #state(label: string, about: About): Promise<LabelState | undefined> {
    return this.#options.flavour === 'doris'
      ? this.#transaction(label, about)
      : this.#loadState(label, about);
  }

  async #transaction(label: string, about: About): Promise<LabelState | undefined> {
    const sql = `SHOW TRANSACTION FROM ${quoteName(this.#options.database)} WHERE LABEL = ?`;
    try {
      const [row] = await this.#sql.rows(sql, [label], about);
      if (row === undefined) return undefined;
      return {
        status: row['TransactionStatus']?.toUpperCase() ?? '',
        transaction: Number(row['TransactionId']),
      };
    } catch (error) {
      // The store has no empty answer to this.
      if (error instanceof CdcError && /not (exist|found)/i.test(error.message)) return undefined;
      throw error;
    }
  }

  /** StarRocks shows transactions by number only, but has this door. */
  async #loadState(label: string, about: About): Promise<LabelState | undefined> {
    const { database } = this.#options;
    const path = `/api/${encodeURIComponent(database)}/get_load_state?label=${encodeURIComponent(label)}`;
    try {
      const { body } = await this.#http.request({ method: 'GET', path, timeoutMs: askMs });
      const { state, data } = JSON.parse(body) as { state?: string; data?: string };
      return { status: (state ?? data ?? '').toUpperCase(), transaction: 0 };
    } catch (error) {
      throw transportError(error, about);
    }
  }
}
