import { findProgram, runProgram } from './program.ts';

/**
 * Installs packages where that needs no question: on Debian and its relatives, as root or with a `sudo`
 * that asks nothing. False where it would. Throws CDC_DEMO_SERVER_MISSING when apt-get fails.
 */
export function installPackages(
  names: readonly string[],
  report: (line: string) => void,
): Promise<boolean> {
  const installing = lastInstallation.catch(() => false).then(() => install(names, report));
  lastInstallation = installing;
  return installing;
}

/** apt-get works for one at a time. */
let lastInstallation: Promise<boolean> = Promise.resolve(true);

async function install(names: readonly string[], report: (line: string) => void): Promise<boolean> {
  const apt = await aptCommand();
  if (apt === undefined) return false;
  const [command, ...prefix] = [...apt, '-o', 'DPkg::Lock::Timeout=300'] as const;
  report(`Installing ${names.join(', ')} with apt-get`);
  await runProgram(command, [...prefix, 'update', '-q']);
  await runProgram(command, [
    ...prefix,
    ...['install', '-q', '-y', '--no-install-recommends', ...names],
  ]);
  return true;
}

async function aptCommand(): Promise<[string, ...string[]] | undefined> {
  const apt = await findProgram('apt-get');
  if (apt !== undefined && process.getuid?.() === 0) return [apt];
  const sudo = await findProgram('sudo');
  if (apt === undefined || sudo === undefined) return undefined;
  const asksNothing = await runProgram(sudo, ['-n', 'true']).then(
    () => true,
    () => false,
  );
  return asksNothing ? [sudo, '-n', apt] : undefined;
}
