import { rejectedRows, sinkError } from '../sink-errors.ts';
import type { HttpAnswer, HttpClient } from './http-client.ts';
import { type LabelOutcome, LoadLabels } from './load-label.ts';
import { LoadPace } from './load-pace.ts';
import { type LoadResult, parseLoadResult, reasonsOf, secondPhaseRefusal } from './load-result.ts';
import type { DorisSinkOptions } from './options.ts';
import type { SqlClient } from './sql-client.ts';
import { type About, storeError, tooManyVersions, transportError } from './store-errors.ts';

export interface Load {
  /** `SinkTable.source`, for errors. */
  readonly source: string;
  /** In the store. */
  readonly target: string;
  /** The same for the same rows: at most 128 letters, digits, `_` and `-`. */
  readonly label: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly Buffer[];
  readonly rowCount: number;
  /** Called before a second phase; what it throws aborts the load. */
  readonly confirm: () => Promise<void>;
}

const attempts = 3;
const secondPhaseMs = 120_000;
const errorLogMs = 20_000;
/** Beyond the load’s own time, in which the store ends it by itself and says so. */
const answerMs = 3_000;

/**
 * Loads rows so that they are in the table exactly once, and visible, when the call returns.
 *
 *     PUT frontend ─307─> PUT backend ─> Success ──────────────────────────────> done
 *                                     ├> Publish Timeout ─> look until visible ─> done
 *                                     ├> Label Already Exists ─> look ─> loaded ─> done, running ─> wait, aborted ─> again
 *                                     ├> no answer ───────────> look (the same), nothing there ─> CDC_SINK_UNREACHABLE
 *                                     └> Fail ─> error by its words; the label may be used again
 */
export class StreamLoader {
  readonly #options: DorisSinkOptions;
  readonly #http: HttpClient;
  readonly #labels: LoadLabels;
  readonly #pace = new LoadPace();

  constructor(options: DorisSinkOptions, clients: { sql: SqlClient; http: HttpClient }) {
    this.#options = options;
    this.#http = clients.http;
    this.#labels = new LoadLabels(options, clients);
  }

  async load(load: Load): Promise<void> {
    const about = aboutWriting(load.source);
    await this.#pace.ready(load.source);
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const outcome = await this.#attempt(load, about);
      if (outcome.state === 'absent') continue;
      if (outcome.state === 'precommitted') await this.#commit(outcome.transaction, load, about);
      this.#pace.succeeded(load.source);
      return;
    }
    throw sinkError('CDC_SINK_BUSY', about.doing, `the store aborts load ${load.label} each time.`);
  }

  async #attempt(load: Load, about: About): Promise<LabelOutcome> {
    let answer: HttpAnswer;
    try {
      answer = await this.#put(load);
    } catch (error) {
      const outcome = await this.#labels.settled(load.label, about);
      if (outcome.state === 'absent') throw transportError(error, about);
      return outcome;
    }
    const result = parseLoadResult(answer, about);
    switch (result.Status) {
      case 'Success':
        checkCount(result, load, about);
        if (!this.#options.twoPhaseCommit) return { state: 'loaded' };
        return { state: 'precommitted', transaction: result.TxnId };
      case 'Publish Timeout':
      case 'Label Already Exists':
        return this.#labels.settled(load.label, about);
      default:
        throw await this.#failure(result, answer, load);
    }
  }

  #put({ target, label, headers, body }: Load): Promise<HttpAnswer> {
    const { database, loadSeconds, twoPhaseCommit } = this.#options;
    const place = `${encodeURIComponent(database)}/${encodeURIComponent(target)}`;
    return this.#http.request({
      method: 'PUT',
      path: `/api/${place}/_stream_load`,
      headers: {
        ...headers,
        label,
        timeout: String(loadSeconds),
        ...(twoPhaseCommit && { two_phase_commit: 'true' }),
      },
      body,
      timeoutMs: loadSeconds * 1000 + answerMs,
    });
  }

  async #failure(
    { Message, ErrorURL }: LoadResult,
    answer: HttpAnswer,
    { source }: Load,
  ): Promise<Error> {
    if (tooManyVersions.test(Message)) this.#pace.refused(source);
    const error = storeError(Message, aboutWriting(source));
    if (error.code !== 'CDC_SINK_REJECTED' || !ErrorURL) return error;
    const log = await this.#http.page(ErrorURL, answer, errorLogMs).catch(() => '');
    const reasons = reasonsOf(log);
    return reasons.length === 0 ? error : rejectedRows(source, reasons.join('; '));
  }

  /** The second phase; a load that the store has given up meanwhile is CDC_SINK_BUSY. */
  async #commit(transaction: number, load: Load, about: About): Promise<void> {
    try {
      await load.confirm();
    } catch (error) {
      await this.#secondPhase(transaction, 'abort', about).catch(() => undefined);
      throw error;
    }
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const refused = await this.#secondPhase(transaction, 'commit', about);
      const outcome = await this.#labels.settled(load.label, about);
      if (outcome.state === 'loaded') return;
      if (outcome.state === 'absent') {
        const why = `the store gave up transaction ${transaction}: ${refused ?? 'aborted'}`;
        throw sinkError('CDC_SINK_BUSY', about.doing, why);
      }
    }
    throw sinkError('CDC_SINK_BUSY', about.doing, `transaction ${transaction} is not committed.`);
  }

  /** Undefined, or why not. A broken connection is one, too: the label tells what has happened. */
  async #secondPhase(
    transaction: number,
    operation: 'commit' | 'abort',
    about: About,
  ): Promise<string | undefined> {
    const path = `/api/${encodeURIComponent(this.#options.database)}/_stream_load_2pc`;
    const headers = { txn_id: String(transaction), txn_operation: operation };
    let answer: HttpAnswer;
    try {
      answer = await this.#http.request({ method: 'PUT', path, headers, timeoutMs: secondPhaseMs });
    } catch (error) {
      return transportError(error, about).message;
    }
    return secondPhaseRefusal(answer, about);
  }
}

function aboutWriting(source: string): About {
  return { doing: `Writing ${source}`, table: source };
}

/** Rows that are left out without an error would be lost. */
function checkCount(result: LoadResult, { rowCount }: Load, { doing, table = '' }: About): void {
  const { NumberLoadedRows: loaded, NumberFilteredRows: filtered } = result;
  if (loaded === rowCount && filtered === 0) return;
  const why = `the store has taken ${loaded} of ${rowCount} rows and filtered ${filtered}.`;
  throw sinkError('CDC_SINK_FAILED', doing, why, { table });
}
