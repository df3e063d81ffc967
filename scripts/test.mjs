// npm test: every suite, from nothing but Node and a clone. Arguments go to vitest:
// `npm test -- --project unit`, `npm test -- test/unit/demo`. The servers are started, and installed
// where they are missing, by test/support/global-setup.ts.
import { build, hand, installPackages } from './set-up.mjs';

installPackages();
build(); // the e2e suite runs the built command
hand(['node_modules/vitest/vitest.mjs', 'run'], process.argv.slice(2));
