import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readProject } from '../../../src/config/load-project.ts';
import { readModels } from '../../../src/layers/model/model-file.ts';
import { orderModels } from '../../../src/layers/model/model-graph.ts';
import { readModelTests } from '../../../src/layers/model-test/model-test-file.ts';
import { planWrites } from '../../../src/layers/model-test/model-test-rows.ts';
import { resolveTables } from '../../../src/layers/model-test/model-test-tables.ts';
import { engineTypeOf } from '../../../src/pipeline/source-type.ts';
import { createProject } from '../../../src/template/new-project.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

test('the K12 renewal template is a project whose models, tests and tables belong together', async () => {
  await using temp = await openTempFolder();
  const folder = join(temp.path, 'school');
  await createProject({ template: 'k12-renewal', folder, values: { database: 'k13' } });
  const environment = { CDC_SOURCE_PASSWORD: 'p' };
  const { config, problems } = await readProject({ file: folder, environment });
  expect(problems).toEqual([]);
  expect(config?.source).toMatchObject({ tables: ['k13.*'] });

  const layers = join(folder, 'layers');
  const { models, problems: mistakes } = await readModels(layers);
  const { ordered, problems: cycles } = orderModels(models);
  expect([...mistakes, ...cycles]).toEqual([]);
  const names = new Set(models.map(({ name }) => name));
  const read = new Set(ordered.flatMap(({ references }) => references.map(({ name }) => name)));
  for (const { header, file } of models) {
    expect(header, file).toMatchObject({
      key: expect.any(Array),
      owner: expect.any(String),
      description: expect.any(String),
      freshnessMs: expect.any(Number),
    });
  }

  const [story, ...others] = await readModelTests(layers);
  if (story === undefined) throw new Error('the template has no tests');
  expect(others).toEqual([]);
  const tables = [...read].filter((name) => !names.has(name) && name.startsWith('k13.'));
  const sources = { schemas: new Map(), read: new Set(tables), typeOf: engineTypeOf };
  const resolved = resolveTables(story, sources);
  expect(resolved.problems).toEqual([]);
  for (const testCase of story.cases) {
    expect(planWrites(testCase, resolved.tables).problems).toEqual([]);
  }
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const found = [...resolved.tables.values()].map(({ name, columns }) => [name, columns] as const);
  expect(Object.fromEntries(found)).toEqual(tablesOf(readme));
  const expected = story.cases.flatMap(({ steps }) => steps.flatMap((step) => step.expected));
  expect([...names]).toEqual(expect.arrayContaining(expected.map(({ model }) => model)));
});

/** The tables of a README's CREATE statements, with the types the warehouse gives them. */
function tablesOf(readme: string): Record<string, { name: string; type: string | undefined }[]> {
  const statements = [...readme.matchAll(/^CREATE TABLE (\w+) \(\n([\s\S]*?)\n\);$/gm)];
  const tables = statements.map(([, name = '', body = '']) => {
    const columns = body.split(',\n').map((line) => {
      const [, column = '', type = ''] = /^\s*(\w+) (.*?)(?: COMMENT .*)?$/.exec(line) ?? [];
      return { name: column, type: engineTypeOf(type) };
    });
    return [`k13.${name}`, columns];
  });
  return Object.fromEntries(tables);
}
