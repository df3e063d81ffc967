import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CdcError } from '../../errors.ts';
import { installPackages } from './debian-packages.ts';
import { findProgram, runProgram } from './program.ts';

const version = '4.1.0';
const oldestJava = 17;

/** How to run Kafka's own Java programs. */
export interface KafkaProgram {
  readonly java: string;
  readonly classPath: string;
}

/**
 * The Kafka broker in the user's cache folder; the first call fetches it with Maven (43 MB), and Java and
 * Maven with apt-get where that needs no question. Throws CDC_DEMO_SERVER_MISSING.
 */
export async function installKafka(report: (line: string) => void): Promise<KafkaProgram> {
  const folder = join(homedir(), '.cache', 'strata', `kafka-${version}`);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  const { java, maven } = await findTools(!isThere, report);
  if (!isThere && maven !== undefined) {
    report(`Fetching Kafka ${version} with Maven`);
    await fetchInto(folder, maven);
  }
  return { java, classPath: join(folder, '*') };
}

async function findTools(
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
    `A Kafka broker needs Java ${oldestJava} or later, and Maven to fetch it; they are not on this machine.`,
    {
      remedy:
        'Install them (Debian: sudo apt-get install default-jre-headless maven), or give the ' +
        'address of a broker of your own.',
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

async function fetchInto(folder: string, maven: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  try {
    await writeFile(join(work, 'pom.xml'), pom);
    await runProgram(maven, [
      ...['-q', '-B', '-f', join(work, 'pom.xml')],
      ...['dependency:copy-dependencies', '-DincludeScope=runtime'],
      `-DoutputDirectory=${join(work, 'lib')}`,
    ]);
    // The rename makes it whole or absent; who comes second keeps the first one's.
    await rename(join(work, 'lib'), folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>strata</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`;
