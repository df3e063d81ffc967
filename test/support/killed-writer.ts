import { spawn } from 'node:child_process';

/**
 * Runs a program that prints the number of each batch it has written, until it has reached `enough`, and `delayMs` longer, and kills
 * it; the last batch it told of.
 */
export async function runUntilKilled(
  program: string,
  args: readonly string[],
  { enough, delayMs }: { readonly enough: number; readonly delayMs: number },
): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let reached = 0;
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      reached = Math.max(reached, ...text.split('\n').filter(Boolean).map(Number));
      if (reached >= enough) setTimeout(() => child.kill('SIGKILL'), delayMs);
    });
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      if (killedBy === 'SIGKILL') resolve(reached);
      else reject(new Error(`the writer ended by itself with ${code}`));
    });
  });
}
