import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import { nullSafe, type TypedColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { renderTuple } from '../text/sql-text.ts';
import { identityOf, literalOf, typedCondition } from './cell.ts';
import type { DeltaReader } from './delta-reader.ts';
import { identityExpressions, readStored, type StoredRow } from './stored-rows.ts';

/** `column=value` as a person gave it. */
export interface KeyPart {
  readonly column: string;
  readonly value: string;
}

export interface FoundRows {
  /** As they are now, at most as many as asked for. */
  readonly current: readonly StoredRow[];
  /** Rows that are gone, as they were last; only looked for when there is no current one. */
  readonly gone: readonly StoredRow[];
}

/** Finds rows of a model by values that a person typed. */
export class RowFinder {
  readonly #engine: SqlEngine;
  readonly #deltas: DeltaReader;
  readonly #signal: AbortSignal;

  constructor(engine: SqlEngine, deltas: DeltaReader, signal: AbortSignal) {
    this.#engine = engine;
    this.#deltas = deltas;
    this.#signal = signal;
  }

  /** Throws CDC_USAGE for a column that is not there and a value that its type cannot be. */
  async find(
    node: MaintainedNode,
    identity: readonly TypedColumn[],
    parts: readonly KeyPart[],
    most: number,
  ): Promise<FoundRows> {
    const condition = await this.#condition(node, parts);
    const from = `FROM ${node.tables.rows} FINAL WHERE ${condition}`;
    const order = identityExpressions(identity).join(', ');
    const tail = `${from} ORDER BY ${order} LIMIT ${most}`;
    const current = await readStored(this.#engine, node.columns, tail, this.#signal);
    if (current.length > 0) return { current, gone: [] };
    const options = { newestFirst: true, limit: 100 * most };
    const past = await this.#deltas.rows(node, condition, options);
    const gone = new Map<string, StoredRow>();
    for (const row of past) {
      const key = identityOf(row, identity);
      if (!gone.has(key)) gone.set(key, row);
    }
    return { current, gone: [...gone.values()].slice(0, most) };
  }

  async #condition(node: MaintainedNode, parts: readonly KeyPart[]): Promise<string> {
    const { columns, name } = node.relation;
    const conditions: string[] = [];
    for (const { column, value } of parts) {
      const known = columns.find((each) => each.name === column);
      if (known === undefined) throw unknownColumn(name, column, columns);
      const { condition, accepts } = typedCondition(quoteIdentifier(column), known.type, value);
      const [judged] = await this.#engine.rows<{ ok: number }>(`SELECT ${accepts} AS ok`, {
        signal: this.#signal,
      });
      if (Number(judged?.ok ?? 0) === 0) {
        throw new CdcError(
          'CDC_USAGE',
          `--key ${column}=${value}: ${column} of ${name} is a ${known.type}, which cannot be ${value}.`,
        );
      }
      conditions.push(condition);
    }
    return conditions.length === 0 ? '1' : conditions.join(' AND ');
  }
}

/** The condition for one row by its identity. */
export function isRow(identity: readonly TypedColumn[], row: StoredRow): string {
  if (identity.length === 0) return '1';
  const left = identity.flatMap(({ name, type }) => nullSafe(quoteIdentifier(name), type));
  const right = identity.flatMap(({ name, type }) => {
    return nullSafe(literalOf(row.get(name) ?? null, type), type);
  });
  return `${renderTuple(left)} IN (${renderTuple(right)})`;
}

function unknownColumn(model: string, column: string, columns: readonly TypedColumn[]): CdcError {
  const names = columns.map(({ name }) => name);
  const near = nearestName(column, names);
  const remedy = near ? `Did you mean ${near}?` : `Its columns: ${names.join(', ')}.`;
  return new CdcError('CDC_USAGE', `--key ${column}: ${model} has no column ${column}.`, {
    remedy,
  });
}
