import type { InitReport } from '../pipeline/init.ts';
import type { StatusReport } from '../pipeline/status.ts';
import type { VerifyReport } from '../pipeline/verify.ts';

/** The last line of `npm run -s demo -- --once --json`. */
export interface DemoReport {
  readonly ok: boolean;
  readonly source: { readonly server: string; readonly version: string };
  readonly snapshot: { readonly tables: number; readonly rows: number; readonly seconds: number };
  readonly stream: {
    readonly transactions: number;
    readonly rows: number;
    readonly seconds: number;
  };
  readonly layers: readonly DemoLayer[];
  readonly freshness: { readonly p50Ms: number; readonly p99Ms: number } | null;
  readonly verify: {
    readonly tables: number;
    readonly differences: number;
    readonly layers: number;
    readonly layerDifferences: number;
  };
}

interface DemoLayer {
  readonly name: string;
  readonly layer: string;
  readonly rows: number;
  readonly keysRecomputed: number;
  readonly rebuilds: number;
}

export function reportOf(phases: {
  readonly initialized: InitReport;
  readonly status: StatusReport;
  readonly seconds: number;
  readonly verified: VerifyReport;
}): DemoReport {
  const { initialized, status, verified } = phases;
  const differences = verified.tables.reduce((sum, table) => sum + table.differences.length, 0);
  const layerDifferences = verified.layers.reduce((sum, layer) => sum + layer.differences, 0);
  const moving = verified.tables.reduce((sum, table) => sum + table.moving, 0);
  const ods = verified.tables.map(({ table, rows }) => ({
    name: table,
    layer: 'ods',
    rows,
    keysRecomputed: 0,
    rebuilds: 0,
  }));
  const layers = status.layers.map(({ name, layer, rows, keysRecomputed, rebuilds }) => ({
    name,
    layer,
    rows,
    keysRecomputed,
    rebuilds,
  }));
  return {
    ok: verified.ok && moving === 0 && !initialized.interrupted,
    source: {
      server: status.source?.server ?? 'unknown',
      version: status.source?.version ?? 'unknown',
    },
    snapshot: {
      tables: initialized.tables,
      rows: initialized.rows,
      seconds: round(initialized.seconds),
    },
    stream: {
      transactions: status.transactions,
      rows: status.rows.total,
      seconds: round(phases.seconds),
    },
    layers: [...ods, ...layers],
    freshness: status.freshness,
    verify: {
      tables: verified.tables.length,
      differences,
      layers: verified.layers.length,
      layerDifferences,
    },
  };
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
