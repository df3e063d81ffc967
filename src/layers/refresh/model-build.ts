import { CdcError } from '../../errors.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { Relation } from '../model/relation.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { lineAndColumn, quoteNames } from '../text/sql-text.ts';
import { createDelta, createKeys, createRows, fillRows } from './node-storage.ts';

export interface BuildOptions {
  readonly engine: SqlEngine;
  readonly build: number;
  /** Other models read this one. */
  readonly isRead: boolean;
  readonly signal: AbortSignal;
}

/**
 * Builds a model in full from what it reads now, into tables of its own. Nobody sees them before they are made
 * the current ones. Can be repeated after a crash at any point. Resolves to the number of rows.
 */
export async function buildModel(
  compiled: CompiledModel,
  options: BuildOptions,
): Promise<BuiltRows> {
  const { engine, build, signal } = options;
  const run = async (sql: string) => {
    signal.throwIfAborted();
    await engine.command(sql, { signal });
  };
  const nodeRows: Record<string, number> = {};
  for (const node of compiled.nodes) {
    const { name } = node.relation;
    const { rows, keys } = node.tables;
    await run(`DROP TABLE IF EXISTS ${rows}`);
    await run(createRows(node, compiled.model.header.settings));
    await run(fillRows(node, rows, build));
    if (name === compiled.model.name) await assertKeyIsUnique(compiled, rows, options);
    await run(`DROP TABLE IF EXISTS ${keys}`);
    await run(createKeys(node));
    nodeRows[name] = await countRows(node.relation, options);
  }
  await createDeltas(compiled, options);
  return { rows: nodeRows[compiled.model.name] ?? 0, nodeRows };
}

/** Makes the deltas of a model new and empty, as its readers (or their absence) need them. */
export async function createDeltas(compiled: CompiledModel, options: BuildOptions): Promise<void> {
  const { engine, signal, isRead } = options;
  for (const node of compiled.nodes) {
    const { name } = node.relation;
    const isStage = name !== compiled.model.name;
    await engine.command(`DROP TABLE IF EXISTS ${node.tables.delta}`, { signal });
    await engine.command(createDelta(node, isRead || isStage), { signal });
  }
}

/** Rows of a model and of each of its maintained tables. */
export interface BuiltRows {
  readonly rows: number;
  readonly nodeRows: Readonly<Record<string, number>>;
}

export async function countRows(
  relation: Relation,
  { engine, signal }: Pick<BuildOptions, 'engine' | 'signal'>,
): Promise<number> {
  const sql = `SELECT count() AS count FROM ${relation.physical} FINAL`;
  const [row] = await engine.rows<{ count: string | number }>(sql, { signal });
  return Number(row?.count ?? 0);
}

/** A declared key is what people join on; a wrong one would double their numbers. */
async function assertKeyIsUnique(
  { model }: CompiledModel,
  table: string,
  { engine, signal }: Pick<BuildOptions, 'engine' | 'signal'>,
): Promise<void> {
  const { key, keyOffset = 0 } = model.header;
  if (key === undefined) return;
  const rows = `SELECT ${quoteNames(key)} FROM ${table} FINAL`;
  // GROUP BY counts a NULL as a value, which uniqExact does not.
  const keys = `SELECT 1 FROM (${rows}) GROUP BY ${quoteNames(key)}`;
  const sql = `SELECT (SELECT count() FROM (${rows})) AS rows, (SELECT count() FROM (${keys})) AS keys`;
  const [row] = await engine.rows<{ rows: string; keys: string }>(sql, { signal });
  if (row === undefined || Number(row.rows) === Number(row.keys)) return;
  const { line, column } = lineAndColumn(model.sql, keyOffset);
  throw new CdcError(
    'CDC_LAYERS_INVALID',
    `${model.file}:${line}:${column} The declared key (${key.join(', ')}) is not unique: ${row.rows} rows have ${row.keys} different keys.`,
    { remedy: 'Add the columns that tell the rows apart, or take the key line out.' },
  );
}
