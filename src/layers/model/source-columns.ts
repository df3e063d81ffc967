import type { Catalog } from '../../catalog/catalog.ts';
import { unpackVersion, type Version } from '../../change/position.ts';
import type { ModelRecord } from '../layer-state.ts';
import { parseSql } from '../text/sql-parser.ts';
import type { CompiledModel } from './model-compiler.ts';
import type { OdsCatalog } from './ods-catalog.ts';
import type { Relation } from './relation.ts';

/** What a model was built from: the columns that it names, and all names, of each table that it reads. */
interface BuiltFrom {
  readonly fingerprint: string;
  readonly tables: Readonly<Record<string, TableBefore>>;
  /** Columns of its stored tables; as long as they stay the same, what is stored stays right. */
  readonly stored: string;
}

interface TableBefore {
  readonly columns: Readonly<Record<string, string>>;
  readonly all: readonly string[];
  readonly key: readonly string[];
  readonly hasStar: boolean;
}

const prefix = 'layers/source/';

/**
 * Knows what the built models were built from, so that a change of a source table can be named when it
 * stops a model, and goes unnoticed when it does not concern what the model stores.
 */
export class SourceColumns {
  readonly #catalog: Catalog;
  /** Fingerprints of what has been written down. */
  readonly #known = new Map<string, string>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** These models are built, each from the tables beside it. */
  async remember(
    models: readonly { readonly compiled: CompiledModel; readonly ods: OdsCatalog }[],
  ): Promise<void> {
    const changed = models.filter(({ compiled: { model, fingerprint } }) => {
      return this.#known.get(model.name) !== fingerprint;
    });
    if (changed.length === 0) return;
    const entries = changed.map(({ compiled, ods }) => {
      return [prefix + compiled.model.name, builtFrom(compiled, ods)];
    });
    await this.#catalog.batch(Object.fromEntries(entries));
    for (const { compiled } of changed) this.#known.set(compiled.model.name, compiled.fingerprint);
  }

  /** Only wider types, and none of them in what the model stores: its rows are right as they are. */
  isHarmless(compiled: CompiledModel, ods: OdsCatalog): boolean {
    const before = this.#before(compiled.model.name);
    if (before === undefined || before.stored !== storedColumns(compiled)) return false;
    return Object.entries(before.tables).every(([table, { columns, key }]) => {
      const now = ods.relation(table);
      const isSameKey = now && keyNames(now).join() === key.join();
      return (
        isSameKey &&
        Object.entries(columns).every(([name, type]) => {
          const current = now.columns.find((column) => column.name === name);
          return current !== undefined && isWider(current.type, type);
        })
      );
    });
  }

  /**
   * What has changed under a model, in plain words; undefined when that is not known. `where` is a place
   * in its file, `after` the last cut before the change was seen.
   */
  describe(
    { name, file, fingerprint }: Pick<ModelRecord, 'name' | 'file' | 'fingerprint'>,
    ods: OdsCatalog,
    {
      where = file,
      after,
    }: { readonly where?: string | undefined; readonly after?: Version | undefined },
  ): string | undefined {
    const before = this.#before(name);
    if (before?.fingerprint !== fingerprint) return undefined;
    const changes = Object.entries(before.tables).flatMap(([table, columns]) => {
      return changesOf(table, columns, ods.relation(table));
    });
    if (changes.length === 0) return undefined;
    const list = changes.map(({ text }) => text).join('; ');
    const seen = after === undefined ? '' : ` Seen after ${placeOf(after)} of the source.`;
    const remedy = changes.some(({ isGone }) => isGone)
      ? `Correct ${where}, then run \`cdc layers apply --yes\`.`
      : 'If that is right, run `cdc layers apply --yes`, which builds the model anew.';
    return `${name} stays at its last good cut: ${list}.${seen} ${remedy}`;
  }

  #before(model: string): BuiltFrom | undefined {
    return this.#catalog.get<BuiltFrom>(prefix + model);
  }
}

