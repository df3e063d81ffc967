import { createHash } from 'node:crypto';
import { copyFile, type FileHandle, mkdir, open, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const memoryFolder = '/dev/shm';
const pieceBytes = 1024 ** 2;

/** The rows of one insert, in a file that chdb can read. */
export interface StagedFile extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Files that live as long as one insert: in memory (/dev/shm) while there is room, else in the state
 * folder. Whatever an engine that was killed has left is removed when the next one starts.
 */
export class StagingArea implements AsyncDisposable {
  readonly #memory: string | undefined;
  readonly #disk: string;
  readonly #maxMemoryBytes: number;
  #count = 0;

  private constructor(memory: string | undefined, disk: string, maxMemoryBytes: number) {
    this.#memory = memory;
    this.#disk = disk;
    this.#maxMemoryBytes = maxMemoryBytes;
  }

  /**
   * `diskFolder` is this engine's alone. A file takes no more of the memory than `memoryBytes`, nor
   * than a quarter of what is free: several inserts stage side by side, and others use it too.
   */
  static async open(
    diskFolder: string,
    { memoryBytes = Number.POSITIVE_INFINITY } = {},
  ): Promise<StagingArea> {
    const name = createHash('sha256').update(resolve(diskFolder)).digest('hex').slice(0, 16);
    const memory = join(memoryFolder, `strata-${process.getuid?.() ?? 0}-${name}`);
    await makeEmpty(diskFolder);
    // A machine without /dev/shm stages on disk.
    const hasMemory = await makeEmpty(memory).then(
      () => true,
      () => false,
    );
    return new StagingArea(hasMemory ? memory : undefined, diskFolder, memoryBytes);
  }

  /** Takes the whole of `data`; throws what `data` throws, leaving no file. */
  async stage(data: AsyncIterable<Buffer>): Promise<StagedFile> {
    const name = String(this.#count++);
    const room = await this.#memoryRoom();
    const folder = this.#memory ?? this.#disk;
    // Some systems empty /dev/shm when a user logs out (logind's RemoveIPC).
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await StagingFile.open(join(folder, name));
    try {
      for await (const chunk of data) {
        const isTooLarge = this.#memory !== undefined && file.bytes + chunk.length > room;
        if (isTooLarge) await file.moveTo(join(this.#disk, name));
        await file.write(chunk);
      }
      await file.close();
    } catch (error) {
      await file.remove();
      throw error;
    }
    return { path: file.path, bytes: file.bytes, [Symbol.asyncDispose]: () => file.remove() };
  }

  async #memoryRoom(): Promise<number> {
    if (this.#memory === undefined) return 0;
    const { bavail, bsize } = await statfs(memoryFolder);
    return Math.min(this.#maxMemoryBytes, (bavail * bsize) / 4);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#disk, { recursive: true, force: true });
    if (this.#memory !== undefined) await rm(this.#memory, { recursive: true, force: true });
  }
}

/** A file being written, in pieces of about `pieceBytes`. */
class StagingFile {
  #path: string;
  #handle: FileHandle;
  #bytes = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<StagingFile> {
    return new StagingFile(path, await open(path, 'wx', 0o600));
  }

  get path(): string {
    return this.#path;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#bytes += chunk.length;
    this.#pendingBytes += chunk.length;
    this.#pending.push(chunk);
    if (this.#pendingBytes >= pieceBytes) await this.#flush();
  }

  /** Goes on at `path`, unless it is there already. */
  async moveTo(path: string): Promise<void> {
    if (path === this.#path) return;
    await this.close();
    await copyFile(this.#path, path);
    await rm(this.#path);
    this.#path = path;
    this.#handle = await open(path, 'a');
  }

  async close(): Promise<void> {
    await this.#flush();
    await this.#handle.close();
  }

  async remove(): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (pending.length > 0) await this.#handle.appendFile(Buffer.concat(pending));
  }
}

async function makeEmpty(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
}
