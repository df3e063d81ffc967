import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readModels } from '../../src/layers/model/model-file.ts';
import { runModelTests } from '../../src/layers/model-test/model-test.ts';
import { readModelTests } from '../../src/layers/model-test/model-test-file.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { engineTypeOf } from '../../src/pipeline/source-type.ts';
import { createProject } from '../../src/template/new-project.ts';
import { InProcessEngine } from '../support/layers-engine.ts';
import { openTempFolder } from '../support/temp-folder.ts';

// The long story of the template runs on a real source: test/e2e/renewal-story.test.ts.
test('the short cases of the K12 renewal template are as it says, in tables kept by keys', async () => {
  await using temp = await openTempFolder();
  await using engine = await InProcessEngine.open();
  const project = join(temp.path, 'school');
  await createProject({ template: 'k12-renewal', folder: project });
  const folder = join(project, 'layers');
  const files = await readModelTests(folder);
  const short = files.map((file) => ({
    ...file,
    cases: file.cases.filter(({ steps }) => steps.length < 5),
  }));
  const report = await runModelTests(short, {
    engine,
    folder,
    models: (await readModels(folder)).models,
    schemas: new Map(),
    typeOf: engineTypeOf,
    logger: createSilentLogger(),
    signal: new AbortController().signal,
  });
  expect(report.cases.map(({ name, failure }) => [name, failure])).toEqual([
    [expect.stringContaining('a transfer after the renewal'), undefined],
    [expect.stringContaining('a chain is followed for four steps'), undefined],
  ]);
});
