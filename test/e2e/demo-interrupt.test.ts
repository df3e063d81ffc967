import { expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { openTempFolder } from '../support/temp-folder.ts';

test('a demo interrupted before its snapshot is complete stops cleanly and proves nothing', async () => {
  await using folder = await openTempFolder();
  const demo = new CdcProject(folder.path).start('demo', '--once', '--json');
  const ended = finished(demo);
  demo.stderr?.on('data', (text) => {
    if (String(text).includes('Filling')) demo.kill('SIGINT');
  });
  const { exitCode, stdout, stderr } = await ended;
  expect(stderr).toContain('nothing to prove');
  expect(JSON.parse(stdout)).toEqual({ ok: false, interrupted: true });
  expect(exitCode).toBe(0);
}, 60_000);
