import { loadProject, type ProjectReading, readProject } from '../config/load-project.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { createLogger, type Logger, type LogLevel } from '../ops/logger.ts';
import { type Io, writeFully } from './io.ts';
import { LiveRegion } from './live-region.ts';
import { createStyle, hasColor, type Style } from './presenter/style.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly verbose?: boolean;
}

/** What a command works with: its project, its outputs, its stop signal and its exit code. */
export class CommandContext {
  readonly io: Io;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** For text on stdout. */
  readonly style: Style;
  /** Where progress is shown, when stderr is a terminal. */
  readonly liveRegion: LiveRegion | undefined;
  exitCode = 0;
  #globals: GlobalOptions = {};

  constructor(io: Io, signal: AbortSignal) {
    this.io = io;
    this.signal = signal;
    this.style = createStyle(hasColor(io.stdout, io.environment));
    this.liveRegion = io.stderr.isTTY === true ? new LiveRegion(io.stderr) : undefined;
  }

  setGlobals(globals: GlobalOptions): void {
    this.#globals = globals;
  }

  get verbose(): boolean {
    return this.#globals.verbose === true;
  }

  /** Commands that work for long log from `info`; those that only read from `warn`. */
  logger(level: LogLevel): Logger {
    return createLogger({
      level: this.verbose ? 'debug' : level,
      output: this.liveRegion ?? this.io.stderr,
      pretty: this.liveRegion !== undefined,
      color: hasColor(this.io.stderr, this.io.environment),
    });
  }

  readProject(): Promise<ProjectReading> {
    return readProject(this.#location());
  }

  loadProject(): Promise<ProjectConfig> {
    return loadProject(this.#location());
  }

  print(data: string | Uint8Array): Promise<void> {
    this.liveRegion?.clear();
    return writeFully(this.io.stdout, data);
  }

  /** One JSON document, or what the presenter makes of the value. */
  present<T>(value: T, json: boolean | undefined, render: (value: T, style: Style) => string) {
    return this.print(json === true ? `${JSON.stringify(value)}\n` : render(value, this.style));
  }

  /** A remark to the person, not part of the output. */
  say(text: string): void {
    (this.liveRegion ?? this.io.stderr).write(`${text}\n`);
  }

  #location() {
    const { config } = this.#globals;
    return {
      ...(config !== undefined && { file: config }),
      currentFolder: this.io.currentFolder,
      environment: this.io.environment,
    };
  }
}
