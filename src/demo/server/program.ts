import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CdcError } from '../../errors.ts';

const execute = promisify(execFile);

/** Server programs often lie where only root's PATH points. */
const extraFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** Path of the first of `names` that can be run, or undefined. */
export async function findProgram(...names: readonly string[]): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...extraFolders];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      const runnable = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (folder !== '' && runnable) return path;
    }
  }
  return undefined;
}

/** Runs a program to its end and returns what it printed. Throws CDC_DEMO_SERVER_MISSING with its last words. */
export async function runProgram(command: string, args: readonly string[]): Promise<string> {
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { stdout } = await execute(command, args, { env, maxBuffer: 64 * 1024 ** 2 });
    return stdout;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const lastWords = lastWordsOf(stderr) || String(error);
    throw new CdcError('CDC_DEMO_SERVER_MISSING', `Running ${command} failed: ${lastWords}`, {
      cause: error,
    });
  }
}

/** The last lines of what a program printed; frames of a Java stack left out, since what happened stands above them. */
export function lastWordsOf(text: string): string {
  const lines = text.trim().split('\n');
  return lines
    .filter((line) => !/^\s+(at |\.\.\. \d)/.test(line))
    .slice(-8)
    .join('\n');
}
