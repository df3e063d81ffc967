import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { type Position, versionOf } from '../change/position.ts';
import { CdcError } from '../errors.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import type { Source } from '../source/source.ts';
import { streamCheckpoint } from './capture-state.ts';
import {
  answerResend,
  clearAnswers,
  openResends,
  type ResendAnswer,
  type ResendRequest,
} from './resend-requests.ts';
import type { RoutedLog } from './routed-log.ts';

export interface ResenderOptions {
  readonly source: Source;
  readonly routed: RoutedLog;
  readonly log: ChangeLog;
  readonly catalog: Catalog;
  readonly logger: Logger;
  /** Runs the work while nothing of the stream is appended and no transaction of it is open. */
  readonly betweenTransactions: <T>(work: () => Promise<T>) => Promise<T>;
}

const pollMs = 50;

/**
 * Sends single rows of the source again, for `cdc repair`.
 *
 *     log:   ... transactions up to P │ rows read now, version P + 1 │ transactions after P ...
 *
 * While the stream waits at P the rows are read: everything before P is visible to that, perhaps more. `P + 1` lies above every
 * row that was loaded and every cut that was published before, so layers and sinks see the rows as new, and below every row
 * after P, so a change that the reading has missed, or was too early for, wins.
 */
export class Resender {
  readonly #options: ResenderOptions;

  constructor(options: ResenderOptions) {
    this.#options = options;
  }

  /** Answers requests until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { catalog } = this.#options;
    await clearAnswers(catalog);
    while (!signal.aborted) {
      for (const request of openResends(catalog)) {
        const answer = await this.#send(request, signal).catch(refusal);
        if (signal.aborted) return;
        await answerResend(catalog, request, answer);
      }
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #send({ table, keys }: ResendRequest, signal: AbortSignal): Promise<ResendAnswer> {
    const { source, routed, log, logger, betweenTransactions } = this.#options;
    return betweenTransactions(async () => {
      const schema = routed.source(table);
      const position = log.checkpoint<Position>(streamCheckpoint);
      if (schema === undefined || position === undefined || source.readRows === undefined) {
        throw new CdcError('CDC_TABLE_NOT_FOUND', `Sending rows again: ${table} is not captured.`);
      }
      const version = versionOf(position) + 1n;
      const section = await source.readRows(schema, keys, version, signal);
      const now = Date.now();
      const times = { committedAtMs: now, receivedAtMs: now };
      await routed.append(
        { origin: 'stream', sections: [section], position, transactions: 0, ...times },
        { checkpoints: () => ({}), signal, storedAs: 'snapshot' },
      );
      logger.info({ table, keys: keys.length }, 'Sent rows again for a repair.');
      return { version: String(version) };
    });
  }
}

function refusal(error: unknown): ResendAnswer {
  return error instanceof CdcError
    ? { error: { code: error.code, message: error.message } }
    : { error: { code: 'CDC_INTERNAL', message: String(error) } };
}
