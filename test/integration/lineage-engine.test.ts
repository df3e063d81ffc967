import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quoteIdentifier } from '../../src/engine/sql-quote.ts';
import type { Origin } from '../../src/layers/lineage/origin.ts';
import { InProcessEngine } from '../support/layers-engine.ts';
import { lineageCases, lineageTables, traceStatement } from '../support/lineage-cases.ts';
import { readQueryTree } from '../support/query-tree.ts';

/** The engine says itself which column each name means: `EXPLAIN QUERY TREE`. It has the last word. */
describe('lineage agrees with the query tree of the engine', () => {
  let engine: InProcessEngine;

  beforeAll(async () => {
    engine = await InProcessEngine.open();
    await engine.command('CREATE DATABASE shop');
    for (const [table, columns] of Object.entries(lineageTables)) {
      const list = Object.entries(columns).map(
        ([name, type]) => `${quoteIdentifier(name)} ${type}`,
      );
      await engine.command(`CREATE TABLE shop.${table} (${list.join(', ')}) ENGINE = Memory`);
    }
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test.each(lineageCases())('$title', async ({ sql }) => {
    const lines = await engine.rows<{ explain: string }>(
      `EXPLAIN QUERY TREE run_passes = 1, passes = 1 ${sql}`,
    );
    const tree = readQueryTree(lines.map(({ explain }) => explain));
    const traced = traceStatement(sql);

    const outputs = traced.outputs.map(({ origins }) => columnsOf(origins));
    expect(outputs).toEqual(tree.outputs);
    const mentioned = traced.mentions.map(({ table, column }) => `${table}.${column}`);
    const origins = [...traced.outputs.flatMap((output) => output.origins), ...traced.rows];
    expect(sorted([...mentioned, ...columnsOf(origins)])).toEqual(tree.all);
  });
});

function columnsOf(origins: readonly Origin[]): string[] {
  return sorted(origins.map(({ table, column }) => `${table}.${column}`));
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
