import { join } from 'node:path';
import { expect, test } from 'vitest';
import { schoolTables } from '../../../src/demo/school/school-schema.ts';
import { layerNames, type ModelFile, readModels } from '../../../src/layers/model/model-file.ts';
import { createProject } from '../../../src/template/new-project.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

const tables = schoolTables.map((statement) => /CREATE TABLE (\S+)/.exec(statement)?.[1]);

test('the online school is a template whose models read what is there', async () => {
  await using temp = await openTempFolder();
  const folder = join(temp.path, 'school');
  const project = await createProject({ template: 'online-school', folder });
  expect(project.files).toContain('cdc.yaml');
  const { models, problems } = await readModels(join(folder, 'layers'));
  expect(problems).toEqual([]);
  expect(models.map((model) => model.name)).toContain('ads.renewal_report');
  for (const model of models) {
    const known = [
      ...tables,
      ...models.filter((other) => isBelow(other, model)).map((m) => m.name),
    ];
    expect(known, model.file).toEqual(expect.arrayContaining(tablesRead(model)));
    expect(model.header, model.file).toMatchObject({
      key: expect.any(Array),
      owner: expect.any(String),
      description: expect.any(String),
    });
  }
});

/** ADS reads DWS and DWD, DWS reads DWD, only DWD reads the source's tables. */
function isBelow(lower: ModelFile, upper: ModelFile): boolean {
  return layerNames.indexOf(lower.layer) < layerNames.indexOf(upper.layer);
}

function tablesRead(model: ModelFile): string[] {
  return [...model.sql.matchAll(/\b(?:FROM|JOIN)\s+([a-z_]+\.[a-z_]+)/g)].map(
    ([, table = '']) => table,
  );
}
