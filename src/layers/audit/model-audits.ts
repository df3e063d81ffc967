import { CdcError } from '../../errors.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { Changes } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { type Audit, type AuditedRows, rowsOfTable, rowsWithDelta } from './audit.ts';

/** An audit at level `warn` that rows have broken. */
export interface AuditWarning {
  /** `unique(order_id)`. */
  readonly audit: string;
  readonly place: string;
  readonly count: number;
  readonly message: string;
}

/** How many of the rows that break an audit are shown. */
const mostExamples = 5;

/**
 * The audits of one model. They see what a cut changes before it is applied, or a whole new table before
 * it is switched in. Throws CDC_LAYERS_AUDIT_FAILED when rows break an audit that stops; resolves to the
 * broken ones that only warn.
 */
export class ModelAudits {
  readonly #compiled: CompiledModel;
  readonly #engine: SqlEngine;

  constructor(compiled: CompiledModel, engine: SqlEngine) {
    this.#compiled = compiled;
    this.#engine = engine;
  }

  /** A table that an audit refers to has changed, so that they must run though the model may not have changed. */
  isTouchedBy(hasChanged: (table: string) => boolean): boolean {
    return this.#compiled.audits.some(({ target }) => target && hasChanged(target.name));
  }

  /**
   * The rows that a build has put into the delta of the model, not applied yet, and the rows that refer to
   * what has gone from other tables. A delta without rows of that build will do.
   */
  async checkDelta(
    { build, changes }: { readonly build: number; readonly changes?: Changes },
    signal: AbortSignal,
  ): Promise<AuditWarning[]> {
    const { audits, nodes } = this.#compiled;
    const own = nodes.at(-1);
    if (own === undefined || audits.length === 0) return [];
    const rows = rowsWithDelta(own, own.tables, build);
    const checks = audits.flatMap((audit) => {
      const parts = [audit.broken(rows), changes && audit.brokenByTarget(rows, changes)];
      const selects = parts.filter((part) => part !== undefined);
      if (selects.length === 0) return [];
      // One row may break a relation from both sides.
      const sql =
        selects.length === 1 ? selects.join() : `${selects[0]} UNION DISTINCT ${selects[1]}`;
      return [{ audit, sql }];
    });
    return this.#run(checks, signal);
  }

  /** A whole table of the model's columns. */
  async checkTable(table: string, signal: AbortSignal): Promise<AuditWarning[]> {
    const rows: AuditedRows = rowsOfTable(this.#compiled, table);
    const checks = this.#compiled.audits.flatMap((audit) => {
      const sql = audit.broken(rows);
      return sql === undefined ? [] : [{ audit, sql }];
    });
    return this.#run(checks, signal);
  }

  async #run(
    checks: readonly { audit: Audit; sql: string }[],
    signal: AbortSignal,
  ): Promise<AuditWarning[]> {
    if (checks.length === 0) return [];
    signal.throwIfAborted();
    const counts = checks.map(({ sql }, index) => `(SELECT count() FROM (${sql}\n)) AS a${index}`);
    const [found = {}] = await this.#engine.rows<Record<string, string | number>>(
      `SELECT ${counts.join(', ')}`,
      { signal },
    );
    const broken: (AuditWarning & { level: Audit['level'] })[] = [];
    for (const [index, { audit, sql }] of checks.entries()) {
      const count = Number(found[`a${index}`] ?? 0);
      if (count === 0) continue;
      const examples = await this.#engine.rows(`SELECT * FROM (${sql}\n) LIMIT ${mostExamples}`, {
        signal,
      });
      const message = describe(audit, count, examples);
      const { text, place, level } = audit;
      broken.push({ audit: text, place, count, message, level });
    }
    const stops = broken.filter(({ level }) => level === 'stop');
    if (stops.length > 0) throw auditError(this.#compiled, stops);
    return broken.map(({ level: _, ...warning }) => warning);
  }
}

function auditError({ model }: CompiledModel, broken: readonly AuditWarning[]): CdcError {
  const list = broken.map(({ place, message }) => `${place} ${message}`).join(' ');
  return new CdcError(
    'CDC_LAYERS_AUDIT_FAILED',
    `${model.name} stays at its last good cut: ${list} Correct the rows at the source, or the audit, then run \`cdc layers apply --yes\`.`,
    { details: { model: model.name, audits: broken.map(({ audit }) => audit) } },
  );
}

/** `unique(order_id): 2 values of order_id are there more than once, for example order_id = 5 (3 rows).` */
function describe(
  { text, complaint }: Audit,
  count: number,
  examples: readonly Record<string, unknown>[],
): string {
  const shown = examples.map((example) => {
    const { _rows: rows, ...values } = example;
    const cells = Object.entries(values).map(([name, value]) => `${name} = ${render(value)}`);
    return cells.join(', ') + (rows === undefined ? '' : ` (${Number(rows)} rows)`);
  });
  const what = count === 1 ? singular(complaint) : complaint;
  return `${text}: ${count} ${what}${shown.length > 0 ? `, for example ${shown.join('; ')}` : ''}.`;
}

function singular(complaint: string): string {
  return complaint
    .replace(/^rows have /, 'row has ')
    .replace(/^rows refer /, 'row refers ')
    .replace(/^rows do /, 'row does ')
    .replace(/^rows came /, 'row came ')
    .replace(/^values of (.*) are /, 'value of $1 is ');
}

function render(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
