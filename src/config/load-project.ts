import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { CdcError, type Problem } from '../errors.ts';
import { withAbsoluteCertificates, withAbsolutePaths } from './absolute-paths.ts';
import { describeIssue } from './describe-issue.ts';
import type { Environment } from './interpolation.ts';
import { type ProjectConfig, type ProjectFile, projectFileSchema } from './project-config.ts';
import { type DataPath, ProjectDocument } from './project-document.ts';
import { expandShortForms } from './short-form.ts';

export const projectFileName = 'cdc.yaml';

export interface ProjectLocation {
  /** The project file, or the folder that holds `cdc.yaml`. Default: the current folder. */
  readonly file?: string;
  readonly currentFolder?: string;
  /** Wins over the file `.env` beside the project file. Default: the process environment. */
  readonly environment?: Environment;
}

/** `config` is there exactly when no problem is an error. */
export interface ProjectReading {
  readonly config: ProjectConfig | undefined;
  readonly problems: readonly Problem[];
}

/** Reads and validates a project; throws CDC_CONFIG_INVALID naming every problem, CDC_PROJECT_NOT_FOUND. */
export async function loadProject(location: ProjectLocation = {}): Promise<ProjectConfig> {
  const { config, problems } = await readProject(location);
  if (config !== undefined) return config;
  const lines = problems.map(
    (problem) =>
      `${problem.where} ${problem.message}${problem.remedy === undefined ? '' : `. ${problem.remedy}`}`,
  );
  const count = lines.length === 1 ? 'a problem' : `${lines.length} problems`;
  throw new CdcError(
    'CDC_CONFIG_INVALID',
    `the project file has ${count}:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    { details: { problems: lines } },
  );
}

/** The same with the problems as values, for `cdc check`. Throws CDC_PROJECT_NOT_FOUND only. */
export async function readProject(location: ProjectLocation = {}): Promise<ProjectReading> {
  const currentFolder = location.currentFolder ?? process.cwd();
  const file = await findProjectFile(location.file, currentFolder);
  const text = await readProjectFile(file, currentFolder);
  const dotEnv = await readDotEnv(join(dirname(file), '.env'));
  const environment = { ...dotEnv, ...(location.environment ?? process.env) };
  return parseProject(text, { file, label: relative(currentFolder, file) || file, environment });
}

/** The pure part: text to config. `label` is how problems name the file. */
export function parseProject(
  text: string,
  context: { file: string; label: string; environment: Environment },
): ProjectReading {
  const document = new ProjectDocument(text, context.environment);
  const problems = document.problems.map((problem) => ({ path: [] as DataPath, ...problem }));
  let valid: ProjectFile | undefined;
  if (document.wellFormed) {
    const result = validate(document);
    valid = result.data;
    problems.push(...result.problems);
  }
  if (valid !== undefined && problems.length === 0) {
    return { config: freeze(projectConfigOf(valid, context.file)), problems: [] };
  }
  problems.sort((left, right) => left.offset - right.offset);
  return {
    config: undefined,
    problems: problems.map(({ offset, path, message, remedy }) => ({
      code: 'CDC_CONFIG_INVALID',
      where: `${context.label}:${document.lineAndColumn(offset)}`,
      message: path.length === 0 ? message : `${renderPath(path)}: ${message}`,
      ...(remedy !== undefined && { remedy }),
      severity: 'error',
    })),
  };
}

interface PlacedProblem {
  readonly path: DataPath;
  readonly offset: number;
  readonly message: string;
  readonly remedy?: string;
}

function validate(document: ProjectDocument): { data?: ProjectFile; problems: PlacedProblem[] } {
  let data = dataOf(document);
  let result = projectFileSchema.safeParse(data);
  // A variable is text; the schema decides which of them are numbers or booleans.
  if (
    !result.success &&
    result.error.issues.filter((issue) => retype(document, issue)).length > 0
  ) {
    data = dataOf(document);
    result = projectFileSchema.safeParse(data);
  }
  if (result.success) return { data: result.data, problems: [] };
  const problems: PlacedProblem[] = [];
  for (const issue of result.error.issues) {
    const path = issue.path as (string | number)[];
    if (document.isUnresolved(path)) continue;
    const value = valueAt(data, path);
    const isSecret = ['password', 'salt'].includes(String(path.at(-1)));
    const showValue = !document.isInterpolated(path) && !isSecret;
    for (const { about, ...description } of describeIssue(issue, value, showValue)) {
      const offset =
        about === 'value'
          ? document.offsetOf(description.path)
          : document.offsetOfKey(description.path);
      problems.push({ ...description, offset });
    }
  }
  return { problems };
}

/** An empty file is a project without a key, so that the answer is what is missing. */
function dataOf(document: ProjectDocument): unknown {
  return expandShortForms(document.data() ?? {});
}

function retype(document: ProjectDocument, issue: z.core.$ZodIssue): boolean {
  if (issue.code !== 'invalid_type') return false;
  const wanted = issue.expected === 'boolean' ? 'boolean' : 'number';
  return document.retype(issue.path as (string | number)[], wanted);
}

function projectConfigOf(valid: ProjectFile, file: string): ProjectConfig {
  const folder = dirname(file);
  return {
    ...valid,
    name: valid.name ?? basename(folder),
    folder,
    file,
    stateFolder: resolve(folder, valid.stateFolder),
    source: withAbsoluteCertificates(valid.source, folder),
    sinks: valid.sinks.map((sink) => withAbsolutePaths(sink, folder)),
  };
}

async function findProjectFile(given: string | undefined, currentFolder: string): Promise<string> {
  const path = resolve(currentFolder, given ?? projectFileName);
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return isFolder ? join(path, projectFileName) : path;
}

async function readProjectFile(file: string, currentFolder: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const shown = relative(currentFolder, file) || file;
    throw new CdcError(
      'CDC_PROJECT_NOT_FOUND',
      missing
        ? `there is no project file ${shown} in ${currentFolder}`
        : `reading the project file ${shown} failed: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function readDotEnv(file: string): Promise<Environment> {
  try {
    return parseEnv(await readFile(file, 'utf8')) as Environment;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new CdcError(
      'CDC_CONFIG_INVALID',
      `reading the variables in ${file} failed: ${(error as Error).message}`,
      { cause: error, remedy: 'Make the file readable, or remove it.' },
    );
  }
}

function valueAt(data: unknown, path: DataPath): unknown {
  let value = data;
  for (const step of path) value = (value as Record<string | number, unknown> | null)?.[step];
  return value;
}

/** `source.tables[0]` */
function renderPath(path: DataPath): string {
  return path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`,
    )
    .join('');
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
