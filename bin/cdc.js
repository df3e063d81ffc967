#!/usr/bin/env node
import { main } from '../dist/cli/main.js';

// Ends the process even when a second Ctrl-C has left something open.
process.exit(await main(process.argv.slice(2)));
