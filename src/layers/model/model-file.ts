import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Problem } from '../../errors.ts';
import { lineAndColumn } from '../text/sql-text.ts';
import { type ModelHeader, readHeader } from './model-header.ts';

/** Layers from the bottom up. A model reads its own layer or a lower one, and ODS tables. */
export const layerNames = ['dwd', 'dws', 'ads'] as const;
export type LayerName = (typeof layerNames)[number];

/** One SELECT in a file `<layer>/<name>.sql` under a comment header. */
export interface ModelFile {
  /** `dwd.order_wide`. */
  readonly name: string;
  readonly layer: LayerName;
  /** Path for people, relative to the project: `layers/dwd/order_wide.sql`. */
  readonly file: string;
  /** The whole text without a final semicolon; offsets in it are offsets in the file. */
  readonly sql: string;
  readonly header: ModelHeader;
}

/** All model files of a folder; what is wrong with names and headers is in `problems`. */
export async function readModels(
  folder: string,
): Promise<{ models: ModelFile[]; problems: Problem[] }> {
  const models: ModelFile[] = [];
  const problems: Problem[] = [];
  for (const layer of layerNames) {
    for (const entry of await sqlFiles(join(folder, layer))) {
      const file = `${basename(folder)}/${layer}/${entry}`;
      const text = await readFile(join(folder, layer, entry), 'utf8');
      const model = parseModelFile(text, layer, file);
      models.push(model.model);
      problems.push(...model.problems);
    }
  }
  return { models, problems };
}

export function parseModelFile(
  text: string,
  layer: LayerName,
  file: string,
): { model: ModelFile; problems: Problem[] } {
  const problems: Problem[] = [];
  const short = basename(file, '.sql');
  if (!/^[a-z_][a-z0-9_]*$/i.test(short)) {
    problems.push(problemAt(file, text, 0, `The file name ${short}.sql is no table name.`));
  }
  const { header, problems: wrong } = readHeader(text);
  problems.push(...wrong.map(({ offset, message }) => problemAt(file, text, offset, message)));
  const sql = text.replace(/\s*;\s*$/, '');
  return { model: { name: `${layer}.${short}`, layer, file, sql, header }, problems };
}

/** A problem with the place `file:line:column`. */
export function problemAt(file: string, text: string, offset: number, message: string): Problem {
  const { line, column } = lineAndColumn(text, offset);
  const where = `${file}:${line}:${column}`;
  return { code: 'CDC_LAYERS_INVALID', where, message, severity: 'error' };
}

async function sqlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.endsWith('.sql')).sort();
}
