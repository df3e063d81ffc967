import { type Logger as PinoLogger, pino } from 'pino';
import { errorRecordOf } from './error-record.ts';
import { renderLogLine } from './log-line.ts';

/**
 * What every long-lived part gets in its constructor; parts make `logger.child({ component })`.
 * Messages are constant sentences, values go into fields, an error under `error`. Row values and
 * secrets are never logged; a `Secret` prints as `[secret]` wherever it stands.
 */
export type Logger = PinoLogger;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Receives whole lines. The command gives stderr: stdout belongs to its output. */
  readonly output: { write(line: string): unknown };
  /** Lines for people instead of JSON, for a terminal. */
  readonly pretty?: boolean;
  readonly color?: boolean;
}

export function createLogger(options: LoggerOptions): Logger {
  const { output, pretty = false, color = false } = options;
  const destination = pretty
    ? { write: (line: string) => output.write(renderLogLine(line, color)) }
    : output;
  return pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorRecordOf },
    },
    destination,
  );
}

/** A logger that says nothing, for tests and for use as a library. */
export function createSilentLogger(): Logger {
  return createLogger({ level: 'silent', output: { write: () => true } });
}
