import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderDocs, root } from '../../../scripts/docs.ts';

test.each([...renderDocs()])('%s is what `npm run docs` makes', async (path, text) => {
  const present = await readFile(join(root, path), 'utf8');
  expect(present === text, `${path} is stale: run \`npm run docs\``).toBe(true);
});
