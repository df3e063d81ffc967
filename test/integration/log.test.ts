import { execFileSync } from 'node:child_process';
import { mkdir, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/lmdb-catalog.ts';
import { encodeBatch } from '../../src/change/batch-codec.ts';
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { aBatch, aNote, aSchema, schemaSection } from '../contract/change-log-batches.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const roomy = { maxBytes: 1e12, retainBytes: 0 };

/** A log in `folder`, with its catalog. */
function openLog(folder: string, options = roomy) {
  const catalog = openCatalog(join(folder, 'catalog'));
  const log = new EmbeddedLog(catalog, options);
  const close = async () => {
    await log[Symbol.asyncDispose]();
    await catalog[Symbol.asyncDispose]();
  };
  return { log, catalog, [Symbol.asyncDispose]: close };
}

/** A file system of a few megabytes, so that it can be filled. */
async function mountSmallDisk(bytes: number) {
  const folder = await openTempFolder();
  const path = join(folder.path, 'disk');
  await mkdir(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  const unmount = async () => {
    execFileSync('umount', [path]);
    await folder[Symbol.asyncDispose]();
  };
  return { path, [Symbol.asyncDispose]: unmount };
}

describe('the embedded log', () => {
  test('has everything that was acknowledged after it is opened again', async () => {
    await using folder = await openTempFolder();
    const schema = aSchema();
    const batches = [aBatch([schemaSection(schema)]), aNote(1, 'a'), aNote(2, 30_000)];
    {
      await using first = openLog(folder.path);
      first.log.committed('warehouse');
      await first.log.append(batches, { checkpoints: { stream: { at: 3 } } });
      await first.log.commit('warehouse', 1);
    }
    await using second = openLog(folder.path);
    const { log } = second;
    expect(log.committed('warehouse')).toBe(1);
    expect((await log.read(1, 1e9)).map(({ batch }) => batch)).toEqual(batches.slice(1));
    expect(log.checkpoint('stream')).toEqual({ at: 3 });
    expect(log.schemas().get(schema.table)).toEqual(schema);
    expect(await log.append([aNote(3, 'c')])).toBe(4);
  });

  test('drops an open transaction, with its checkpoint, when it is opened again', async () => {
    await using folder = await openTempFolder();
    {
      await using first = openLog(folder.path);
      await first.log.append([aNote(1, 'whole')], { checkpoints: { stream: 1 } });
      await first.log.append([aNote(2, 'part')], { open: true, checkpoints: { stream: 2 } });
    }
    await using second = openLog(folder.path);
    expect(second.log.end()).toBe(1);
    expect(second.log.checkpoint('stream')).toBe(1);
    await second.log.append([aNote(3, 'whole')]);
    expect((await second.log.read(0, 1e9)).map(({ batch }) => batch)).toEqual([
      aNote(1, 'whole'),
      aNote(3, 'whole'),
    ]);
  });

  test('shows a reader of another catalog handle what is committed', async () => {
    await using folder = await openTempFolder();
    await using writer = openLog(folder.path);
    await using catalog = openCatalog(join(folder.path, 'catalog'), { readOnly: true });
    const reader = new EmbeddedLog(catalog, roomy);
    expect(reader.committed('warehouse')).toBe(0);
    await writer.log.append([aNote(1, 'a')], { checkpoints: { stream: 1 } });
    expect(reader.end()).toBe(1);
    expect(reader.checkpoint('stream')).toBe(1);
    expect(await reader.read(0, 1e9)).toHaveLength(1);
    await expect(reader.append([aNote(2, 'b')])).rejects.toThrow(/open for reading/);
  });

  test('commits appends that arrive together in one transaction of the disk', async () => {
    await using folder = await openTempFolder();
    await using opened = openLog(folder.path);
    const before = opened.catalog.environment.commits;
    await Promise.all(Array.from({ length: 500 }, (_, id) => opened.log.append([aNote(id, 'n')])));
    const commits = opened.catalog.environment.commits - before;
    expect(opened.log.end()).toBe(500);
    expect(commits).toBeLessThan(5);
  });

  test('names an entry that cannot be read', async () => {
    await using folder = await openTempFolder();
    await using opened = openLog(folder.path);
    await opened.log.append([aNote(1, 'a'), aNote(2, 'b')]);
    const { environment } = opened.catalog;
    const bodies = environment.numberKeyed('log-bodies');
    const bytes = bodies.getBinary(1);
    if (bytes === undefined) throw new Error('no body');
    bytes[bytes.length - 1] = 0xff;
    environment.write(() => bodies.putSync(1, bytes));
    expect(await opened.log.read(0, 1)).toHaveLength(1);
    await expect(opened.log.read(1, 1)).rejects.toThrow(
      expect.objectContaining({
        code: 'CDC_LOG_CORRUPT',
        message: expect.stringMatching(/entry 1 of the change log in .*checksum/),
      }),
    );
    environment.write(() => bodies.removeSync(1));
    await expect(opened.log.read(1, 1)).rejects.toThrow(/entry 1 .*missing/);
  });

  test('keeps retainBytes of what was read, and the disk does not grow with what is trimmed', async () => {
    await using folder = await openTempFolder();
    await using opened = openLog(folder.path, { maxBytes: 1e12, retainBytes: 2_000_000 });
    const { log } = opened;
    log.committed('warehouse');
    for (let round = 0; round < 60; round++) {
      const end = await log.append([aNote(round, 500_000), aNote(round, 500_000)]);
      await log.commit('warehouse', end);
    }
    expect(log.stats().bytes).toBeGreaterThan(1_000_000);
    expect(log.stats().bytes).toBeLessThanOrEqual(2_000_000);
    expect((await stat(join(folder.path, 'catalog', 'data.mdb'))).size).toBeLessThan(12_000_000);
  });

  test.runIf(process.getuid?.() === 0)(
    'says that the disk is full, loses nothing acknowledged, and goes on when there is room',
    async () => {
      await using disk = await mountSmallDisk(8 * 1024 ** 2);
      const filler = join(disk.path, 'filler');
      await writeFile(filler, Buffer.alloc(2 * 1024 ** 2));
      let acknowledged = 0;
      {
        await using opened = openLog(disk.path);
        const { log, catalog } = opened;
        const appendUntilFull = async () => {
          for (;;) {
            await log.append([aNote(acknowledged, 300_000)], {
              checkpoints: { stream: acknowledged },
            });
            acknowledged++;
          }
        };
        const isFull = expect.objectContaining({
          code: 'CDC_LOG_FULL',
          kind: 'operator',
          message: expect.stringMatching(new RegExp(`Writing to ${disk.path}.*bytes free`)),
        });
        await expect(appendUntilFull()).rejects.toEqual(isFull);
        expect(acknowledged).toBeGreaterThan(5);

        // Appends that were under way together fail together; a hole is never followed by an entry.
        const together = [1, 2].map(() => log.append([aNote(0, 2_000_000)]));
        const results = await Promise.allSettled(together);
        expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
        expect(log.end()).toBe(acknowledged);
        expect(log.checkpoint('stream')).toBe(acknowledged - 1);
        await expect(catalog.put('big', 'x'.repeat(2_000_000))).rejects.toEqual(isFull);

        await truncate(filler, 0);
        await waitUntil('there is room', async () => (await statfs(disk.path)).bavail > 100);
        await log.append([aNote(acknowledged++, 300_000)]);
      }
      await rm(filler);
      await using again = openLog(disk.path);
      const notes = (await again.log.read(0, 1e9)).map(({ batch }) => encodeBatch(batch));
      expect(notes).toHaveLength(acknowledged);
      for (const [id, bytes] of notes.entries()) {
        expect(bytes.equals(encodeBatch(aNote(id, 300_000))), `entry ${id}`).toBe(true);
      }
    },
  );
});
