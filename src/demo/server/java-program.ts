import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CdcError } from '../../errors.ts';
import { installPackages } from './debian-packages.ts';
import { findProgram, runProgram } from './program.ts';

const oldestJava = 17;

/** How to run the programs of some jars. */
export interface JavaProgram {
  readonly java: string;
  readonly classPath: string;
}

export interface JavaPackage {
  /** Name of its folder in the user's cache: `kafka-4.1.0`. */
  readonly folder: string;
  /** For messages: `Kafka 4.1.0`. */
  readonly name: string;
  /** The Maven project whose runtime dependencies are the jars. */
  readonly pom: string;
  /** Files of the jars that must not be on the class path. */
  readonly without?: readonly string[];
}

/**
 * Jars in the user's cache folder; the first call fetches them with Maven, and Java and Maven with apt-get where that needs
 * no question. Throws CDC_DEMO_SERVER_MISSING.
 */
export async function installJava(
  wanted: JavaPackage,
  report: (line: string) => void,
): Promise<JavaProgram> {
  const folder = join(homedir(), '.cache', 'strata', wanted.folder);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  const { java, maven } = await findTools(wanted, !isThere, report);
  if (!isThere && maven !== undefined) {
    report(`Fetching ${wanted.name} with Maven`);
    await fetchInto(folder, wanted, maven);
  }
  return { java, classPath: join(folder, '*') };
}

async function findTools(
  { name }: JavaPackage,
  needsMaven: boolean,
  report: (line: string) => void,
): Promise<{ java: string; maven: string | undefined }> {
  for (const isLast of [false, true]) {
    const java = await findJava();
    const maven = needsMaven ? await findProgram('mvn') : undefined;
    if (java !== undefined && (maven !== undefined || !needsMaven)) return { java, maven };
    const packages = needsMaven ? ['default-jre-headless', 'maven'] : ['default-jre-headless'];
    if (isLast || !(await installPackages(packages, report))) break;
  }
  throw new CdcError(
    'CDC_DEMO_SERVER_MISSING',
    `${name} needs Java ${oldestJava} or later, and Maven to fetch it; they are not on this machine.`,
    {
      remedy:
        'Install them (Debian: sudo apt-get install default-jre-headless maven), or give the ' +
        'address of a server of your own.',
    },
  );
}

/** `java --version` prints "openjdk 17.0.15 2025-04-15"; Java 8 does not know the option. */
async function findJava(): Promise<string | undefined> {
  const java = await findProgram('java');
  if (java === undefined) return undefined;
  const text = await runProgram(java, ['--version']).catch(() => '');
  const major = Number(/^\S+ (\d+)/.exec(text)?.[1] ?? 0);
  return major >= oldestJava ? java : undefined;
}

async function fetchInto(folder: string, wanted: JavaPackage, maven: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  try {
    await writeFile(join(work, 'pom.xml'), wanted.pom);
    await runProgram(maven, [
      ...['-q', '-B', '-f', join(work, 'pom.xml')],
      ...['dependency:copy-dependencies', '-DincludeScope=runtime'],
      `-DoutputDirectory=${join(work, 'lib')}`,
    ]);
    for (const name of wanted.without ?? []) await rm(join(work, 'lib', name));
    // The rename makes it whole or absent; who comes second keeps the first one's.
    await rename(join(work, 'lib'), folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
