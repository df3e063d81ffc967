import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Others' readers of lakes, and an S3 server, from PyPI. */
const packages = [
  'pyarrow==26.0.1',
  'deltalake==1.6.6',
  'pyiceberg==0.12.0',
  'duckdb==1.5.5',
  'duckdb-extension-avro==1.5.5',
  'duckdb-extension-delta==1.5.5',
  'duckdb-extension-httpfs==1.5.5',
  'duckdb-extension-iceberg==1.5.5',
  // DuckDB needs it for times with a zone.
  'pytz==2025.2',
  'moto[server,s3,iam]==5.2.5',
];

export type LakeReader =
  | 'duckdb-parquet'
  | 'duckdb-delta'
  | 'duckdb-iceberg'
  | 'deltalake'
  | 'pyiceberg';

export interface LakeRequest {
  readonly reader: LakeReader;
  /** Of the table: a folder or s3://bucket/key, without a slash at its end. */
  readonly address: string;
  readonly columns: readonly string[];
  /** Target names; for plain Parquet, where the reader has to find the newest version of each. */
  readonly key: readonly string[];
  readonly s3?: {
    readonly endpoint: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
}

/**
 * The rows that somebody else's program finds in a lake, each value as text (bytes as hex, times with six digits), in the order of
 * their texts; the column types it sees are there, too.
 */
export async function readLake(
  request: LakeRequest,
): Promise<{ readonly rows: (string | null)[][]; readonly types: Record<string, string> }> {
  const python = await lakePython();
  const script = fileURLToPath(new URL('./lake-readers.py', import.meta.url));
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(request));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (out === '')
    throw new Error(`${request.reader} cannot read ${request.address}: ${err.slice(-3000)}`);
  const answer = JSON.parse(out) as { rows: (string | null)[][]; types: Record<string, string> };
  return { ...answer, rows: sortRows(answer.rows) };
}

export function sortRows<T>(rows: readonly T[]): T[] {
  return rows
    .map((row) => ({ row, text: JSON.stringify(row) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ row }) => row);
}

let installing: Promise<string> | undefined;

/** The Python that has the packages; they are installed once a machine, through its own pip. */
export function lakePython(): Promise<string> {
  installing ??= install();
  return installing;
}

async function install(): Promise<string> {
  const hash = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12);
  const cache = join(homedir(), '.cache', 'strata');
  const folder = join(cache, `lake-readers-${hash}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'complete'))) return python;
  await mkdir(cache, { recursive: true });
  // Somebody else may install the same at the same moment: whoever is first gives it its name.
  const own = `${folder}.${process.pid}`;
  await run('python3', ['-m', 'venv', own]);
  const quiet = ['-q', '--disable-pip-version-check'];
  await run(join(own, 'bin', 'python'), ['-m', 'pip', 'install', ...quiet, ...packages], {
    maxBuffer: 64 * 1024 ** 2,
  });
  await writeFile(join(own, 'complete'), packages.join('\n'));
  await rename(own, folder).catch(async (error: unknown) => {
    await rm(own, { recursive: true, force: true });
    if (!existsSync(join(folder, 'complete'))) throw error;
  });
  return python;
}
