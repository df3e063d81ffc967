// npm run demo: from a clone to the running demo. Arguments go to `cdc demo`.
import { build, hand, installPackages } from './set-up.mjs';

installPackages();
build();
hand(['bin/cdc.js', 'demo'], process.argv.slice(2));
