import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CdcError } from '../../errors.ts';
import { lastWordsOf } from './program.ts';
import { watchOver } from './watchdog.ts';

/** A server as a child process. When this process dies, however, it dies too and its folder is removed. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #watchdog: ChildProcess | undefined;
  readonly #logFile: string;
  #isRunning = true;

  /** Appends what the server prints to `logFile`. */
  constructor(command: readonly string[], options: { folder: string; logFile: string }) {
    const { folder, logFile } = options;
    const [file = '', ...args] = command;
    const log = openSync(logFile, 'a', 0o600);
    this.#logFile = logFile;
    // A session of its own: Ctrl-C in our terminal reaches us only, and we stop the server in order.
    this.#child = spawn(file, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#child.unref();
    const { pid } = this.#child;
    this.#watchdog = pid === undefined ? undefined : watchOver(pid, folder);
    const ended = () => {
      this.#isRunning = false;
      this.#watchdog?.kill('SIGKILL');
    };
    this.#child.once('exit', ended).once('error', ended);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** SIGTERM shuts it down in order, SIGKILL ends it as a crash would. Resolves when it is gone. */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    if (!this.#isRunning) return;
    this.#child.ref();
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
  }

  /** CDC_DEMO_SERVER_MISSING with the end of the log. */
  async startFailure(): Promise<CdcError> {
    const log = await readFile(this.#logFile, 'utf8').catch(() => '');
    const what = `${this.#child.spawnfile} did not start:\n${lastWordsOf(log)}`;
    return new CdcError('CDC_DEMO_SERVER_MISSING', what);
  }
}
