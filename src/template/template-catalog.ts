import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { CdcError } from '../errors.ts';
import { nearestName } from '../lib/nearest-name.ts';
import { manifestSchema, type TemplateManifest } from './manifest.ts';

export interface Template extends TemplateManifest {
  readonly name: string;
  readonly folder: string;
}

/** The templates of this package: two levels up both from src/template and from dist/template. */
export const shippedTemplates = fileURLToPath(new URL('../../templates', import.meta.url));

export async function listTemplates(root: string = shippedTemplates): Promise<Template[]> {
  const names = await templateNames(root);
  return Promise.all(names.map((name) => readTemplate(root, name)));
}

/** Throws CDC_TEMPLATE_UNKNOWN with the name that was probably meant. */
export async function findTemplate(
  name: string,
  root: string = shippedTemplates,
): Promise<Template> {
  const names = await templateNames(root);
  if (names.includes(name)) return readTemplate(root, name);
  const nearest = nearestName(name, names);
  throw new CdcError('CDC_TEMPLATE_UNKNOWN', `there is no template "${name}"`, {
    remedy:
      nearest === undefined
        ? `Use one of: ${names.join(', ')}.`
        : `Did you mean "${nearest}"? \`cdc template list\` shows all.`,
  });
}

async function templateNames(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

async function readTemplate(root: string, name: string): Promise<Template> {
  const folder = join(root, name);
  const file = join(folder, 'template.json');
  try {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return { ...manifest, name, folder };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new CdcError('CDC_INTERNAL', `reading the template manifest ${file} failed: ${reason}`, {
      cause: error,
    });
  }
}
