import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import { repairTable, type TableRepair } from './repair-table.ts';
import { findRunner } from './roles.ts';
import { requestRefresh } from './suspect-requests.ts';
import {
  type LayersComparison,
  reportOf,
  type VerifyOptions,
  type VerifyReport,
  verifyLayers,
} from './verify.ts';
import {
  assertComparable,
  type VerifiedTables,
  verifyTables,
  wantedTables,
} from './verify-tables.ts';
import { type VerifyWork, withVerifyWork } from './verify-work.ts';

export interface RepairOptions extends Omit<VerifyOptions, 'tables'> {
  /** Patterns of tables and models; everything when empty. */
  readonly names: readonly string[];
  /** Only says what would be done. */
  readonly isDryRun: boolean;
}

export interface RepairReport {
  /** Everything that was looked at is right now; with a dry run: was right. */
  readonly ok: boolean;
  readonly dryRun: boolean;
  /** What the first look has found. */
  readonly before: VerifyReport;
  readonly tables: readonly TableRepair[];
  /** Models, and hidden stages of them, whose differing keys were derived again. */
  readonly models: readonly ModelRepair[];
  /** As it is afterwards; absent when there was nothing to repair, and after a dry run. */
  readonly after?: VerifyReport;
}

export interface ModelRepair {
  readonly name: string;
  readonly keys: number;
}

/** A model is right after the first, unless what it reads had to be mended, too. */
const rounds = 4;
const nothing: VerifiedTables = { tables: [], notVerified: [], stopped: [] };

/**
 * Finds what differs, mends just that, and looks once more: rows of tables are sent again from the source, through the log;
 * keys of models are derived again from the tables. What runs goes on meanwhile.
 */
export async function repairProject(
  config: ProjectConfig,
  options: RepairOptions,
): Promise<RepairReport> {
  assertComparable(config);
  return await withVerifyWork(config, options, (work) => new Repair(config, work, options).run());
}

class Repair {
  readonly #config: ProjectConfig;
  readonly #work: VerifyWork;
  readonly #options: RepairOptions;
  readonly #wants: (name: string) => boolean;

  constructor(config: ProjectConfig, work: VerifyWork, options: RepairOptions) {
    this.#config = config;
    this.#work = work;
    this.#options = options;
    const matcher = options.names.length === 0 ? undefined : parseTablePatterns(options.names);
    this.#wants = (name) => matcher?.matches(name) ?? true;
  }

  async run(): Promise<RepairReport> {
    const { isDryRun, signal } = this.#options;
    await this.#assertNamed();
    const found = await this.#verifyTables();
    const wrong = found.tables.filter(({ differences }) => differences.length > 0);
    const tables: TableRepair[] = [];
    if (!isDryRun && wrong.length > 0) {
      this.#assertCaptured();
      for (const table of wrong) tables.push(await repairTable(this.#work, table, signal));
      await requestRefresh(this.#work.catalog, [], signal);
    }
    const first = await this.#verifyLayers();
    const before = reportOf(this.#work, found, first);
    if (isDryRun || (before.ok && tables.length === 0)) {
      return { ok: before.ok, dryRun: isDryRun, before, tables: [], models: [] };
    }
    const { models, last } = await this.#repairLayers(first);
    const after = reportOf(this.#work, await this.#verifyTables(), last);
    return { ok: after.ok, dryRun: false, before, tables, models, after };
  }

  /** Has keys derived again until none is suspect. */
  async #repairLayers(
    first: LayersComparison,
  ): Promise<{ models: ModelRepair[]; last: LayersComparison }> {
    const { catalog } = this.#work;
    const keys = new Map<string, number>();
    let last = first;
    for (let round = 0; round < rounds && last.suspects.length > 0; round++) {
      for (const { node } of last.suspects) {
        const found = last.differences.find(({ name }) => name === node);
        keys.set(node, Math.max(keys.get(node) ?? 0, found?.differences ?? 0));
      }
      await requestRefresh(catalog, last.suspects, this.#options.signal);
      last = await this.#verifyLayers();
    }
    return { models: [...keys].map(([name, count]) => ({ name, keys: count })), last };
  }

  #verifyTables(): Promise<VerifiedTables> {
    const { signal, onProgress } = this.#options;
    const wants = (table: string, target: string) => this.#wants(table) || this.#wants(target);
    if (wantedTables(this.#config, this.#work, wants).length === 0) return Promise.resolve(nothing);
    return verifyTables(this.#config, this.#work, {
      ...{ signal, wants },
      onTable: (name, done, total) => onProgress?.({ name, done, total: total + 1 }),
    });
  }

  #verifyLayers(): Promise<LayersComparison> {
    const { signal, onProgress } = this.#options;
    return verifyLayers(this.#work, {
      signal,
      only: this.#wants,
      ...(onProgress && { onProgress }),
    });
  }

  async #assertNamed(): Promise<void> {
    const layers = await this.#work.layers();
    const models = layers.status().filter(({ name }) => this.#wants(name));
    const wants = (table: string, target: string) => this.#wants(table) || this.#wants(target);
    const tables = wantedTables(this.#config, this.#work, wants);
    if (models.length + tables.length > 0) return;
    const names = this.#options.names.join(', ');
    throw new CdcError('CDC_TABLE_NOT_FOUND', `Repairing: no table or model matches ${names}.`);
  }

  /** Rows are sent by whoever captures. */
  #assertCaptured(): void {
    if (this.#work.isAlone || findRunner(this.#config, 'capture') !== undefined) return;
    throw new CdcError(
      'CDC_USAGE',
      'Repairing: rows of tables differ, and nothing captures in this state folder that could send them again.',
      {
        remedy:
          'Start `cdc run --only capture` with this state folder, or run the repair where the capture runs.',
      },
    );
  }
}
