import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const cdc = fileURLToPath(new URL('../bin/cdc.js', import.meta.url));

export interface MeasuredCommand {
  readonly seconds: number;
  readonly stdout: string;
  /** Highest memory of the process itself (its engine is another process). */
  readonly peakMegabytes: number;
  /** The same with the pages of the log file that the kernel maps for it and takes back at need. */
  readonly peakResidentMegabytes: number;
}

/** Runs the built command to its end, watching the memory of its process. */
export async function measureCommand(
  folder: string,
  args: readonly string[],
): Promise<MeasuredCommand> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [cdc, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  using memory = memoryWatch(child.pid);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (exitCode !== 0) throw new Error(`cdc ${args.join(' ')} ended with ${exitCode}\n${stdout}`);
  return {
    seconds: (performance.now() - startedAt) / 1000,
    stdout,
    peakMegabytes: memory.peakMegabytes,
    peakResidentMegabytes: memory.peakResidentMegabytes,
  };
}

/** The highest memory of a process so far, looked at 20 times a second. */
export function memoryWatch(pid: number | undefined) {
  const peak = { peakMegabytes: 0, peakResidentMegabytes: 0 };
  const timer = setInterval(async () => {
    const memory = await memoryOf(pid);
    peak.peakMegabytes = Math.max(peak.peakMegabytes, memory.anonymous);
    peak.peakResidentMegabytes = Math.max(peak.peakResidentMegabytes, memory.resident);
  }, 50);
  return Object.assign(peak, { [Symbol.dispose]: () => clearInterval(timer) });
}

/** CPU time of a process so far, user and system; from 1/100 s ticks, as Linux counts them. */
export async function cpuSecondsOf(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

async function memoryOf(pid: number | undefined): Promise<{ anonymous: number; resident: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const megabytes = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
  return { anonymous: megabytes('RssAnon'), resident: megabytes('VmHWM') };
}
