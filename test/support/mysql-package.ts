import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { mysqlProgram } from '../../src/demo/server/mysql-program.ts';
import { runProgram } from '../../src/demo/server/program.ts';
import type { ServerProgram } from '../../src/demo/server/server-program.ts';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * MySQL 9 on a Debian machine, whose own release has only MariaDB: the package of Debian's
 * development release is unpacked, with the whole closure of its libraries, into a private folder
 * and started through that release's own dynamic loader. The system stays as it is.
 */
export async function installMysqlPackage(): Promise<ServerProgram> {
  const root = join(homedir(), '.cache', 'strata', 'mysql-9.7');
  if (!(await isThere(join(root, 'usr/sbin/mysqld')))) await unpackInto(root);
  const libraries = join(root, 'usr/lib', `${machine()}-linux-gnu`);
  const loader = await findLoader(root);
  const program = mysqlProgram([
    loader,
    '--library-path',
    libraries,
    join(root, 'usr/sbin/mysqld'),
  ]);
  return { ...program, options: [...program.options, `--basedir=${join(root, 'usr')}`] };
}

async function unpackInto(root: string): Promise<void> {
  await mkdir(dirname(root), { recursive: true });
  const work = await mkdtemp(`${root}.`);
  try {
    const apt = await privateApt(work);
    await runProgram('apt-get', [...apt, 'update', '-q']);
    await runProgram('apt-get', [
      ...apt,
      ...['install', '-q', '-y', '-d', '--no-install-recommends', 'mysql-server-core'],
    ]);
    const archives = join(work, 'cache/archives');
    for (const file of await readdir(archives)) {
      if (!file.endsWith('.deb')) continue;
      await runProgram('dpkg', ['-x', join(archives, file), join(work, 'root')]);
    }
    // The rename makes it whole or absent; who comes second keeps the first one's.
    await rename(join(work, 'root'), root).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Options that keep apt away from the machine's own lists, packages and locks. */
async function privateApt(work: string): Promise<string[]> {
  await mkdir(join(work, 'lists/partial'), { recursive: true });
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true });
  const sources = join(work, 'sid.list');
  await writeFile(sources, `deb [signed-by=${keyring}] ${await findDebianMirror()} sid main\n`);
  return [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(work, 'lists')}`,
    // Nothing counts as installed, so apt fetches the whole closure.
    'Dir::State::status=/dev/null',
    `Dir::Cache=${join(work, 'cache')}`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
}

/** The mirror that this machine's own apt takes Debian from. */
async function findDebianMirror(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(release)?.[1] ?? 'sid';
  if (!/^ID=debian$/m.test(release)) throw new Error('this machine does not run Debian');
  const targets = await runProgram('apt-get', [
    ...['indextargets', '--format', '$(RELEASE) $(REPO_URI)'],
    ...['Created-By: Packages', 'Component: main'],
  ]);
  for (const line of targets.split('\n')) {
    const [suite = '', mirror = ''] = line.split(' ');
    if ([codename, 'stable', 'testing', 'unstable', 'sid'].includes(suite)) return mirror;
  }
  throw new Error('apt has no source for the main archive of Debian');
}

async function findLoader(root: string): Promise<string> {
  for (const folder of ['usr/lib64', 'usr/lib', `usr/lib/${machine()}-linux-gnu`]) {
    const files = await readdir(join(root, folder)).catch(() => []);
    const loader = files.find((file) => /^ld-linux-[\w-]+\.so\.\d+$/.test(file));
    if (loader !== undefined) return join(root, folder, loader);
  }
  throw new Error(`no dynamic loader below ${root}; delete the folder and try again`);
}

function machine(): string {
  return arch() === 'arm64' ? 'aarch64' : 'x86_64';
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
