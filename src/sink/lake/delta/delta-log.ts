import { quoteString } from '../../../engine/sql-quote.ts';
import type { RowEngine } from '../../row-engine.ts';
import { longStatement } from '../lake-queries.ts';
import { type LogFile, logFiles } from '../log-files.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { DamagedTable, fileName } from '../table-format.ts';
import {
  checkpointColumns,
  type DeltaAction,
  readAction,
  readCheckpointColumns,
} from './actions.ts';
import { DeltaState } from './delta-state.ts';

/** Readers replay at most so many commits. */
const commitsPerCheckpoint = 20;
/** How long a checkpoint remembers that a file was removed. */
const removesMs = 7 * 24 * 3600 * 1000;

const nullableTuples = { ...longStatement, allow_experimental_nullable_tuple_type: 1 } as const;

/** The files of `_delta_log`: a commit each, and checkpoints with everything up to one. */
export class DeltaLog {
  readonly #store: ObjectStore;
  readonly #folder: string;
  readonly #engine: RowEngine;

  constructor(store: ObjectStore, folder: string, engine: RowEngine) {
    this.#store = store;
    this.#folder = folder;
    this.#engine = engine;
  }

  /** Undefined: there is no log. */
  async read(): Promise<DeltaState | undefined> {
    const { commits, checkpoint } = await this.#files();
    const state = new DeltaState();
    if (checkpoint !== undefined)
      state.apply(checkpoint.version, await this.#readCheckpoint(checkpoint));
    for (const { name, version } of commits) {
      if (version <= state.version) continue;
      if (version !== state.version + 1) {
        const folder = this.#store.locate(this.#folder);
        throw new DamagedTable(`commit ${state.version + 1} is missing in ${folder}.`);
      }
      const body = await this.#store.get(name);
      const lines = (body?.toString('utf8') ?? '').split('\n').filter((line) => line !== '');
      state.apply(
        version,
        lines.map((line) => JSON.parse(line) as DeltaAction),
      );
    }
    return state.version === -1 ? undefined : state;
  }

  /** False: the version is there already. */
  append(version: number, actions: readonly DeltaAction[]): Promise<boolean> {
    const body = actions.map((action) => `${JSON.stringify(action)}\n`).join('');
    return this.#store.putIfAbsent(this.#name(version, '.json'), Buffer.from(body));
  }

  async checkpointWhenDue(state: DeltaState): Promise<void> {
    if (state.version === 0 || state.version % commitsPerCheckpoint !== 0) return;
    const oldest = Date.now() - removesMs;
    const actions: DeltaAction[] = [
      ...(state.protocol === undefined ? [] : [{ protocol: state.protocol }]),
      ...(state.metadata === undefined ? [] : [{ metaData: state.metadata }]),
      ...[...state.domains].map(([domain, configuration]) => ({
        domainMetadata: { domain, configuration, removed: false },
      })),
      ...[...state.adds.values()].map((add) => ({ add: { ...add, dataChange: false } })),
      ...[...state.removes.values()]
        .filter(({ deletionTimestamp }) => Number(deletionTimestamp) > oldest)
        .map((remove) => ({ remove: { ...remove, dataChange: false } })),
    ];
    const lines = Buffer.from(actions.map((action) => JSON.stringify(action)).join('\n'));
    const structure = quoteString(checkpointColumns);
    const text = `base64Decode('${lines.toString('base64')}')`;
    const select = `SELECT * FROM format(JSONEachRow, ${structure}, ${text})`;
    const settings = {
      ...nullableTuples,
      output_format_parquet_compression_method: 'snappy',
      input_format_null_as_default: 1,
    };
    const chunks: Buffer[] = [];
    for await (const chunk of this.#engine.query(select, { format: 'Parquet', settings })) {
      chunks.push(chunk);
    }
    await this.#store.put(this.#name(state.version, '.checkpoint.parquet'), Buffer.concat(chunks));
    const last = { version: state.version, size: actions.length };
    await this.#store.put(`${this.#folder}_last_checkpoint`, Buffer.from(JSON.stringify(last)));
  }

  /** Commits that a checkpoint holds, and checkpoints that a younger one follows. */
  async expire(before: number): Promise<void> {
    const { commits, checkpoint, all } = await this.#files();
    if (checkpoint === undefined) return;
    for (const { name, version, writtenAt } of [...commits, ...all]) {
      if (version < checkpoint.version && writtenAt < before) await this.#store.delete(name);
    }
  }

  async #files() {
    const files = await logFiles(
      this.#store,
      this.#folder,
      /^(\d{20})\.(?:json|checkpoint\.parquet)$/,
    );
    const all = files.filter(({ name }) => fileName(name).endsWith('.parquet'));
    const commits = files.filter(({ name }) => fileName(name).endsWith('.json'));
    return { commits, checkpoint: all.at(-1), all };
  }

  async #readCheckpoint({ name }: LogFile): Promise<DeltaAction[]> {
    const select = `SELECT * FROM ${this.#store.parquet([name], readCheckpointColumns)}`;
    const settings = { ...longStatement, input_format_null_as_default: 1 };
    const rows = await this.#engine.rows<Required<DeltaAction>>(select, { settings });
    return rows.map(readAction);
  }

  #name(version: number, end: string): string {
    return `${this.#folder}${String(version).padStart(20, '0')}${end}`;
  }
}
