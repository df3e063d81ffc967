import type { ChildProcess } from 'node:child_process';
import type { StatusReport } from '../../src/pipeline/status.ts';
import { type CdcProject, type CommandResult, finished } from './cdc-project.ts';
import { waitUntil } from './wait-until.ts';

/** A command that goes on until it is told to stop, and is killed at the end of the test at the latest. */
export class RunningCommand implements AsyncDisposable {
  /** Its last argument; of `cdc run --only <role>` the role. */
  readonly name: string;
  readonly #project: CdcProject;
  readonly #args: readonly string[];
  #startedAt = new Date().toISOString();
  #child: ChildProcess;
  #ended: Promise<CommandResult>;

  constructor(project: CdcProject, ...args: readonly [string, ...string[]]) {
    this.name = args.at(-1) ?? '';
    this.#project = project;
    this.#args = args;
    this.#child = project.start(...args);
    this.#ended = finished(this.#child);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it has told `cdc status` something: it is past everything that it does once. */
  async working(): Promise<void> {
    await waitUntil(
      `cdc ${this.#args.join(' ')} works`,
      async () => {
        const status = JSON.parse(await this.#project.succeed('status', '--json')) as StatusReport;
        return (status.updatedAt ?? '') > this.#startedAt;
      },
      60_000,
    );
  }

  /** Resolves when it has ended by itself. */
  get ended(): Promise<CommandResult> {
    return this.#ended;
  }

  async killAndStart(): Promise<void> {
    this.#child.kill('SIGKILL');
    const { exitCode, stderr } = await this.#ended;
    if (exitCode !== null) throw new Error(`${this.name} had ended with ${exitCode}\n${stderr}`);
    this.#startedAt = new Date().toISOString();
    this.#child = this.#project.start(...this.#args);
    this.#ended = finished(this.#child);
  }

  /** Asks it to stop, as Ctrl-C does. */
  async stop(): Promise<CommandResult> {
    this.#child.kill('SIGINT');
    return await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
