import { nearestName } from '../../lib/nearest-name.ts';
import type { SqlEngine } from '../sql-engine.ts';
import type { HeaderProblem, HeaderText } from './model-header.ts';

/** A setting of the tables that hold the rows of a model. */
export interface TableSetting {
  readonly name: string;
  /** A literal in SQL. */
  readonly value: string;
  /** Where it begins, for messages. */
  readonly offset: number;
}

/** What the method itself depends on. */
const ours = ['allow_nullable_key', 'deduplicate_merge_projection_mode'];

/** `storage_policy = 'cold', index_granularity = 1024`. */
export function readSettings(
  { text, offset }: HeaderText,
  problems: HeaderProblem[],
): TableSetting[] {
  const parts = [...text.matchAll(/(?:'(?:[^'\\]|\\.)*'|[^,'])+/g)];
  const settings = parts.flatMap(({ 0: part, index }): TableSetting[] => {
    const place = offset + index + (part.length - part.trimStart().length);
    const match = /^\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\d+(?:\.\d+)?)\s*$/.exec(part);
    const [, name = '', value = ''] = match ?? [];
    if (name !== '' && !ours.includes(name)) return [{ name, value, offset: place }];
    const message =
      name === ''
        ? `"${part.trim()}" is no setting. Write \`name = 1\` or \`name = 'text'\`, with commas between.`
        : `The setting ${name} is not free: keeping the model right depends on it.`;
    problems.push({ offset: place, message });
    return [];
  });
  const twice = settings.find(({ name }, index) =>
    settings.slice(0, index).some((other) => other.name === name),
  );
  if (twice !== undefined) {
    problems.push({ offset: twice.offset, message: `The setting ${twice.name} is there twice.` });
  }
  return settings;
}

/** What two texts have in common when they ask for the same. */
export function settingPairs(settings: readonly TableSetting[]): [string, string][] {
  return settings.map(({ name, value }) => [name, value]);
}

/** Settings that the engine does not know for its tables. */
export async function unknownSettings(
  settings: readonly TableSetting[],
  engine: SqlEngine,
): Promise<HeaderProblem[]> {
  if (settings.length === 0) return [];
  const rows = await engine.rows<{ name: string }>('SELECT name FROM system.merge_tree_settings');
  const known = rows.map(({ name }) => name);
  return settings.flatMap(({ name, offset }) => {
    if (known.includes(name)) return [];
    const near = nearestName(name, known);
    const hint = near ? ` Did you mean ${near}?` : ' `system.merge_tree_settings` lists them.';
    return [{ offset, message: `The engine has no setting ${name} for its tables.${hint}` }];
  });
}
