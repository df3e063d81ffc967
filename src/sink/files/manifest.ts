import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../lib/durable-file.ts';
import type { Progress } from '../sink.ts';
import type { SinkTable } from '../sink-table.ts';

export const manifestName = '_manifest.json';

/**
 * What of a table's folder counts, and how far the table is: files and progress in one file, replaced at once. A file that is not
 * named here is of a write that did not come to its end, or its lines are in another file by now.
 */
export interface Manifest {
  readonly manifest: 1;
  /** Project and sink that write it. */
  readonly owner: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly ManifestColumn[];
  /** Names of columns that files were written with, in their order. */
  readonly forms: readonly (readonly string[])[];
  /** Absent: nothing was written yet. */
  readonly progress?: Progress;
  /** In the order in which they were written. */
  readonly files: readonly DataFile[];
}

export interface ManifestColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

export interface DataFile {
  /** From the table's folder on. */
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  /** Without compression, and without the line of names. */
  readonly plainBytes: number;
  /** Length of what stands before the first row. */
  readonly headerBytes: number;
  /** Index into `forms`. */
  readonly form: number;
  /** First and last sequence of the progress that its rows came with. */
  readonly sequences: readonly [number, number];
}

export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, manifestName), 'utf8')) as Manifest;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = `${JSON.stringify(manifest, undefined, 1)}\n`;
  await writeDurably(join(folder, manifestName), [Buffer.from(text)]);
}

/** The manifest with the columns of this table; `keep`: also with those that it has no more. */
export function withColumns(
  before: Manifest | undefined,
  table: SinkTable,
  { owner, keep }: { readonly owner: string; readonly keep: boolean },
): Manifest {
  const names = new Set(table.columns.map(({ name }) => name));
  const gone = keep ? (before?.columns ?? []).filter(({ name }) => !names.has(name)) : [];
  return {
    files: [],
    forms: [],
    ...before,
    manifest: 1,
    owner,
    table: table.source,
    key: table.key,
    columns: [
      ...table.columns.map(({ name, engineType: type, nullable }) => ({ name, type, nullable })),
      ...gone,
    ],
  };
}

/** The manifest with a form for these columns, and which one it is. */
export function withForm(
  manifest: Manifest,
  { columns }: SinkTable,
): { readonly manifest: Manifest; readonly form: number } {
  const names = columns.map(({ name }) => name);
  const form = manifest.forms.findIndex((each) => each.join('\0') === names.join('\0'));
  if (form !== -1) return { manifest, form };
  const forms = [...manifest.forms, names];
  return { manifest: { ...manifest, forms }, form: forms.length - 1 };
}
