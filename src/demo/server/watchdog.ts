import { type ChildProcess, spawn } from 'node:child_process';

/** Waits for the end of its input, which comes when the last holder of the other end is gone. */
const script = 'read -r _; kill -KILL "$1" 2>/dev/null; rm -rf "$2"';

/**
 * Kills process `pid` and removes `folder` as soon as this process is gone, however it died: the
 * operating system closes our end of the pipe. (`prctl(PR_SET_PDEATHSIG)` would do it on Linux only.)
 * Kill the process returned once `pid` has ended.
 */
export function watchOver(pid: number, folder: string): ChildProcess {
  const watchdog = spawn('/bin/sh', ['-c', script, 'watchdog', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A session of its own: Ctrl-C in our terminal must not end it.
    detached: true,
  });
  watchdog.unref();
  return watchdog;
}
