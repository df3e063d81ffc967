// npm run bench [-- snapshot|catchup|freshness|kafka|layers|layers-steady|layers-memory|sinks ... [--only store ...]]: measures on this machine, checks
// the contents, and writes docs/benchmarks.md. Everything shares the machine: server, tool and engine.
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { LocalServer } from '../src/demo/server/local-server.ts';
import { findMariadb, installMariadb } from '../src/demo/server/mariadb-program.ts';
import { measureCatchUp } from './catch-up.ts';
import { measureFreshness } from './freshness.ts';
import { measureKafka } from './kafka.ts';
import { measureLayers } from './layers.ts';
import { measureLayersMemory } from './layers-memory.ts';
import { measureSteady } from './layers-steady.ts';
import { measureLimits } from './limits.ts';
import { measureSinks } from './sinks.ts';
import { measureSnapshot } from './snapshot.ts';

/** One line of the table: what was measured, beside the limit it is to be seen against. */
export interface Measurement {
  readonly name: string;
  readonly figure: string;
  readonly target: string;
  readonly limit: string;
  readonly checked: string;
}

const scenarios = {
  limits: measureLimits,
  snapshot: measureSnapshot,
  catchup: measureCatchUp,
  freshness: measureFreshness,
  kafka: measureKafka,
  layers: measureLayers,
  'layers-steady': measureSteady,
  'layers-memory': measureLayersMemory,
  sinks: () => measureSinks(stores),
} as const;

const [wanted, stores] = readArguments(process.argv.slice(2));
const say = (line: string) => console.error(line);
await using server = await LocalServer.open((await findMariadb()) ?? (await installMariadb(say)), [
  '--innodb-buffer-pool-size=512M',
]);
const measurements: Measurement[] = [];
for (const [name, measure] of Object.entries(scenarios)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  say(`Measuring ${name}`);
  for (const measurement of await measure(server.address)) {
    measurements.push(measurement);
    say(`  ${measurement.name}: ${measurement.figure} (${measurement.limit})`);
  }
}
const table = [
  '| measured | figure | target | seen against | checked |',
  '| --- | --- | --- | --- | --- |',
  ...measurements.map(
    ({ name, figure, target, limit, checked }) =>
      `| ${name} | **${figure}** | ${target} | ${limit} | ${checked} |`,
  ),
].join('\n');
const page = `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}),
${Math.round(totalmem() / 1024 ** 3)} GB, Node ${process.versions.node}, MariaDB on the same machine, embedded log and engine. One run, all scenarios one
after the other; machines are noisy, so read the ratios.

${table}
`;
if (wanted.length === 0) await writeFile(new URL('../docs/benchmarks.md', import.meta.url), page);
console.log(table);

/** Scenarios, and stores after `--only`. */
function readArguments(words: readonly string[]): [scenarios: string[], stores: string[]] {
  const at = words.indexOf('--only');
  return at < 0 ? [[...words], []] : [words.slice(0, at), words.slice(at + 1)];
}
