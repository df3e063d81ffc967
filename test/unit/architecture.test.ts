import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { errorRegistry } from '../../src/errors.ts';

/**
 * The table of docs/ARCHITECTURE.md: a folder of src/ imports from smaller ranks and itself only.
 * Stages share a rank, so they can never import one another.
 */
const ranks: Readonly<Record<string, number>> = {
  lib: 0,
  'errors.ts': 0.5, // in the row of change/, which throws them
  change: 1,
  ops: 2,
  catalog: 3,
  engine: 3,
  kafka: 3,
  format: 3,
  source: 4,
  route: 4,
  log: 4,
  load: 4,
  sink: 4,
  layers: 4,
  template: 4,
  config: 5,
  pipeline: 6,
  demo: 7,
  cli: 8,
  'index.ts': 9,
};

const stageRank = 4;
const maxLines = 400;
const root = fileURLToPath(new URL('../..', import.meta.url));

interface SourceFile {
  /** Path below the root, with slashes: `src/log/change-log.ts`. */
  readonly path: string;
  readonly text: string;
}

const sources = filesBelow('src');

describe('src', () => {
  test('has a rank for every folder', () => {
    const unknown = sources.map(folderOf).filter((folder) => ranks[folder] === undefined);
    expect([...new Set(unknown)], 'add the folder to docs/ARCHITECTURE.md and here').toEqual([]);
  });

  test('imports only from lower ranks', () => {
    expect(offenders(importsUpwards), 'these imports point up or sideways').toEqual([]);
  });

  test('lets config import from a stage nothing but its options', () => {
    const offences = offenders((file, target) => {
      const isStage = ranks[folderOf({ path: target })] === stageRank;
      return folderOf(file) === 'config' && isStage && posix.basename(target) !== 'options.ts';
    });
    expect(offences, 'config/ opens nothing; it combines options.ts').toEqual([]);
  });

  test('ends a process nowhere', () => {
    expect(matches(/\bprocess\.exit\(/), 'only bin/ may end a process').toEqual([]);
  });

  test('prints nowhere but in cli', () => {
    const prints = matches(/\bconsole\.\w+\(|\bprocess\.(stdout|stderr)\.write\(/);
    const outside = prints.filter((place) => !place.startsWith('src/cli/'));
    expect(outside, 'return a value or log; cli/ prints').toEqual([]);
  });

  test('uses every error code of the registry', () => {
    const text = sources
      .filter((file) => file.path !== 'src/errors.ts')
      .map((file) => file.text)
      .join('\n');
    const unused = Object.keys(errorRegistry).filter((code) => !text.includes(`'${code}'`));
    expect(unused, 'codes nobody throws').toEqual([]);
  });

  test('has no file that is two files', () => {
    const long = sources
      .map((file) => ({ path: file.path, lines: file.text.split('\n').length }))
      .filter((file) => file.lines > maxLines);
    expect(long, `files above ${maxLines} lines`).toEqual([]);
  });
});

describe('the architecture test', () => {
  test.each([
    { name: 'a stage and another stage', from: 'src/load/a.ts', to: 'src/log/b.ts', upwards: true },
    { name: 'a low and a high folder', from: 'src/lib/a.ts', to: 'src/cli/b.ts', upwards: true },
    { name: 'a high and a low folder', from: 'src/cli/a.ts', to: 'src/lib/b.ts', upwards: false },
    { name: 'a folder and itself', from: 'src/log/a.ts', to: 'src/log/b/c.ts', upwards: false },
  ])('tells an import between $name', ({ from, to, upwards }) => {
    expect(importsUpwards({ path: from }, to)).toBe(upwards);
  });
});

function importsUpwards(file: { path: string }, target: string): boolean {
  const from = folderOf(file);
  const to = folderOf({ path: target });
  return from !== to && (ranks[to] ?? Number.POSITIVE_INFINITY) >= (ranks[from] ?? -1);
}

/** Every import for which `isOffence` holds, as `file -> target`. */
function offenders(isOffence: (file: SourceFile, target: string) => boolean): string[] {
  return sources.flatMap((file) =>
    importsOf(file)
      .filter((target) => isOffence(file, target))
      .map((target) => `${file.path} -> ${target}`),
  );
}

/** Relative imports and re-exports, type-only ones included, as paths below the root. */
function importsOf(file: SourceFile): string[] {
  const specifiers = file.text.matchAll(/(?:\bfrom|\bimport\(?)\s*['"](\.{1,2}\/[^'"]+)['"]/g);
  return [...specifiers].map(([, specifier = '']) =>
    posix.normalize(posix.join(posix.dirname(file.path), specifier)),
  );
}

/** `src/log/embedded/x.ts` -> `log`; `src/errors.ts` -> `errors.ts`. */
function folderOf(file: { path: string }): string {
  return file.path.split('/')[1] ?? '';
}

/** Lines of code (not of comments) that match, as `file:line`. */
function matches(pattern: RegExp): string[] {
  return sources.flatMap((file) =>
    file.text.split('\n').flatMap((line, index) => {
      const isComment = /^\s*(\/\/|\*|\/\*)/.test(line);
      return !isComment && pattern.test(line) ? [`${file.path}:${index + 1}`] : [];
    }),
  );
}

function filesBelow(folder: string): SourceFile[] {
  const start = join(root, folder);
  return readdirSync(start, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(start, name);
      const below = relative(root, path).split(sep).join('/');
      return { path: below, text: readFileSync(path, 'utf8') };
    });
}
