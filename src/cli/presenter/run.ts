import type { RunReport } from '../../pipeline/run.ts';
import type { StatusReport } from '../../pipeline/status.ts';
import { formatBytes, formatCount, formatMs } from './format.ts';
import type { Style } from './style.ts';

/** `running  lag 0.4 s, 1.2 MB  freshness p50 120 ms, p99 340 ms  1,200 rows/s  34,000 rows` */
export function renderRunProgress(status: StatusReport): string {
  const { lag, freshness, rows, errors } = status;
  return [
    'running',
    ...(lag === null ? [] : [renderLag(lag)]),
    ...(freshness === null ? [] : [renderFreshness(freshness)]),
    `${formatCount(rows.perSecond)} rows/s`,
    `${formatCount(rows.total)} rows`,
    ...(errors.length === 0 ? [] : [`${errors.length} in error: see cdc status`]),
  ].join('  ');
}

/** The few numbers of the status that belong in a log line. */
export function runProgressFields(status: StatusReport): Readonly<Record<string, unknown>> {
  return {
    position: status.source?.position ?? null,
    lag: status.lag,
    freshness: status.freshness,
    rows: status.rows,
    errors: status.errors.length,
  };
}

export function renderRun(report: RunReport, style: Style): string {
  const { current, status } = report;
  const place = status.source?.position ?? 'the start';
  const verdict = current ? style.green('current') : 'stopped cleanly';
  return `${verdict} at ${place}, ${formatCount(status.rows.total)} rows; \`cdc run\` goes on from here\n`;
}

export function renderLag(lag: { readonly bytes: number; readonly seconds: number }): string {
  const bytes = lag.bytes < 0 ? '' : `, ${formatBytes(lag.bytes)}`;
  return `lag ${formatMs(lag.seconds * 1000)}${bytes}`;
}

export function renderFreshness(freshness: {
  readonly p50Ms: number;
  readonly p99Ms: number;
}): string {
  return `freshness p50 ${formatMs(freshness.p50Ms)}, p99 ${formatMs(freshness.p99Ms)}`;
}
