import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';
import { writeDurably } from '../../lib/durable-file.ts';
import { deletedColumn, versionColumn } from '../sink-table.ts';
import { type DataFile, type Manifest, readManifest, writeManifest } from './manifest.ts';
import type { FilesSinkOptions } from './options.ts';
import { RowCounter } from './row-counter.ts';
import { filesToMerge } from './small-files.ts';

type FileForm = Pick<FilesSinkOptions, 'format' | 'gzip' | 'partition' | 'fileBytes'>;

interface FilePlace {
  /** Of the columns: their index in the manifest, and their names. */
  readonly form: number;
  readonly names: readonly string[];
  readonly sequence: number;
  readonly token: string;
}

const dataFile = /^(\d{12})(_\d{12})?-[0-9a-z-]+\.(ndjson|csv)(\.gz)?$/;
const partitionFolder = /^(date|hour)=/;

/** The files of one table, and the manifest that says which of them count. */
export class TableFolder {
  readonly path: string;
  readonly #form: FileForm;

  constructor(path: string, form: FileForm) {
    this.path = path;
    this.#form = form;
  }

  manifest(): Promise<Manifest | undefined> {
    return readManifest(this.path);
  }

  keep(manifest: Manifest): Promise<void> {
    return writeManifest(this.path, manifest);
  }

  /** Writes a file under the name of its place and token; undefined: there were no rows. It does not count yet. */
  async add(
    chunks: AsyncIterable<Buffer>,
    { form, names, sequence, token }: FilePlace,
  ): Promise<DataFile | undefined> {
    const { format, gzip } = this.#form;
    const header = this.#header(names);
    const counter = new RowCounter({ hasQuotes: format === 'csv' });
    const rows = Readable.from(counted(chunks, counter));
    const body = gzip ? pipeline(rows, createGzip(), () => undefined) : rows;
    const name = this.#name([sequence, sequence], token);
    const path = join(this.path, name);
    await writeDurably(path, concatenated(header, body));
    if (counter.rows === 0) {
      await rm(path);
      return undefined;
    }
    return {
      name,
      rows: counter.rows,
      bytes: (await stat(path)).size,
      plainBytes: counter.bytes,
      headerBytes: header.length,
      form,
      sequences: [sequence, sequence],
    };
  }

  /** The manifest with one more file, small ones put together; those that no longer count are returned, too. */
  async merge(
    manifest: Manifest,
    token: string,
  ): Promise<{ manifest: Manifest; replaced: readonly DataFile[] }> {
    const run = filesToMerge(manifest.files, this.#form.fileBytes);
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) return { manifest, replaced: [] };
    const sequences = [first.sequences[0], last.sequences[1]] as const;
    const folder = first.name.slice(0, first.name.lastIndexOf('/') + 1);
    const extension = /[.].*$/.exec(first.name.slice(folder.length))?.[0] ?? '';
    const name = `${folder}${numbersOf(sequences)}-${token}${extension}`;
    await writeDurably(join(this.path, name), this.#bodiesOf(run));
    const sum = (of: (file: DataFile) => number) =>
      run.reduce((total, file) => total + of(file), 0);
    const merged: DataFile = {
      name,
      rows: sum(({ rows }) => rows),
      bytes: sum(({ bytes, headerBytes }) => bytes - headerBytes) + first.headerBytes,
      plainBytes: sum(({ plainBytes }) => plainBytes),
      headerBytes: first.headerBytes,
      form: first.form,
      sequences,
    };
    const files = [...manifest.files.slice(0, -run.length), merged];
    return { manifest: { ...manifest, files }, replaced: run };
  }

  async remove(files: readonly DataFile[]): Promise<void> {
    for (const { name } of files) await rm(join(this.path, name), { force: true });
  }

  /** Removes what writes that did not come to their end have left. */
  async removeStrays({ files }: Manifest): Promise<void> {
    const known = new Set(files.map(({ name }) => name));
    const folders = ['.'];
    for (const folder of folders) {
      for (const entry of await readdir(join(this.path, folder), { withFileTypes: true })) {
        const name = folder === '.' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory() && partitionFolder.test(entry.name)) folders.push(name);
        else if (isStray(entry.name) && !known.has(name)) await rm(join(this.path, name));
      }
    }
  }

  async removeAll(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** The first file with its header, the others without: gzip allows members one after another, as CSV does rows. */
  async *#bodiesOf(files: readonly DataFile[]): AsyncGenerator<Buffer, void> {
    for (const [index, { name, headerBytes }] of files.entries()) {
      const start = index === 0 ? 0 : headerBytes;
      yield* createReadStream(join(this.path, name), { start }) as AsyncIterable<Buffer>;
    }
  }

  #header(names: readonly string[]): Buffer {
    const { format, gzip } = this.#form;
    if (format === 'ndjson') return Buffer.alloc(0);
    const quoted = [...names, versionColumn, deletedColumn].map(
      (name) => `"${name.replaceAll('"', '""')}"`,
    );
    const line = Buffer.from(`${quoted.join(',')}\n`);
    return gzip ? gzipSync(line) : line;
  }

  #name(sequences: readonly [number, number], token: string): string {
    const { format, gzip, partition } = this.#form;
    const now = new Date().toISOString();
    const day = partition === 'none' ? '' : `date=${now.slice(0, 10)}/`;
    const hour = partition === 'hour' ? `hour=${now.slice(11, 13)}/` : '';
    return `${day}${hour}${numbersOf(sequences)}-${token}.${format}${gzip ? '.gz' : ''}`;
  }
}

function numbersOf([first, last]: readonly [number, number]): string {
  const digits = (number: number) => String(number).padStart(12, '0');
  return first === last ? digits(first) : `${digits(first)}_${digits(last)}`;
}

function isStray(name: string): boolean {
  return dataFile.test(name.replace(/^\.(.*)\.tmp$/, '$1')) || name === '._manifest.json.tmp';
}

async function* counted(chunks: AsyncIterable<Buffer>, counter: RowCounter) {
  for await (const chunk of chunks) {
    counter.count(chunk);
    yield chunk;
  }
}

async function* concatenated(header: Buffer, body: AsyncIterable<Buffer>) {
  yield header;
  yield* body;
}
