import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { ModelFile } from '../model/model-file.ts';
import { type GraphModel, orderModels } from '../model/model-graph.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { runCase, type TestedCase } from './model-test-case.ts';
import { checkCells } from './model-test-cells.ts';
import { assertNoProblems, type ModelTestCase, type ModelTestFile } from './model-test-file.ts';
import { planWrites, type TableWrite } from './model-test-rows.ts';
import { resolveTables, type TestTable } from './model-test-tables.ts';
import { ModelTestWorld } from './model-test-world.ts';
import { hint } from './model-test-yaml.ts';

export interface ModelTestReport {
  readonly ok: boolean;
  readonly cases: readonly TestedCase[];
  readonly seconds: number;
}

export interface ModelTestSetup {
  /** An engine of its own: everything in it is dropped. */
  readonly engine: SqlEngine;
  /** The project's layers folder. */
  readonly folder: string;
  readonly models: readonly ModelFile[];
  /** Tables as the project has captured them; empty before `cdc init`. */
  readonly schemas: ReadonlyMap<TableId, TableSchema>;
  /** The engine's type for one that the source spells; undefined for what is none. */
  readonly typeOf: (sourceType: string) => string | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onCase?: (tested: TestedCase) => void;
}

/** A case ready to run: what each of its steps writes. */
interface PlannedCase {
  readonly testCase: ModelTestCase;
  readonly writes: readonly (readonly TableWrite[])[];
}

/**
 * Runs cases on the real engine through the layers as `cdc run` uses them: each step is a cut. After each one
 * the models must show what is expected, and at the end of a case what their SELECTs give over the same tables.
 *
 * Throws CDC_LAYERS_INVALID, with every mistake of a file, before a case of that file runs.
 */
export async function runModelTests(
  files: readonly ModelTestFile[],
  setup: ModelTestSetup,
): Promise<ModelTestReport> {
  const startedAt = performance.now();
  const { ordered, problems } = orderModels(setup.models);
  assertNoProblems(problems, 'The layer files have');
  const cases: TestedCase[] = [];
  for (const file of files) cases.push(...(await runFile(file, ordered, setup)));
  const seconds = (performance.now() - startedAt) / 1000;
  return { ok: cases.every(({ failure }) => failure === undefined), cases, seconds };
}

async function runFile(
  file: ModelTestFile,
  graph: readonly GraphModel[],
  setup: ModelTestSetup,
): Promise<TestedCase[]> {
  const { engine, folder, logger, signal } = setup;
  const models = modelsUnderTest(file, graph);
  const names = new Set(models.map(({ model }) => model.name));
  const references = models.flatMap((each) => each.references.filter((one) => one.isCertain));
  const read = new Set(references.map(({ name }) => name).filter((name) => !names.has(name)));
  const { tables, problems } = resolveTables(file, { ...setup, read });
  const planned = file.cases.map((testCase) => {
    const { writes, problems: mistakes } = planWrites(testCase, tables);
    problems.push(...mistakes);
    return { testCase, writes };
  });
  assertNoProblems(problems);
  assertNoProblems(
    await checkCells(
      engine,
      planned.flatMap(({ writes }) => writes.flat()),
    ),
  );
  const parts = { engine, folder, logger, signal, tables: [...tables.values()] };
  const texts = models.map(({ model }) => model);
  await using world = await openWorld({ ...parts, models: texts }, file);
  assertNoProblems(wrongColumns(file, world));
  const tested: TestedCase[] = [];
  for (const [index, each] of planned.entries()) {
    if (index > 0 && !(await world.clear())) await world.reset();
    tested.push(await testCase(file, each, world, setup));
  }
  return tested;
}

async function testCase(
  { file }: ModelTestFile,
  { testCase: given, writes }: PlannedCase,
  world: ModelTestWorld,
  { signal, onCase }: ModelTestSetup,
): Promise<TestedCase> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  const outcome = await runCase(given, writes, world);
  const ms = Math.round(performance.now() - startedAt);
  const tested = { file, name: given.name, where: given.where, ms, ...outcome };
  onCase?.(tested);
  return tested;
}

/** Names the test file beside what is wrong with the models over its tables. */
async function openWorld(
  parts: Parameters<typeof ModelTestWorld.open>[0] & { tables: readonly TestTable[] },
  { file }: ModelTestFile,
): Promise<ModelTestWorld> {
  try {
    return await ModelTestWorld.open(parts);
  } catch (error) {
    if (!(error instanceof CdcError) || error.kind === 'transient') throw error;
    throw new CdcError(error.code, `Building the models for ${file}: ${error.message}`, {
      cause: error,
      remedy: `${error.remedy} A table that is not captured yet has the columns that ${file} gives it.`,
    });
  }
}

/** The models that a file expects something of, and all that these read; in order of dependency. */
function modelsUnderTest(file: ModelTestFile, graph: readonly GraphModel[]): GraphModel[] {
  const names = graph.map(({ model }) => model.name);
  const expected = file.cases.flatMap(({ steps }) => steps.flatMap((step) => step.expected));
  assertNoProblems(
    expected
      .filter(({ model }) => !names.includes(model))
      .map(({ model, where }) => problem(where, `There is no model ${model}.`, hint(model, names))),
  );
  const wanted = new Set(expected.map(({ model }) => model));
  const needed = [...graph].reverse().filter(({ model, references }) => {
    if (!wanted.has(model.name)) return false;
    for (const { name } of references) wanted.add(name);
    return true;
  });
  return needed.reverse();
}

function wrongColumns(file: ModelTestFile, { models }: ModelTestWorld): Problem[] {
  const expected = file.cases.flatMap(({ steps }) => steps.flatMap((step) => step.expected));
  return expected.flatMap(({ model, rows }) => {
    const names = models.find(({ name }) => name === model)?.columns.map(({ name }) => name) ?? [];
    const cells = rows.flatMap((row) => [...row.cells]);
    return cells
      .filter(([name]) => !names.includes(name))
      .map(([name, { where }]) => {
        const remedy = hint(name, names) ?? `It has ${names.join(', ')}.`;
        return problem(where, `${model} has no column ${name}.`, remedy);
      });
  });
}

function problem(where: string, message: string, remedy: string | undefined): Problem {
  const found = { code: 'CDC_LAYERS_INVALID', where, message, severity: 'error' } as const;
  return remedy === undefined ? found : { ...found, remedy };
}
