import type { ErrorRecord } from './error-record.ts';

const colors: Readonly<Record<string, number>> = { debug: 90, info: 36, warn: 33, error: 31 };

/**
 * One JSON log line as a person reads it on a terminal:
 * `12:30:05 WARN  loader  Table paused. table=shop.orders`, an error indented on lines below.
 */
export function renderLogLine(json: string, color: boolean): string {
  const { level, time, component, message, error, ...fields } = JSON.parse(json) as LogRecord;
  const word = level.toUpperCase().padEnd(5);
  const parts = [
    localTime(time),
    color ? `\u001b[${colors[level] ?? 35}m${word}\u001b[0m` : word,
    ...(component === undefined ? [] : [component]),
    message ?? '',
    ...Object.entries(fields).map(([name, value]) => `${name}=${renderField(value)}`),
  ];
  return `${parts.join(' ')}\n${error === undefined ? '' : renderError(error)}`;
}

interface LogRecord {
  readonly level: string;
  readonly time: string;
  readonly component?: string;
  readonly message?: string;
  readonly error?: ErrorRecord;
  readonly [field: string]: unknown;
}

function renderError(error: ErrorRecord): string {
  const lines = [`${error.code}: ${error.message}`];
  if (error.remedy !== undefined) lines.push(`fix: ${error.remedy}`);
  if (error.stack !== undefined) lines.push(error.stack);
  for (let cause = error.cause; cause !== undefined; cause = cause.cause) {
    lines.push(`caused by ${cause.code}: ${cause.message}`);
  }
  return lines.map((line) => `         ${line.replaceAll('\n', '\n         ')}\n`).join('');
}

function renderField(value: unknown): string {
  return typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
}

function localTime(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}
