import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Problem } from '../../errors.ts';
import { jsonSettings, jsonTypes } from '../json-types.ts';
import { LocalProgress } from '../local-progress.ts';
import type { SinkContext } from '../open-sink.ts';
import type { LineBatch, LineSink, Progress, Sweep } from '../sink.ts';
import { sinkError } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { CommandSinkOptions } from './options.ts';
import { runCommand } from './run-command.ts';

/** A command that takes every change, at least once: it is run again when it was not seen to end with 0. */
export class CommandSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONEachRow';
  readonly formatSettings = jsonSettings;
  readonly types = jsonTypes;
  readonly #options: CommandSinkOptions;
  readonly #progress: LocalProgress;

  constructor(options: CommandSinkOptions, { stateFolder }: Pick<SinkContext, 'stateFolder'>) {
    this.#options = options;
    this.#progress = new LocalProgress(stateFolder, options.name);
  }

  async preflight(): Promise<Problem[]> {
    const { name, command } = this.#options;
    const [program = ''] = command;
    if (canBeRun(program)) return [];
    const message = `${program} is not a program that can be run here.`;
    return [{ code: 'CDC_SINK_FAILED', where: `sinks.${name}`, message, severity: 'error' }];
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    return this.#progress.all();
  }

  /** A command has no tables. */
  async plan(): Promise<readonly string[]> {
    return [];
  }

  async prepare(): Promise<void> {}

  async write({ table, token, rowCount, body, step }: LineBatch): Promise<void> {
    await this.#progress.assertFollows(table, step);
    const variables = { CDC_TOKEN: token, CDC_ROWS: String(rowCount) };
    if (rowCount > 0) await this.#run(table, 'rows', variables, body);
    await this.#progress.keep(table, step);
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    await this.#progress.assertFollows(table, step);
    await this.#run(table, 'sweep', { CDC_DELETE_VERSIONS_BELOW: String(below) });
    await this.#progress.keep(table, step);
  }

  async drop(table: SinkTable): Promise<void> {
    await this.#run(table, 'drop', {});
    await this.#progress.remove(table);
  }

  // biome-ignore lint/correctness/useYield: there is nothing to read.
  async *readBack({ source }: SinkTable): AsyncGenerator<Buffer, void> {
    const why = 'what a command has made of its input cannot be asked for.';
    throw sinkError('CDC_SINK_UNREADABLE', `Reading ${source} back`, why, { table: source });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #run(
    { source, target, key }: SinkTable,
    event: 'rows' | 'sweep' | 'drop',
    own: Readonly<Record<string, string>>,
    body: readonly Buffer[] = [],
  ): Promise<void> {
    const about = { CDC_EVENT: event, CDC_TABLE: target, CDC_KEY: JSON.stringify(key) };
    return runCommand(this.#options, { table: source, variables: { ...about, ...own }, body });
  }
}

function canBeRun(program: string): boolean {
  const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(folder === '' ? program : join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
