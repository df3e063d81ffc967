import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { quoteString } from '../../../engine/sql-quote.ts';
import type { CdcError } from '../../../errors.ts';
import { sinkError } from '../../sink-errors.ts';
import { type ObjectStore, pathOf, type StoredFile } from './object-store.ts';

/** Files on their way; readers of lakes leave names with a dot in front alone. */
const partPrefix = '.part-';

/** A lake in a local folder. Files are durable when `put` resolves. */
export class LocalStore implements ObjectStore {
  readonly address: string;

  constructor(folder: string) {
    this.address = resolve(folder);
  }

  locate(name: string): string {
    return join(this.address, name);
  }

  async list(prefix: string): Promise<StoredFile[]> {
    const found: StoredFile[] = [];
    for (const entry of await this.#entries(prefix, true)) {
      if (!entry.isFile() || entry.name.startsWith(partPrefix)) continue;
      const path = join(entry.parentPath, entry.name);
      const facts = await this.#try('Reading', path, () => stat(path));
      if (facts === undefined) continue;
      const name = relative(this.address, path).split(sep).join('/');
      found.push({ name, bytes: facts.size, writtenAt: facts.mtimeMs });
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async folders(prefix: string): Promise<string[]> {
    const entries = await this.#entries(prefix, false);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  async get(name: string): Promise<Buffer | undefined> {
    const path = this.locate(name);
    return this.#try('Reading', path, () => readFile(path));
  }

  async put(name: string, body: Buffer): Promise<void> {
    await this.#write(name, body, async (part, path) => {
      await rename(part, path);
      return true;
    });
  }

  putIfAbsent(name: string, body: Buffer): Promise<boolean> {
    // A link fails where a name is taken; a rename would replace it.
    return this.#write(name, body, async (part, path) => {
      try {
        await link(part, path);
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await rm(part, { force: true });
      }
    });
  }

  async delete(name: string): Promise<void> {
    const path = this.locate(name);
    await this.#try('Removing', path, () => rm(path, { force: true }));
  }

  parquet(names: readonly string[], structure: string): string {
    const path = quoteString(`${this.address}/${pathOf(names)}`);
    return `file(${path}, 'Parquet', ${quoteString(structure)})`;
  }

  async #write(
    name: string,
    body: Buffer,
    place: (part: string, path: string) => Promise<boolean>,
  ): Promise<boolean> {
    const path = this.locate(name);
    const part = join(dirname(path), `${partPrefix}${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeDurably(part, body);
      const isPlaced = await place(part, path);
      await syncFolder(dirname(path));
      return isPlaced;
    } catch (error) {
      await rm(part, { force: true }).catch(() => undefined);
      throw fileError('Writing', path, error);
    }
  }

  async #entries(prefix: string, recursive: boolean): Promise<Dirent[]> {
    const path = this.locate(prefix);
    const options = { withFileTypes: true, recursive } as const;
    return (await this.#try('Listing', path, () => readdir(path, options))) ?? [];
  }

  /** Undefined where there is no such file. */
  async #try<T>(doing: string, path: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw fileError(doing, path, error);
    }
  }
}

async function writeDurably(path: string, body: Buffer): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(body);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The entry of a new file is durable with its folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

const codes = {
  EACCES: 'CDC_SINK_ACCESS_DENIED',
  EPERM: 'CDC_SINK_ACCESS_DENIED',
  EROFS: 'CDC_SINK_READ_ONLY',
  ENOSPC: 'CDC_SINK_FULL',
  EDQUOT: 'CDC_SINK_FULL',
  EMFILE: 'CDC_SINK_BUSY',
  ENFILE: 'CDC_SINK_BUSY',
} as const;

function fileError(doing: string, path: string, cause: unknown): CdcError {
  const found = codeOf(cause);
  const code = found in codes ? codes[found as keyof typeof codes] : 'CDC_SINK_FAILED';
  const why = cause instanceof Error ? cause.message : String(cause);
  return sinkError(code, `${doing} ${path}`, why, { cause });
}
