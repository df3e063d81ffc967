import type { Measurement } from './bench.ts';
import { fullSize, type SchoolTable, schoolModels } from './layers-school.ts';
import { BenchLayers, type Cost } from './layers-world.ts';

/** Each change is made so many times, always to other rows; the median counts. */
const rounds = 3;

interface Change {
  readonly name: string;
  readonly target: string;
  readonly make: (world: BenchLayers, round: number) => Promise<unknown>;
}

const orders: SchoolTable = 'school.orders';
const paidMore = 'amount + 1 AS amount';

/** Facts lie all over the table, the dearest way; days, teachers and subjects, too. */
const changes: readonly Change[] = [
  {
    name: '1 changed fact',
    target: '-',
    make: (world, round) => change(world, orders, paidMore, `id = ${123_456 * round}`),
  },
  {
    name: '1,000 changed facts',
    target: '< 1 s',
    make: (world, round) => change(world, orders, paidMore, `id % 5000 = ${round}`),
  },
  {
    name: '1 dimension row with 1,000 facts (a course gets another title and subject)',
    target: '-',
    make: (world, round) => {
      const renamed = "concat(title, '!') AS title, 'subject 3' AS subject";
      return change(world, 'school.courses', renamed, `id = ${10 * round}`);
    },
  },
  {
    name: '1 dimension row with 2,500 facts, two hops away (a teacher gets another name)',
    target: '-',
    make: (world, round) =>
      change(world, 'school.teachers', "concat(name, '!') AS name", `id = ${round}`),
  },
  {
    name: '100 late dimension rows with 2,500 facts (students)',
    target: '< 2 s',
    make: (world, round) => world.writeLateStudents(round),
  },
  {
    name: '1 % of facts (50,000)',
    target: '-',
    make: (world, round) => change(world, orders, paidMore, `id % 100 = ${round}`),
  },
  {
    name: '1,000 facts with a change that no model reads',
    target: 'nothing for its readers to do',
    make: (world, round) =>
      change(world, orders, "concat(note, '.') AS note", `id % 5000 = ${round}`),
  },
];

/** A wide table, an aggregate over it, and one over that, brought up to date after changes of each kind. */
export async function measureLayers(): Promise<Measurement[]> {
  await using world = await BenchLayers.open(schoolModels);
  await world.fill(fullSize, rounds);
  await world.layers.apply(new AbortController().signal);
  const rebuilds = [await rebuildMs(world)];
  await change(world, orders, paidMore, 'id = 1');
  await world.refresh();
  await world.settled();
  const measured: { change: Change; costs: Cost[]; keys: string; rows: number }[] = [];
  for (const each of changes) {
    const costs: Cost[] = [];
    let keys = '';
    for (let round = 1; round <= rounds; round++) {
      await each.make(world, round);
      const { cost, result } = await world.measure(() => world.refresh());
      costs.push(cost);
      keys = result.models.map(({ keysRecomputed }) => keysRecomputed).join(' + ');
    }
    measured.push({ change: each, costs, keys, rows: await world.check() });
    explain(each.name, costs);
  }
  rebuilds.push(await rebuildMs(world));
  const rebuild = Math.min(...rebuilds);
  return measured.map(({ change: { name, target }, costs, keys, rows }) => {
    const cost = median(costs);
    const engineShare = Math.round((100 * cost.engineMs) / cost.ms);
    return {
      name: `${fullSize.orders.toLocaleString('en')} facts, three layers: ${name}`,
      figure: seconds(cost.ms),
      target,
      limit: `full rebuild ${seconds(rebuild)}: ${(rebuild / cost.ms).toFixed(1)} times as long; ${keys} keys, ${cost.rowsRead.toLocaleString('en')} rows read, ${seconds(cost.engineCpuMs)} of CPU; ${engineShare} % of the time in the engine`,
      checked: `${rows.toLocaleString('en')} rows equal to a full recompute`,
    };
  });
}

function change(world: BenchLayers, table: SchoolTable, replace: string, where: string) {
  return world.write(table, world.changed(table, replace, where));
}

async function rebuildMs(world: BenchLayers): Promise<number> {
  return (await world.measure(() => world.rebuild())).cost.ms;
}

/** The statements that cost most, for whoever wants to make it faster. */
function explain(name: string, costs: readonly Cost[]): void {
  const { ms, statements } = median(costs);
  console.error(`  ${name}: ${seconds(ms)}`);
  const dearest = [...statements].sort((left, right) => right.ms - left.ms).slice(0, 4);
  for (const { sql, ms: own } of dearest) {
    console.error(`    ${seconds(own)} ${sql.replaceAll(/\s+/g, ' ').slice(0, 110)}`);
  }
}

function median(costs: readonly Cost[]): Cost {
  const sorted = [...costs].sort((left, right) => left.ms - right.ms);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('nothing was measured');
  return middle;
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
