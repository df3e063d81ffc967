import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const cdc = fileURLToPath(new URL('../bin/cdc.js', import.meta.url));

export interface MeasuredCommand {
  readonly seconds: number;
  readonly stdout: string;
  /** Highest resident set of the process itself (its engine is another process). */
  readonly peakMegabytes: number;
}

/** Runs the built command to its end, watching the memory of its process. */
export async function measureCommand(folder: string, args: readonly string[]): Promise<MeasuredCommand> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [cdc, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  let peakMegabytes = 0;
  const timer = setInterval(async () => {
    peakMegabytes = Math.max(peakMegabytes, await peakOf(child.pid));
  }, 100);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(timer);
  if (exitCode !== 0) throw new Error(`cdc ${args.join(' ')} ended with ${exitCode}\n${stdout}`);
  return { seconds: (performance.now() - startedAt) / 1000, stdout, peakMegabytes };
}

async function peakOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
