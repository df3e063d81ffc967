// npm run dev -- <command> ...: the command from source, without a build.
import { main } from '../src/cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
