import { access, constants, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { Problem } from '../../errors.ts';
import { CdcError } from '../../errors.ts';
import { fileNameOf } from '../../lib/file-name.ts';
import { jsonSettings } from '../json-types.ts';
import type { SinkContext } from '../open-sink.ts';
import type { RowEngine } from '../row-engine.ts';
import type {
  PrepareOptions,
  Progress,
  ProgressStep,
  QueryBatch,
  QuerySink,
  Sweep,
} from '../sink.ts';
import { incompatibleTable, sinkError, staleProgress } from '../sink-errors.ts';
import { deletedColumn, type SinkTable } from '../sink-table.ts';
import { changesOf } from './column-changes.ts';
import { CurrentRows } from './current-rows.ts';
import { fileErrorOf } from './file-errors.ts';
import { type Manifest, readManifest, withColumns, withForm } from './manifest.ts';
import type { FilesSinkOptions } from './options.ts';
import { TableFolder } from './table-folder.ts';
import { filesTypes } from './type-map.ts';

/**
 * Files of changes in a folder, one folder a table. A write is one new file; it counts, and the place moves, when the manifest that
 * names it takes the place of the old one. So a file is never half written, and a batch is there once.
 */
export class FilesSink implements QuerySink {
  readonly takes = 'queries';
  readonly types = filesTypes;
  readonly #options: FilesSinkOptions;
  readonly #engine: RowEngine;
  readonly #owner: string;

  constructor(
    options: FilesSinkOptions,
    { engine, project }: Pick<SinkContext, 'engine' | 'project'>,
  ) {
    this.#options = { ...options, folder: resolve(options.folder) };
    this.#engine = engine;
    this.#owner = `${project}/${options.name}`;
  }

  async preflight(): Promise<Problem[]> {
    const { folder, name } = this.#options;
    try {
      await this.#do(`Opening ${folder}`, async () => {
        await mkdir(folder, { recursive: true });
        await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      });
      return [];
    } catch (error) {
      if (!(error instanceof CdcError)) throw error;
      const { code, message, remedy } = error;
      return [{ code, where: `sinks.${name}`, message, remedy, severity: 'error' }];
    }
  }

  async progress(): Promise<ReadonlyMap<string, Progress>> {
    const { folder } = this.#options;
    return this.#do(`Reading the manifests in ${folder}`, async () => {
      const found = new Map<string, Progress>();
      for (const name of await foldersIn(folder)) {
        const manifest = await readManifest(join(folder, name));
        if (manifest?.progress === undefined || manifest.owner !== this.#owner) continue;
        found.set(manifest.table, manifest.progress);
      }
      return found;
    });
  }

  async plan(table: SinkTable, { drop }: PrepareOptions): Promise<readonly string[]> {
    const manifest = await this.#folder(table).manifest();
    return changesOf(manifest, table, drop);
  }

  async prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    await this.#do(`Preparing ${table.source}`, async () => {
      const folder = this.#folder(table);
      const before = await folder.manifest();
      const isOurs = before === undefined || before.owner === this.#owner;
      if (!isOurs || (before !== undefined && before.table !== table.source)) {
        const why = `${folder.path} is filled with ${before?.table} by ${before?.owner} already.`;
        throw sinkError('CDC_SINK_FOREIGN', `Filling ${table.target}`, why, {
          table: table.source,
        });
      }
      const [change] = changesOf(before, table, options.drop);
      if (change === undefined) return;
      if (!options.mayAlter) {
        throw incompatibleTable(
          table.source,
          `it does not fit, and may not be altered: ${change}.`,
        );
      }
      await folder.keep(withColumns(before, table, { owner: this.#owner, keep: !options.drop }));
    });
  }

  async write({ table, select, engine, step, token }: QueryBatch): Promise<void> {
    await this.#do(`Writing ${table.source}`, async () => {
      await this.#append(table, step, { engine, select: withoutOldValues(table, select), token });
    });
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const engine = this.#engine;
    await this.#do(`Sweeping ${table.source}`, async () => {
      const folder = this.#folder(table);
      const manifest = await this.#follow(table, step);
      await using current = await CurrentRows.load(engine, folder.path, manifest, table);
      const select = current.deletions(table, below);
      await this.#append(table, step, { engine, select, token: 'sweep' });
    });
  }

  async drop(table: SinkTable): Promise<void> {
    await this.#do(`Dropping ${table.source}`, () => this.#folder(table).removeAll());
  }

  async *readBack(table: SinkTable): AsyncGenerator<Buffer, void> {
    const doing = `Reading ${table.source} back`;
    try {
      const folder = this.#folder(table);
      const manifest = await this.#existing(table);
      await using current = await CurrentRows.load(this.#engine, folder.path, manifest, table);
      yield* current.lines(table);
    } catch (error) {
      throw fileErrorOf(error, doing);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #append(
    table: SinkTable,
    step: ProgressStep,
    rows: { engine: RowEngine; select: string; token: string },
  ): Promise<void> {
    const folder = this.#folder(table);
    const before = await this.#follow(table, step);
    await folder.removeStrays(before);
    const { manifest, form } = withForm(before, table);
    const chunks = rows.engine.query(rows.select, {
      format: this.#options.format === 'csv' ? 'CSV' : 'JSONEachRow',
      settings: jsonSettings,
    });
    const names = table.columns.map(({ name }) => name);
    const { token } = rows;
    const file = await folder.add(chunks, { form, names, sequence: step.next.sequence, token });
    if (file === undefined) return folder.keep({ ...before, progress: step.next });
    const files = [...manifest.files, file];
    const merged = await folder.merge({ ...manifest, files, progress: step.next }, token);
    await folder.keep(merged.manifest);
    await folder.remove(merged.replaced);
  }

  /** The manifest, when the store is where the step begins. */
  async #follow(table: SinkTable, { follows }: ProgressStep): Promise<Manifest> {
    const manifest = await this.#existing(table);
    const found = manifest.owner === this.#owner ? (manifest.progress?.sequence ?? 0) : 0;
    if (found !== follows) throw staleProgress(table.source, found, follows);
    return manifest;
  }

  async #existing(table: SinkTable): Promise<Manifest> {
    const manifest = await this.#folder(table).manifest();
    if (manifest === undefined) throw incompatibleTable(table.source, 'its manifest is missing.');
    return manifest;
  }

  #folder({ target }: SinkTable): TableFolder {
    return new TableFolder(join(this.#options.folder, fileNameOf(target)), this.#options);
  }

  async #do<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw fileErrorOf(error, doing);
    }
  }
}

/** A deletion says which row, and nothing of its last values. */
function withoutOldValues({ columns, key }: SinkTable, select: string): string {
  const items = columns
    .filter(({ name }) => !key.includes(name))
    .map(({ name }) => quoteIdentifier(name))
    .map((name) => `if(${deletedColumn}, NULL, ${name}) AS ${name}`);
  return items.length === 0 ? select : `SELECT * REPLACE (${items.join(', ')}) FROM (${select})`;
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
