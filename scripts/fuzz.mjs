// npm run fuzz -- --rounds N --seed S: random warehouses whose layers are compared with a full recompute
// after every round; a failing one is made smaller and printed as SQL. See docs/guarantees.md.
import { hand, installPackages } from './set-up.mjs';

installPackages();
hand(['--import', 'tsx', 'test/fuzz/fuzz.ts'], process.argv.slice(2));
