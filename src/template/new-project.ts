import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { CdcError } from '../errors.ts';
import { type ParameterValue, resolveParameters } from './parameter-values.ts';
import { findTemplate, shippedTemplates, type Template } from './template-catalog.ts';

export interface NewProject {
  readonly template: string;
  /** Made when absent; must be empty. */
  readonly folder: string;
  readonly values?: Readonly<Record<string, string>>;
  /** Where templates are looked for; the ones of this package by default. */
  readonly root?: string;
}

export interface CreatedProject {
  readonly template: string;
  readonly folder: string;
  /** Paths relative to `folder`, sorted. */
  readonly files: readonly string[];
}

/**
 * Writes a project from a template. Everything is checked and rendered before the first file is
 * written. Throws CDC_TEMPLATE_UNKNOWN for the template and its values, CDC_USAGE for the folder.
 */
export async function createProject(project: NewProject): Promise<CreatedProject> {
  const { root = shippedTemplates } = project;
  const template = await findTemplate(project.template, root);
  const folder = resolve(project.folder);
  const values = resolveParameters(template, project.values ?? {});
  values.set('name', basename(folder));
  const texts = await Promise.all(
    template.files.map(async ({ from, to }) => ({
      path: insideOf(folder, to),
      text: renderTemplate(await readFile(join(template.folder, from), 'utf8'), to, values),
    })),
  );
  try {
    await prepareFolder(folder);
    for (const { from, to } of template.copy) {
      const source = insideOf(dirname(root), join(template.folder, from));
      await cp(source, insideOf(folder, to), { recursive: true });
    }
    for (const { path, text } of texts) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  } catch (error) {
    throw asFolderError(error, template, folder);
  }
  return { template: template.name, folder, files: await filesIn(folder) };
}

/** Replaces `{{name}}`: by a YAML value in `.yaml` files, by text elsewhere. */
export function renderTemplate(
  text: string,
  file: string,
  values: ReadonlyMap<string, ParameterValue>,
): string {
  const isYaml = file.endsWith('.yaml');
  return text.replace(/\{\{([A-Za-z0-9]+)\}\}/g, (placeholder, name: string) => {
    const value = values.get(name);
    if (value === undefined) {
      throw new CdcError('CDC_INTERNAL', `the template file ${file} uses ${placeholder}, unknown`);
    }
    if (isYaml) return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
    return typeof value === 'object' ? value.join(', ') : String(value);
  });
}

async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const present = await readdir(folder);
  if (present.length === 0) return;
  const shown = present.slice(0, 3).join(', ') + (present.length > 3 ? ', ...' : '');
  throw new CdcError('CDC_USAGE', `the folder ${folder} is not empty (${shown})`, {
    remedy: 'Name a folder that does not exist yet; nothing was written.',
  });
}

function asFolderError(error: unknown, template: Template, folder: string): CdcError {
  if (error instanceof CdcError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CdcError(
    'CDC_USAGE',
    `writing a project from ${template.name} into ${folder} failed: ${reason}`,
    { cause: error, remedy: 'Name a folder that you may write to.' },
  );
}

/** A manifest is ours, yet a slip in it must not write or read elsewhere. */
function insideOf(folder: string, path: string): string {
  const absolute = resolve(folder, path);
  if (relative(folder, absolute).startsWith('..')) {
    throw new CdcError('CDC_INTERNAL', `a template path leads out of ${folder}: ${path}`);
  }
  return absolute;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
