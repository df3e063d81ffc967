import { renderPosition } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { LayerDifference } from '../layers/layers.ts';
import type { SuspectKeys } from '../layers/verify/verified-layers.ts';
import type { Logger } from '../ops/logger.ts';
import {
  noteVerified,
  type VerifiedThrough,
  type VerifyOutcome,
  verifiedThrough,
} from './verified-through.ts';
import {
  assertComparable,
  type VerifiedTables,
  verifyTables,
  wantedTables,
} from './verify-tables.ts';
import { type VerifyWork, withVerifyWork } from './verify-work.ts';
import { type Cut, cutKey } from './warehouse.ts';

export interface VerifyOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Table patterns; all captured tables when absent. Layers are always verified. */
  readonly tables?: readonly string[];
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  /** The table or model at work. */
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

export interface VerifyReport extends VerifiedTables {
  readonly ok: boolean;
  readonly layers: readonly LayerDifference[];
  /** The cut at which the layers were compared, as a place in the source, and the one that was published when that ended. */
  readonly cut: string;
  readonly cutAtEnd: string;
  /** How far each table and model has been proven right, by this verification or an earlier one. */
  readonly verifiedThrough: readonly VerifiedThrough[];
}

/**
 * Proves source = ODS = layers while the source, the loading and the layers go on. Beside a running `cdc run` it uses what
 * that process loads; alone it does the loading itself for as long as it takes.
 */
export async function verifyProject(
  config: ProjectConfig,
  options: VerifyOptions,
): Promise<VerifyReport> {
  assertComparable(config);
  return await withVerifyWork(config, options, async (work) => {
    const { onProgress, signal, tables: patterns } = options;
    const matcher = patterns && parseTablePatterns(patterns);
    const wants = (table: TableId, target: TableId) =>
      matcher === undefined || matcher.matches(table) || matcher.matches(target);
    if (patterns !== undefined && wantedTables(config, work, wants).length === 0) {
      throw new CdcError(
        'CDC_TABLE_NOT_FOUND',
        `Verifying: no captured table matches ${patterns.join(', ')}.`,
      );
    }
    const tables = await verifyTables(config, work, {
      ...{ signal, wants },
      onTable: (name, done, total) => onProgress?.({ name, done, total: total + 1 }),
    });
    const layers = await verifyLayers(work, options);
    return reportOf(work, tables, layers);
  });
}

export interface LayersComparison {
  readonly cut: string;
  readonly differences: readonly LayerDifference[];
  readonly suspects: readonly SuspectKeys[];
}

/** Compares models as they are at one cut, which is held only while the tables are copied. */
export async function verifyLayers(
  work: VerifyWork,
  options: Pick<VerifyOptions, 'signal' | 'onProgress'> & { only?: (model: string) => boolean },
): Promise<LayersComparison> {
  const { catalog, scratch } = work;
  const { signal, onProgress, only } = options;
  const layers = await work.layers();
  let cut = '';
  const hold = <T>(copy: () => Promise<T>) =>
    work.atHeldCut((held) => {
      cut = renderPosition(held.position);
      return copy();
    });
  await using copies = await layers.copy(hold, scratch.prefix, signal);
  const total = layers.status().length;
  let done = 0;
  const { differences, suspects } = await copies.verify({
    ...{ signal, ...(only && { only }) },
    onProgress: (name) => onProgress?.({ name, done: done++, total }),
  });
  await noteVerified(catalog, outcomesOf(differences, cut));
  return { cut, differences, suspects };
}

/** A model is proven when its hidden stages are right, too. */
function outcomesOf(differences: readonly LayerDifference[], position: string): VerifyOutcome[] {
  const at = new Date().toISOString();
  const stages = new Map<string, LayerDifference[]>();
  for (const each of differences) {
    const [model = ''] = each.name.split('#');
    stages.set(model, [...(stages.get(model) ?? []), each]);
  }
  return [...stages].map(([name, parts]) => {
    const rows = parts.find((part) => part.name === name)?.rows ?? 0;
    const total = parts.reduce((sum, part) => sum + part.differences, 0);
    return {
      name,
      position,
      at,
      rows,
      differences: total,
      keys: parts.flatMap(({ keys }) => keys),
    };
  });
}

export function reportOf(
  { catalog }: VerifyWork,
  compared: VerifiedTables,
  { cut, differences: layers }: LayersComparison,
): VerifyReport {
  const ok =
    compared.stopped.length === 0 &&
    compared.tables.every(({ differences, unlooked = 0 }) => differences.length + unlooked === 0) &&
    layers.every(({ differences }) => differences === 0);
  const published = catalog.get<Cut>(cutKey)?.position;
  const cutAtEnd = published === undefined ? cut : renderPosition(published);
  return { ok, ...compared, layers, cut, cutAtEnd, verifiedThrough: verifiedThrough(catalog) };
}
