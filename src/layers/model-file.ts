import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Problem } from '../errors.ts';
import { nearestName } from '../lib/nearest-name.ts';
import { lineAndColumn } from './sql-text.ts';

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

export interface ModelHeader {
  /** Columns that identify a row, when declared. */
  readonly key?: readonly string[];
  /** Where `key` is declared, for messages. */
  readonly keyOffset?: number;
  readonly description?: string;
  readonly owner?: string;
  readonly freshness?: string;
}

const headerKeys = ['key', 'description', 'owner', 'freshness'] as const;

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
  const header = readHeader(text, file, problems);
  const sql = text.replace(/\s*;\s*$/, '');
  return { model: { name: `${layer}.${short}`, layer, file, sql, header }, problems };
}

/** A problem with the place `file:line:column`. */
export function problemAt(file: string, text: string, offset: number, message: string): Problem {
  const { line, column } = lineAndColumn(text, offset);
  const where = `${file}:${line}:${column}`;
  return { code: 'CDC_LAYERS_INVALID', where, message, severity: 'error' };
}

/** Comment lines at the top of the form `-- word: value`; other comments are free text. */
function readHeader(text: string, file: string, problems: Problem[]): ModelHeader {
  const values = new Map<string, { value: string; offset: number }>();
  let offset = 0;
  for (const line of text.split('\n')) {
    if (line.trim() !== '' && !line.trimStart().startsWith('--')) break;
    const match = /^(\s*--\s*)([a-z]+):(?:\s+|$)(.*)$/.exec(line);
    const [, lead = '', word = '', value = ''] = match ?? [];
    if (match && !headerKeys.some((key) => key === word)) {
      const near = nearestName(word, headerKeys);
      const hint = near ? ` Did you mean "${near}"?` : ` Known are ${headerKeys.join(', ')}.`;
      const message = `There is no header "${word}".${hint}`;
      problems.push(problemAt(file, text, offset + lead.length, message));
    } else if (match) {
      values.set(word, { value: value.trim(), offset: offset + lead.length });
    }
    offset += line.length + 1;
  }
  const key = values.get('key');
  const texts = ['description', 'owner', 'freshness'].flatMap((word) => {
    const value = values.get(word)?.value;
    return value ? [[word, value]] : [];
  });
  const columns = key?.value.split(',').map((column) => column.trim()) ?? [];
  return {
    ...(columns.length > 0 && key ? { key: columns, keyOffset: key.offset } : {}),
    ...Object.fromEntries(texts),
  };
}

async function sqlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.endsWith('.sql')).sort();
}
