import type { Catalog } from '../../catalog/catalog.ts';
import type { Problem } from '../../errors.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { Changes } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { type AuditWarning, ModelAudits } from './model-audits.ts';

/** A warning that is remembered until the model is built anew. */
export interface BrokenAudit extends AuditWarning {
  /** Times in ISO form; `count` is what was found since then, all checks together. */
  readonly since: string;
  readonly last: string;
}

const prefix = 'layers/audit/';

/** Runs the audits of all models, and remembers those that only warn. */
export class LayerAudits {
  readonly #engine: SqlEngine;
  readonly #catalog: Catalog;

  constructor(engine: SqlEngine, catalog: Catalog) {
    this.#engine = engine;
    this.#catalog = catalog;
  }

  /** Whether an audit has to look at a model because of something that the model itself may not read. */
  isTouched({ audits }: CompiledModel, hasChanged: (table: string) => boolean): boolean {
    return audits.some(({ target }) => target && hasChanged(target.name));
  }

  /** What a build has put into the model's delta, before it is applied. Throws CDC_LAYERS_AUDIT_FAILED. */
  async checkDelta(
    compiled: CompiledModel,
    delta: { readonly build: number; readonly changes: Changes },
    signal: AbortSignal,
  ): Promise<void> {
    const found = await new ModelAudits(compiled, this.#engine).checkDelta(delta, signal);
    if (found.length > 0) await this.#keep(compiled.model.name, found);
  }

  /** New tables before they are switched in; forgets what was found in the old ones. Throws CDC_LAYERS_AUDIT_FAILED. */
  async checkTable(compiled: CompiledModel, signal: AbortSignal): Promise<void> {
    const { model, relation } = compiled;
    const audits = new ModelAudits(compiled, this.#engine);
    const found = await audits.checkTable(relation.physical, signal);
    if (this.warnings(model.name).length > 0) await this.#catalog.remove(prefix + model.name);
    if (found.length > 0) await this.#keep(model.name, found);
  }

  /** What rows of a model have broken since it was built. */
  warnings(model: string): readonly BrokenAudit[] {
    return this.#catalog.get<BrokenAudit[]>(prefix + model) ?? [];
  }

  async #keep(model: string, found: readonly AuditWarning[]): Promise<void> {
    const now = new Date().toISOString();
    const kept = new Map(this.warnings(model).map((broken) => [broken.audit, broken]));
    for (const warning of found) {
      const { since = now, count = 0 } = kept.get(warning.audit) ?? {};
      const total = count + warning.count;
      kept.set(warning.audit, { ...warning, count: total, since, last: now });
    }
    await this.#catalog.put(prefix + model, [...kept.values()]);
  }
}

/** For `layers plan`: what rows have broken, and since when. */
export function auditProblems(broken: readonly BrokenAudit[]): Problem[] {
  return broken.map(({ place, message, count, since }) => {
    const [day = '', time = ''] = since.split(/[T.]/);
    const rows = count === 1 ? '1 row' : `${count} rows`;
    return {
      code: 'CDC_LAYERS_AUDIT_FAILED',
      where: place,
      message: `${message.replace(/\.$/, '')}; ${rows} since ${day} ${time} UTC.`,
      severity: 'warning',
    };
  });
}
