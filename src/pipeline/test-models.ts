import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openPrivateEngine } from '../engine/private-engine.ts';
import { CdcError } from '../errors.ts';
import { type ModelFile, readModels } from '../layers/model/model-file.ts';
import { type ModelTestReport, runModelTests } from '../layers/model-test/model-test.ts';
import type { TestedCase } from '../layers/model-test/model-test-case.ts';
import {
  type ModelTestFile,
  readModelTests,
  testFolder,
} from '../layers/model-test/model-test-file.ts';
import { nearestName } from '../lib/nearest-name.ts';
import type { Logger } from '../ops/logger.ts';
import { openLog } from './open-log.ts';
import { assertNoErrors } from './preflight.ts';
import { engineTypeOf } from './source-type.ts';

export interface TestModelsOptions {
  /** Test files and models; only cases of these files, or that expect something of these models. */
  readonly only?: readonly string[];
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onCase?: (tested: TestedCase) => void;
}

/**
 * Runs the cases of `layers/tests/` on an engine of their own, beside whatever runs; the project's
 * warehouse is not touched. Throws CDC_LAYERS_INVALID for mistakes in files, CDC_USAGE when there is no case.
 */
export async function testModels(
  config: ProjectConfig,
  { only = [], logger, signal, onCase }: TestModelsOptions,
): Promise<ModelTestReport> {
  const folder = join(config.folder, config.layers.folder);
  const { models, problems } = await readModels(folder);
  assertNoErrors('CDC_LAYERS_INVALID', 'The layer files have problems', problems);
  const files = selectCases(await readModelTests(folder), models, only);
  if (files.length === 0) {
    const tests = `${config.layers.folder}/${testFolder}`;
    throw new CdcError('CDC_USAGE', `There are no tests in ${tests}.`, {
      remedy: `Write ${tests}/<name>.yaml; docs/layers.md ("Testing models") shows one.`,
    });
  }
  const schemas = await capturedSchemas(config, logger);
  await using own = await openPrivateEngine(logger);
  return await runModelTests(files, {
    engine: own.engine,
    folder,
    models,
    schemas,
    typeOf: engineTypeOf,
    logger,
    signal,
    ...(onCase && { onCase }),
  });
}

/** Throws CDC_USAGE for a word that is neither a test file nor a model with tests. */
function selectCases(
  files: readonly ModelTestFile[],
  models: readonly ModelFile[],
  only: readonly string[],
): ModelTestFile[] {
  if (only.length === 0) return [...files];
  const selected = new Set<ModelTestFile['cases'][number]>();
  for (const word of only) {
    const cases = files.flatMap(({ file, cases: all }) => {
      if (isFileNamed(file, word)) return all;
      return all.filter(({ steps }) => {
        return steps.some(({ expected }) => expected.some(({ model }) => model === word));
      });
    });
    if (cases.length === 0) throw unknownTest(word, files, models);
    for (const each of cases) selected.add(each);
  }
  return files.flatMap((file) => {
    const cases = file.cases.filter((each) => selected.has(each));
    return cases.length === 0 ? [] : [{ ...file, cases }];
  });
}

/** `renewal`, `renewal.yaml`, or the path as it is typed in the project's folder or above it. */
function isFileNamed(file: string, word: string): boolean {
  const [name = ''] = file.split('/').slice(-1);
  return word === name || `${word}.yaml` === name || word === file || word.endsWith(`/${file}`);
}

function unknownTest(
  word: string,
  files: readonly ModelTestFile[],
  models: readonly ModelFile[],
): CdcError {
  if (models.some(({ name }) => name === word)) {
    return new CdcError('CDC_USAGE', `No test expects anything of ${word}.`, {
      remedy: `Add it under \`expect\` in a file of ${testFolder}/.`,
    });
  }
  const known = [...files.map(({ file }) => file), ...models.map(({ name }) => name)];
  const near = nearestName(word, known);
  return new CdcError('CDC_USAGE', `There is no test file and no model ${word}.`, {
    remedy: near
      ? `Did you mean ${near}?`
      : `Test files: ${files.map(({ file }) => file).join(', ')}.`,
  });
}

/** What the project has captured; nothing before `cdc init`. */
async function capturedSchemas(
  config: ProjectConfig,
  logger: Logger,
): Promise<Map<TableId, TableSchema>> {
  const folder = join(config.stateFolder, 'catalog');
  if (!existsSync(folder)) return new Map();
  await using catalog = await openCatalog(folder, { readOnly: true });
  await using log = await openLog(config, catalog, logger);
  return log.schemas();
}
