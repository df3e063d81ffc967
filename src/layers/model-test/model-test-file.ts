import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CdcError, type Problem } from '../../errors.ts';
import { type TestValue, TestYaml, type YamlEntry, type YamlNode } from './model-test-yaml.ts';

/** `layers/tests/<name>.yaml`: cases over the models of the project. docs/layers.md has the format. */
export interface ModelTestFile {
  /** Path for people: `layers/tests/renewal.yaml`. */
  readonly file: string;
  /** Columns of upstream tables, for a project without a snapshot. */
  readonly tables: readonly DeclaredTable[];
  readonly cases: readonly ModelTestCase[];
}

export interface DeclaredTable {
  readonly name: string;
  readonly where: string;
  readonly key: readonly string[] | undefined;
  /** Types as written: the source's (`bigint unsigned not null`) or the engine's (`UInt64`). */
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly where: string;
  }[];
}

export interface ModelTestCase {
  readonly name: string;
  readonly where: string;
  /** The first one has the rows of `given`. */
  readonly steps: readonly ModelTestStep[];
}

/** What changes at one moment, as one transaction of the source does, and what the models show then. */
export interface ModelTestStep {
  readonly name: string;
  readonly where: string;
  /** In the order of the file. */
  readonly changes: readonly TableChange[];
  readonly expected: readonly Expectation[];
}

export interface TableChange {
  readonly kind: ChangeKind;
  readonly table: string;
  readonly where: string;
  /** Empty for `truncate`. */
  readonly rows: readonly TestRow[];
}

export interface TestRow {
  readonly where: string;
  readonly cells: ReadonlyMap<string, TestCell>;
}

export interface TestCell extends TestValue {
  readonly where: string;
}

export interface Expectation {
  readonly model: string;
  readonly where: string;
  /** All rows of the model; of each only the columns named are compared. */
  readonly rows: readonly TestRow[];
  /** ORDER BY in which the rows must come as they are written; `true` means the key of the model. */
  readonly ordered: string | boolean;
}

const changeKinds = ['insert', 'update', 'delete', 'truncate'] as const;
export type ChangeKind = (typeof changeKinds)[number];

/** The folder of test files, below that of the layers. */
export const testFolder = 'tests';

/** All test files of a layers folder, sorted. Throws CDC_LAYERS_INVALID with every mistake in them. */
export async function readModelTests(folder: string): Promise<ModelTestFile[]> {
  const entries = await readdir(join(folder, testFolder)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.filter((entry) => /\.ya?ml$/.test(entry)).sort();
  const read = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, testFolder, name), 'utf8');
      return parseModelTests(text, `${basename(folder)}/${testFolder}/${name}`);
    }),
  );
  assertNoProblems(read.flatMap(({ problems }) => problems));
  return read.map(({ file }) => file);
}

/** Throws CDC_LAYERS_INVALID that lists them. */
export function assertNoProblems(problems: readonly Problem[], what = 'The test files have'): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ where, message, remedy }) => {
    return `  ${where} ${message}${remedy === undefined ? '' : ` ${remedy}`}`;
  });
  const count = lines.length === 1 ? 'a problem' : `${lines.length} problems`;
  throw new CdcError('CDC_LAYERS_INVALID', `${what} ${count}:\n${lines.join('\n')}`, {
    remedy: 'Correct the lines named; docs/layers.md ("Testing models") has the format.',
  });
}

export function parseModelTests(
  text: string,
  file: string,
): { file: ModelTestFile; problems: Problem[] } {
  const yaml = new TestYaml(text, file);
  const parsed = yaml.isWellFormed ? new Reader(yaml).file(file) : { file, tables: [], cases: [] };
  return { file: parsed, problems: yaml.problems };
}

class Reader {
  readonly #yaml: TestYaml;

  constructor(yaml: TestYaml) {
    this.#yaml = yaml;
  }

