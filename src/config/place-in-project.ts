import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { ProjectConfig } from './project-config.ts';
import { type DataPath, ProjectDocument } from './project-document.ts';

/** Finds values of a project in its file again, for problems that show only beside the source's tables. */
export async function openPlaces(config: ProjectConfig): Promise<(path: DataPath) => string> {
  const document = new ProjectDocument(await readFile(config.file, 'utf8'), process.env);
  const label = relative(process.cwd(), config.file) || config.file;
  return (path) => `${label}:${document.lineAndColumn(document.offsetOf(path))}`;
}
