/**
 * The engine process: chdb on one warehouse folder, served on loopback while somebody holds it.
 * Started by engine-process.ts with `EngineStart` as its argument; answers one `EngineReport` over
 * the IPC channel. Its stdout and stderr are `<state>/engine.log`.
 */
import { fstatSync, ftruncateSync, writeSync } from 'node:fs';
import { createLogger } from '../../ops/logger.ts';
import { EngineHost, type EngineReport, type EngineStart } from './engine-host.ts';

const maxLogBytes = 8 * 1024 ** 2;
const stderr = 2;

process.umask(0o077);
setInterval(boundLog, 30_000).unref();
const logger = createLogger({
  level: 'info',
  output: { write: (line) => writeSync(stderr, line) },
});
const start = JSON.parse(process.argv[2] ?? '') as EngineStart;
const host = await EngineHost.open(start, logger);
if (host instanceof EngineHost) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => host.stop(signal));
  report({ type: 'ready' });
} else {
  logger.error(host, 'engine did not start');
  process.exitCode = 1;
  report(host);
}

function report(message: EngineReport): void {
  // The process that started this one may have gone; then nobody waits for the report.
  if (!process.connected) return;
  process.send?.(message, undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}

function boundLog(): void {
  // The file is open for appending, so what comes next stands at its new end.
  if (fstatSync(stderr).size > maxLogBytes) ftruncateSync(stderr, 0);
}
