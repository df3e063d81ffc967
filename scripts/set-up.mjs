// What the scripts share: node_modules and dist/ as they should be. Everything said goes to stderr,
// because stdout belongs to the command that follows. Plain JavaScript: it runs before npm ci.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installs the Node packages unless they are those of the lock file. */
export function installPackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    say(`Node ${process.versions.node} is too old: install Node 20.19 or later`);
    process.exit(2);
  }
  if (isInstalled()) return;
  say('Installing Node packages');
  // Not `npm ci`: it refuses a lock file made where the registry lacks other platforms' binaries.
  run('npm', ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error']);
}

/** Compiles src/ into dist/ unless dist/ is newer than every source. */
export function build() {
  const compiler = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  const sources = [...filesBelow(join(root, 'src')), ...compiler.map((file) => join(root, file))];
  const builtAt = modifiedMs(join(root, 'dist/index.js'));
  if (builtAt > Math.max(...sources.map(modifiedMs))) return;
  say('Building');
  run('npm', ['run', '--silent', 'build']);
}

/** Runs a Node program with this terminal and ends this process as it ended. */
export function hand(program, args) {
  const child = spawn(process.execPath, [...program, ...args], { cwd: root, stdio: 'inherit' });
  // Ctrl-C reaches the child by itself; we only wait for what it makes of it.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    throw error;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

/** npm leaves the lock file it installed from in node_modules/.package-lock.json, without the root package. */
function isInstalled() {
  const installed = readLock('node_modules/.package-lock.json');
  if (installed === undefined) return false;
  const wanted = readLock('package-lock.json');
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' ||
      installed[path]?.version === entry.version ||
      (entry.optional && installed[path] === undefined),
  );
}

function readLock(file) {
  const path = join(root, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined;
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function modifiedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) throw error;
  if (status !== 0) {
    say(`${command} ${args.join(' ')} failed`);
    process.exit(status ?? 1);
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
