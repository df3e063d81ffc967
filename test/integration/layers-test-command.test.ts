import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { CommandLine } from '../support/command-line.ts';
import { openTempFolder } from '../support/temp-folder.ts';

const project = {
  'cdc.yaml': 'source: {type: mysql, host: h, user: u, password: p, tables: [shop.*]}\n',
  'layers/dwd/paid.sql': "-- key: id\nSELECT id, amount FROM shop.orders WHERE status = 'paid'",
  'layers/dwd/all.sql': '-- key: id\nSELECT id FROM shop.orders',
  'layers/tests/right.yaml': `cases:
  - name: a refund
    given: {shop.orders: [{id: 1, amount: 5.00, status: paid}]}
    expect: {dwd.paid: [{id: 1, amount: 5}]}
    steps:
      - step: back
        update: {shop.orders: [{id: 1, status: refunded}]}
        expect: {dwd.paid: []}
`,
  'layers/tests/wrong.yaml': `cases:
  - name: a mistake
    given: {shop.orders: [{id: 1}]}
    expect: {dwd.all: [{id: 2}]}
`,
};

async function openProject() {
  const folder = await openTempFolder();
  for (const [name, text] of Object.entries(project)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), text);
  }
  const run = (...words: string[]) => {
    return new CommandLine({ currentFolder: folder.path }).run('layers', 'test', ...words);
  };
  return { ...folder, run };
}

test('layers test runs all cases on an engine of its own, without a state folder', async () => {
  await using cdc = await openProject();
  const { exitCode, stdout } = await cdc.run();
  expect(stdout).toMatch(/^ok {4}a refund {2}layers\/tests\/right.yaml, /);
  expect(stdout).toMatch(/\nFAIL {2}a mistake {2}layers\/tests\/wrong.yaml:2:5\n/);
  expect(stdout).toMatch(/\n1 case failed, 1 case as expected in /);
  expect(exitCode).toBe(4);
  expect(existsSync(join(cdc.path, '.cdc'))).toBe(false);
});

test('layers test runs only what is named, and prints JSON', async () => {
  await using cdc = await openProject();
  const byModel = await cdc.run('dwd.paid', '--json');
  expect(byModel.exitCode).toBe(0);
  expect(JSON.parse(byModel.stdout)).toMatchObject({
    ok: true,
    cases: [{ file: 'layers/tests/right.yaml', name: 'a refund', steps: 2 }],
  });
  const misspelt = await cdc.run('dwd.pai');
  expect(misspelt).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('dwd.paid') });
  const untested = await cdc.run('dwd.none');
  expect(untested.exitCode).toBe(2);
});
