import type { Measurement } from './bench.ts';
import { fullSize, schoolModels } from './layers-school.ts';
import { BenchLayers } from './layers-world.ts';

const limitBytes = 4 * 1024 ** 3;
const hotFacts = 2_000_000;

const renamed = "concat(title, '!') AS title, 'subject 3' AS subject";

/** A change of everything, and of one dimension row that two of five facts hang on, with an engine of 4 GB. */
export async function measureLayersMemory(): Promise<Measurement[]> {
  await using world = await BenchLayers.open(schoolModels, { maxMemoryBytes: limitBytes });
  await world.fill({ ...fullSize, hotCourseOrders: hotFacts });
  const steps: { name: string; peak: Peak }[] = [];
  const measure = async (name: string, work: () => Promise<unknown>) => {
    const peak = await peakOf(world, work);
    console.error(`  ${name}: ${peak.bytes} bytes, ${Math.round(peak.ms)} ms`);
    steps.push({ name, peak });
  };
  await measure('three layers built in full', () =>
    world.layers.apply(new AbortController().signal),
  );
  await world.write('school.courses', world.changed('school.courses', renamed, 'id = 1'));
  const hot = `1 dimension row with ${hotFacts.toLocaleString('en')} facts`;
  await measure(hot, () => bringUp(world));
  await world.write('school.orders', world.changed('school.orders', 'amount + 1 AS amount', '1'));
  const all = `a cut with ${fullSize.orders.toLocaleString('en')} changed facts`;
  await measure(all, () => bringUp(world));
  const rows = await world.check();
  return steps.map(({ name, peak }) => line(name, peak, rows));
}

/** The refresh leaves it to a job beside the flow, which the second one waits for. */
async function bringUp(world: BenchLayers): Promise<void> {
  await world.refresh();
  await world.refresh({ isWhole: true });
}

interface Peak {
  readonly bytes: number;
  readonly ms: number;
}

async function peakOf(world: BenchLayers, work: () => Promise<unknown>): Promise<Peak> {
  await world.resetPeakMemory();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  return { bytes: await world.peakMemory(), ms };
}

function line(name: string, { bytes, ms }: Peak, rows: number): Measurement {
  if (bytes > limitBytes) throw new Error(`${name}: the engine took ${bytes} bytes`);
  return {
    name: `${fullSize.orders.toLocaleString('en')} facts, an engine limited to 4 GB: ${name}`,
    figure: `${(bytes / 1024 ** 3).toFixed(1)} GB at most`,
    target: '< 4 GB',
    limit: `${(ms / 1_000).toFixed(1)} s`,
    checked: `${rows.toLocaleString('en')} rows equal to a full recompute at the end`,
  };
}
