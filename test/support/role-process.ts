import type { ChildProcess } from 'node:child_process';
import { type CdcProject, type CommandResult, finished } from './cdc-project.ts';

/** `cdc run --only <role>` as a process that is started again whenever it was killed. */
export class RoleProcess {
  readonly name: string;
  readonly #project: CdcProject;
  #child: ChildProcess;
  #ended: Promise<CommandResult>;

  constructor(project: CdcProject, name: string) {
    this.name = name;
    this.#project = project;
    this.#child = project.start('run', '--only', name);
    this.#ended = finished(this.#child);
  }

  async killAndStart(): Promise<void> {
    this.#child.kill('SIGKILL');
    const { exitCode, stderr } = await this.#ended;
    if (exitCode !== null) throw new Error(`${this.name} had ended with ${exitCode}\n${stderr}`);
    this.#child = this.#project.start('run', '--only', this.name);
    this.#ended = finished(this.#child);
  }

  async stop(): Promise<CommandResult> {
    this.#child.kill('SIGINT');
    return await this.#ended;
  }
}
