import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../lib/durable-file.ts';
import { fileNameOf } from '../lib/file-name.ts';
import type { Progress, ProgressStep } from './sink.ts';
import { staleProgress } from './sink-errors.ts';
import type { SinkTable } from './sink-table.ts';

interface Kept {
  readonly table: string;
  readonly progress: Progress;
}

/**
 * The progress of a sink whose store remembers none: a file a table in the state folder, written when the store has taken the rows.
 * A crash in between sends them again.
 */
export class LocalProgress {
  readonly #folder: string;

  constructor(stateFolder: string, sink: string) {
    this.#folder = join(stateFolder, 'sinks', fileNameOf(sink));
  }

  async all(): Promise<Map<string, Progress>> {
    const names = await readdir(this.#folder).catch(nothingYet<string[]>([]));
    const kept = names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .map((name) => this.#read(join(this.#folder, name)));
    const found = (await Promise.all(kept)).flatMap((each) => each ?? []);
    return new Map(found.map(({ table, progress }) => [table, progress]));
  }

  /** Throws CDC_SINK_STALE unless the store is where the step begins. */
  async assertFollows({ source }: SinkTable, { follows }: ProgressStep): Promise<void> {
    const found = (await this.#read(this.#path(source)))?.progress.sequence ?? 0;
    if (found !== follows) throw staleProgress(source, found, follows);
  }

  async keep({ source }: SinkTable, { next }: ProgressStep): Promise<void> {
    const kept: Kept = { table: source, progress: next };
    await writeDurably(this.#path(source), [Buffer.from(`${JSON.stringify(kept)}\n`)]);
  }

  async remove({ source }: SinkTable): Promise<void> {
    await rm(this.#path(source), { force: true });
  }

  #path(source: string): string {
    return join(this.#folder, `${fileNameOf(source)}.json`);
  }

  async #read(path: string): Promise<Kept | undefined> {
    const text = await readFile(path, 'utf8').catch(nothingYet(undefined));
    return text === undefined ? undefined : (JSON.parse(text) as Kept);
  }
}

function nothingYet<T>(nothing: T) {
  return (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return nothing;
    throw error;
  };
}
