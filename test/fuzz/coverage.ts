import type { ScenarioResult } from './scenario-run.ts';

interface ShapeCount {
  models: number;
  byKeys: number;
  rebuilt: number;
  /** Comparisons of such a model after a round. */
  comparisons: number;
}

/** How often each shape was compared, and which way its models were kept. */
export class Coverage {
  readonly #shapes = new Map<string, ShapeCount>();
  readonly #reasons = new Map<string, number>();
  worlds = 0;
  rounds = 0;
  broken = 0;
  behind = 0;
  undone = 0;

  add({ rounds, broken, behind, undone, models }: ScenarioResult): void {
    this.worlds += 1;
    this.rounds += rounds;
    this.broken += broken;
    this.behind += behind;
    this.undone += undone;
    for (const { model, way, why, rounds: compared } of models) {
      for (const shape of new Set(['all models', ...model.shapes])) {
        const count = { ...this.of(shape) };
        count.models += 1;
        count.comparisons += compared;
        if (way === 'keys') count.byKeys += 1;
        else count.rebuilt += 1;
        this.#shapes.set(shape, count);
      }
      if (way === 'keys') continue;
      const reason = why.replaceAll(/\b(dwd|dws|ads)\.m\d+\b/g, 'a model').slice(0, 90);
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    }
  }

  of(shape: string): Readonly<ShapeCount> {
    return this.#shapes.get(shape) ?? { models: 0, byKeys: 0, rebuilt: 0, comparisons: 0 };
  }

  /** As a Markdown table, so that it can go into docs/guarantees.md as it is. */
  render(): string {
    const shapes = [...this.#shapes].sort(([a], [b]) => orderOf(a).localeCompare(orderOf(b)));
    const rows = shapes.map(([shape, { models, byKeys, rebuilt, comparisons }]) => {
      return [shape, models, byKeys, rebuilt, comparisons].map(String);
    });
    const reasons = [...this.#reasons].sort(([, a], [, b]) => b - a);
    return [
      ...renderTable([['shape', 'models', 'by keys', 'rebuilt', 'comparisons'], ...rows]),
      '',
      'Why models were rebuilt:',
      ...(reasons.length === 0 ? ['- none was'] : []),
      ...reasons.map(([reason, count]) => `- ${count} x ${reason}`),
    ].join('\n');
  }
}

/** All models first, shapes inside of others last. */
function orderOf(shape: string): string {
  if (shape === 'all models') return '';
  return shape.startsWith('inner ') ? `~${shape}` : shape;
}

function renderTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => {
    return Math.max(...rows.map((row) => (row[column] ?? '').length));
  });
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${cells.join(' | ')} |`;
  });
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [lines[0] ?? '', rule, ...lines.slice(1)];
}
