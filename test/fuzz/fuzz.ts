// npm run fuzz: random warehouses, compared with a full recompute after every round.
import { parseArgs } from 'node:util';
import { forSmallTables, InProcessEngine } from '../support/layers-engine.ts';
import { Coverage } from './coverage.ts';
import { renderReproduction } from './reproduction.ts';
import { makeScenario } from './scenario-maker.ts';
import { runScenario } from './scenario-run.ts';
import { shrink } from './shrink.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'rounds-per-world': { type: 'string', default: '10' },
    'shrink-seconds': { type: 'string', default: '120' },
    'keep-going': { type: 'boolean', default: false },
  },
});
/** Every how many rounds `layers.verify` is asked, too; it costs as much as the rest of a round. */
const verifyEvery = 5;
const wanted = Number(values.rounds);
const roundsPerWorld = Number(values['rounds-per-world']);
const firstSeed = Number(values.seed);
const coverage = new Coverage();
const startedAt = performance.now();
let failures = 0;

await using engine = await InProcessEngine.open(forSmallTables);
console.log(`${wanted} rounds from seed ${firstSeed}`);
for (let seed = firstSeed; coverage.rounds < wanted; seed += 1) {
  const rounds = Math.min(roundsPerWorld, wanted - coverage.rounds);
  const scenario = makeScenario(seed, rounds);
  const result = await runScenario(scenario, engine, { verifyEvery });
  coverage.add(result);
  if (result.failure === undefined) {
    if (coverage.worlds % 10 === 0) console.log(progress());
    continue;
  }
  failures += 1;
  console.log(`Seed ${seed} fails (${result.failure.kind}); making it smaller ...`);
  await report(scenario, result.failure);
  if (!values['keep-going']) break;
}
console.log(`\n${progress()}\n\n${coverage.render()}`);
process.exitCode = failures > 0 ? 1 : 0;

function progress(): string {
  const seconds = (performance.now() - startedAt) / 1000;
  const { rounds, worlds, broken, behind, undone } = coverage;
  const speed = (rounds / seconds).toFixed(1);
  return `${rounds} rounds in ${worlds} worlds, ${broken} refreshes broken off, ${behind} rounds with models behind, ${undone} changes rolled back, ${failures} failures, ${seconds.toFixed(0)} s (${speed} rounds/s)`;
}

async function report(
  scenario: Parameters<typeof shrink>[0],
  failure: Parameters<typeof shrink>[1],
): Promise<void> {
  const attempt = async (candidate: typeof scenario) => {
    return (await runScenario(candidate, engine)).failure;
  };
  const deadline = performance.now() + 1000 * Number(values['shrink-seconds']);
  const smallest = await shrink(scenario, failure, { attempt, deadline });
  const again = await runScenario(smallest.scenario, engine);
  const steadiness = again.failure === undefined ? ' (it does not fail every time)' : '';
  console.log(`Smallest after ${smallest.attempts} attempts${steadiness}:\n`);
  console.log(renderReproduction(smallest.scenario, { ...again, failure: smallest.failure }));
}
