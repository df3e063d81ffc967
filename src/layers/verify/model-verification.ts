import type { CompiledModel } from '../model/model-compiler.ts';
import type { LayerName } from '../model/model-file.ts';
import { type Relation, renderRows } from '../model/relation.ts';
import { overRelations } from '../node/whole-node.ts';
import { parseSql } from '../text/sql-parser.ts';
import { type ComparisonOptions, compareRows, type RowDifference } from './row-comparison.ts';

/** A model compared with its SELECT recomputed in full; or a hidden stage of it, when that differs. */
export interface LayerDifference {
  readonly name: string;
  readonly layer: LayerName;
  readonly rows: number;
  /** Keys whose rows differ. */
  readonly differences: number;
  /** The first of them as JSON, at most 20. */
  readonly keys: readonly string[];
  /** What is wrong with these. */
  readonly examples: readonly RowDifference[];
  /** Why it could not be compared; then `differences` is 1. */
  readonly error?: string;
}

/** The tables that are compared: those in use, or copies of them. */
export interface VerifiedTables extends ComparisonOptions {
  /** A table or model by its name, with the place of its rows. */
  readonly relation: (name: string) => Relation | undefined;
  /** A statement over the tables in use, over these. */
  readonly moved: (sql: string) => string;
}

/**
 * The user's own SELECT over what it reads, with nothing of how it is maintained, against the rows stored.
 */
export async function verifyModel(
  { model, relation, key }: CompiledModel,
  tables: VerifiedTables,
): Promise<LayerDifference> {
  const lookup = { parsed: parseSql(model.sql), lookup: tables.relation };
  const { rows, differences, examples } = await compareRows(
    {
      columns: relation.columns,
      key,
      stored: renderRows(tables.relation(model.name) ?? relation),
      computed: overRelations(lookup, renderRows),
    },
    tables,
  );
  const keys = examples.map((example) => example.key);
  return { name: model.name, layer: model.layer, rows, differences, keys, examples };
}
