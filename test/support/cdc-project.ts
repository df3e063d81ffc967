import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestDatabase } from './test-database.ts';
import { engineProcess } from './test-engine.ts';
import { waitUntil } from './wait-until.ts';

const cdc = fileURLToPath(new URL('../../bin/cdc.js', import.meta.url));

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The source of a project file: every table of the database. */
export function sourceYaml(database: TestDatabase): string {
  const { host, port, user, password } = database.options;
  return `source:
  type: mysql
  host: ${host}
  port: ${port}
  user: ${user}
  password: ${JSON.stringify(password)}
  tables: ['${database.name}.*']
`;
}

/** A project folder for a test database, worked on with the built command as a user would. */
export class CdcProject {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes cdc.yaml for every table of the database, and the layer files given by `dwd/name` etc. */
  static async create(
    folder: string,
    database: TestDatabase,
    options: { models?: Readonly<Record<string, string>>; yaml?: string; source?: string } = {},
  ): Promise<CdcProject> {
    const yaml = options.yaml ?? `name: test\n${sourceYaml(database)}${options.source ?? ''}`;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'cdc.yaml'), yaml);
    for (const [name, sql] of Object.entries(options.models ?? {})) {
      const file = join(folder, 'layers', `${name}.sql`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, sql.replaceAll('{db}', database.name));
    }
    return new CdcProject(folder);
  }

  /** Starts a command; its output is collected by `finished`. */
  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [cdc, ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
  }

  /** Runs a command to its end. */
  run(...args: string[]): Promise<CommandResult> {
    return finished(this.start(...args));
  }

  /** Runs a command that must succeed; its stdout. */
  async succeed(...args: string[]): Promise<string> {
    const result = await this.run(...args);
    if (result.exitCode !== 0) {
      throw new Error(
        `cdc ${args.join(' ')} ended with ${result.exitCode}\n${result.stdout}\n${result.stderr}`,
      );
    }
    return result.stdout;
  }

  /** Removes what cdc remembers, once the engine has ended, which lives a moment longer than its last user. */
  async removeState(): Promise<void> {
    const stateFolder = join(this.folder, '.cdc');
    await waitUntil('the engine has ended', () => engineProcess(stateFolder) === undefined, 20_000);
    await rm(stateFolder, { recursive: true });
  }

  async query<T = Record<string, unknown>>(sql: string): Promise<T[]> {
    return JSON.parse(await this.succeed('query', '--json', sql)) as T[];
  }
}

export async function finished(child: ChildProcess): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { exitCode, stdout, stderr };
}
