// npm run bench: measures and writes docs/benchmarks.md. Arguments go to bench/bench.ts.
import { build, hand, installPackages } from './set-up.mjs';

installPackages();
build(); // the capture process that is measured is the built command
hand(['--import', 'tsx', 'bench/bench.ts'], process.argv.slice(2));