function builtFrom(compiled: CompiledModel, ods: OdsCatalog): BuiltFrom {
  const { fingerprint, model, reads } = compiled;
  const { tokens } = parseSql(model.sql);
  const words = new Set(tokens.map(({ text }) => text));
  const hasStar = tokens.some(({ word }, index) => {
    return word === '*' && ['SELECT', ',', '.', 'DISTINCT'].includes(tokens[index - 1]?.word ?? '');
  });
  const tables = reads.flatMap((name) => {
    const relation = ods.relation(name);
    if (relation === undefined) return [];
    const read = relation.columns.filter((column) => hasStar || words.has(column.name));
    const columns = Object.fromEntries(read.map((column) => [column.name, column.type]));
    const all = relation.columns.map((column) => column.name);
    return [[name, { columns, all, key: keyNames(relation), hasStar }] as const];
  });
  return { fingerprint, tables: Object.fromEntries(tables), stored: storedColumns(compiled) };
}

function storedColumns({ nodes }: CompiledModel): string {
  return JSON.stringify(
    nodes.map(({ columns, relation }) => [columns, relation.key.map(({ name }) => name)]),
  );
}

function keyNames({ key }: Relation): string[] {
  return key.map(({ name }) => name).sort();
}

interface SourceChange {
  readonly text: string;
  /** The file must be edited. */
  readonly isGone: boolean;
}

function changesOf(table: string, before: TableBefore, now: Relation | undefined): SourceChange[] {
  if (now === undefined)
    return [{ text: `the table ${table} is not there any more`, isGone: true }];
  const fresh = now.columns.filter(({ name }) => !before.all.includes(name));
  const columns = Object.entries(before.columns).flatMap(([name, type]): SourceChange[] => {
    const current = now.columns.find((column) => column.name === name);
    if (current?.type === type) return [];
    if (current !== undefined) {
      const text = `${table}.${name} was ${type} and is ${current.type} now`;
      return [{ text, isGone: false }];
    }
    const [heir, ...others] = fresh.filter((column) => column.type === type);
    const renamed =
      heir && others.length === 0 ? `; ${heir.name} is new there and may be its new name` : '';
    return [{ text: `${table} has no column ${name} (${type}) any more${renamed}`, isGone: true }];
  });
  const key = keyNames(now);
  const isSameKey = key.join() === before.key.join();
  const keyText = `the key of ${table} was (${before.key.join(', ')}) and is (${key.join(', ')}) now`;
  const keyChange = isSameKey ? [] : [{ text: keyText, isGone: false }];
  const names = fresh.map(({ name }) => name).join(', ');
  const starText = `${table} has new columns (${names}), which the model's star takes`;
  const star = before.hasStar && fresh.length > 0 ? [{ text: starText, isGone: false }] : [];
  return [...columns, ...keyChange, ...star];
}

/** Every value of `before` is one of `now`, and prints alike. */
function isWider(now: string, before: string): boolean {
  if (now === before) return true;
  const [, inner] = /^Nullable\((.*)\)$/.exec(now) ?? [];
  if (inner !== undefined) return isWider(inner, before.replace(/^Nullable\((.*)\)$/, '$1'));
  const [, unsigned, bits = ''] = /^(U?)Int(\d+)$/.exec(now) ?? [];
  const [, unsignedBefore, bitsBefore = ''] = /^(U?)Int(\d+)$/.exec(before) ?? [];
  if (unsigned !== undefined && unsignedBefore !== undefined) {
    const isFitting = unsigned === unsignedBefore || unsignedBefore === 'U';
    return isFitting && Number(bits) > Number(bitsBefore);
  }
  const [, precision, scale] = /^Decimal\((\d+), (\d+)\)$/.exec(now) ?? [];
  const [, precisionBefore, scaleBefore] = /^Decimal\((\d+), (\d+)\)$/.exec(before) ?? [];
  return (
    scale !== undefined && scale === scaleBefore && Number(precision) > Number(precisionBefore)
  );
}

/** `binlog file 42, byte 1234`. */
function placeOf(version: Version): string {
  const { fileNumber, offset } = unpackVersion(version);
  return `binlog file ${fileNumber}, byte ${offset}`;
}