  file(file: string): ModelTestFile {
    const yaml = this.#yaml;
    const parts = byName(yaml.entries(yaml.root, 'A test file', ['tables', 'given', 'cases']));
    const tables = yaml
      .entries(parts.get('tables')?.node, 'tables')
      .map((each) => this.#table(each));
    const given = this.#changes(parts.get('given')?.node, 'insert');
    const items = yaml.items(parts.get('cases')?.node);
    if (items === undefined || items.length === 0) {
      yaml.report(
        parts.get('cases')?.where ?? yaml.where(yaml.root),
        'cases must be a list with at least one case.',
      );
    }
    const cases = (items ?? []).map((item) => this.#case(item, given));
    const seen = new Set<string>();
    for (const { name, where } of cases) {
      if (seen.has(name))
        yaml.report(where, `Another case is called "${name}". Rename one of the two.`);
      seen.add(name);
    }
    return { file, tables, cases };
  }

  #table({ name, where, node }: YamlEntry): DeclaredTable {
    const yaml = this.#yaml;
    if (name.split('.').length !== 2) {
      yaml.report(where, `${name} is no table: write database.table, as the models do.`);
    }
    const parts = byName(yaml.entries(node, `The table ${name}`, ['key', 'columns']));
    const key = parts.get('key');
    const columns = yaml.entries(parts.get('columns')?.node, 'columns').map((column) => {
      const { form, text } = yaml.value(column.node);
      if (form !== 'text') {
        yaml.report(column.where, `The type of ${column.name} must be text, such as varchar(20).`);
      }
      return { name: column.name, type: text, where: column.where };
    });
    if (columns.length === 0) yaml.report(where, `The table ${name} needs columns.`);
    const words = key && yaml.words(key.node, 'key').flatMap((word) => word.split(/\s*,\s*/));
    return { name, where, key: words, columns };
  }

  #case(node: YamlNode, given: readonly TableChange[]): ModelTestCase {
    const yaml = this.#yaml;
    const where = yaml.where(node);
    const parts = byName(yaml.entries(node, 'A case', ['name', 'given', 'expect', 'steps']));
    const name = this.#name(parts.get('name'), where, 'A case needs a name.');
    const own = this.#changes(parts.get('given')?.node, 'insert');
    const expected = this.#expected(parts.get('expect')?.node);
    const first = { name: 'given', where, changes: [...given, ...own], expected };
    const steps = parts.get('steps');
    const items = steps && yaml.items(steps.node);
    if (steps && items === undefined) yaml.report(steps.where, 'steps must be a list.');
    const all = [first, ...(items ?? []).map((item) => this.#step(item))];
    if (all.every((step) => step.expected.length === 0)) {
      yaml.report(where, `The case "${name}" expects nothing: add \`expect\` to it or to a step.`);
    }
    return { name, where, steps: all };
  }

  #step(node: YamlNode): ModelTestStep {
    const yaml = this.#yaml;
    const where = yaml.where(node);
    const entries = yaml.entries(node, 'A step', ['step', ...changeKinds, 'expect']);
    const parts = byName(entries);
    const name = this.#name(
      parts.get('step'),
      where,
      'A step needs a name: `- step: what happens`.',
    );
    const changes = entries.flatMap((entry) => {
      const kind = changeKinds.find((each) => each === entry.name);
      return kind === undefined ? [] : this.#changes(entry.node, kind);
    });
    return { name, where, changes, expected: this.#expected(parts.get('expect')?.node) };
  }

  #name(entry: YamlEntry | undefined, where: string, message: string): string {
    const { form, text } = this.#yaml.value(entry?.node);
    if (form === 'null' || form === 'json' || text.trim() === '') this.#yaml.report(where, message);
    return text;
  }

  #changes(node: YamlNode, kind: ChangeKind): TableChange[] {
    const yaml = this.#yaml;
    if (kind === 'truncate') {
      const where = yaml.where(node);
      return yaml.words(node, 'truncate').map((table) => ({ kind, table, where, rows: [] }));
    }
    return yaml.entries(node, kind).map(({ name, where, node: rows }) => {
      return { kind, table: name, where, rows: this.#rows(rows, name) };
    });
  }

  #expected(node: YamlNode): Expectation[] {
    const yaml = this.#yaml;
    return yaml.entries(node, 'expect').map(({ name, where, node: rows }) => {
      const parts = yaml.isMapping(rows) ? yaml.entries(rows, name, expectKeys) : [];
      const ordered = parts.find((part) => part.name === 'ordered');
      const value = yaml.value(ordered?.node);
      if (ordered && value.form !== 'text' && value.form !== 'boolean') {
        yaml.report(ordered.where, 'ordered must be true, or an ORDER BY such as `amount DESC`.');
      }
      const order = value.form === 'text' ? value.text : value.text === 'true';
      return { model: name, where, rows: this.#rows(rows, name, expectKeys), ordered: order };
    });
  }

  /** A list of `{column: value}`, or `{columns: [...], rows: [[...], ...]}`. */
  #rows(node: YamlNode, what: string, known = rowKeys): TestRow[] {
    const yaml = this.#yaml;
    const parts = yaml.isMapping(node) ? byName(yaml.entries(node, what, known)) : undefined;
    const list = parts === undefined ? node : parts.get('rows')?.node;
    const names = parts?.get('columns');
    const columns = names && yaml.words(names.node, 'columns');
    const items = yaml.items(list);
    if (items === undefined) {
      const message = `The rows of ${what} must be a list; \`[]\` means none.`;
      yaml.report(parts?.get('rows')?.where ?? yaml.where(node), message);
    }
    return (items ?? []).map((item) => {
      return columns === undefined ? this.#row(item, what) : this.#listedRow(item, what, columns);
    });
  }

  #row(node: YamlNode, what: string): TestRow {
    const cells = this.#yaml
      .entries(node, `A row of ${what}`)
      .map(({ name, where, node: value }) => {
        return [name, { ...this.#yaml.value(value), where }] as const;
      });
    return { where: this.#yaml.where(node), cells: new Map(cells) };
  }

  #listedRow(node: YamlNode, what: string, columns: readonly string[]): TestRow {
    const yaml = this.#yaml;
    const where = yaml.where(node);
    const values = yaml.items(node);
    if (values === undefined || values.length !== columns.length) {
      const count = `${columns.length} values, one for each of columns`;
      yaml.report(where, `A row of ${what} must be a list of ${count} (${columns.join(', ')}).`);
    }
    const cells = columns.map((name, index) => {
      const value = values?.[index];
      return [name, { ...yaml.value(value), where: value ? yaml.where(value) : where }] as const;
    });
    return { where, cells: new Map(cells) };
  }
}

const rowKeys = ['columns', 'rows'];
const expectKeys = ['columns', 'rows', 'ordered'];

function byName(entries: readonly YamlEntry[]): Map<string, YamlEntry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}
