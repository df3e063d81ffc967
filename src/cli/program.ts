import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerCheck } from './command/check.ts';
import { registerDeadLetter } from './command/deadletter.ts';
import { registerDemo } from './command/demo.ts';
import { registerInit } from './command/init.ts';
import { registerLayers } from './command/layers.ts';
import { registerQuery } from './command/query.ts';
import { registerRepair } from './command/repair.ts';
import { registerReplay } from './command/replay.ts';
import { registerRun } from './command/run.ts';
import { registerStatus } from './command/status.ts';
import { registerTemplate } from './command/template.ts';
import { registerTopics } from './command/topics.ts';
import { registerVerify } from './command/verify.ts';
import type { CommandContext } from './context.ts';

const exitCodes = `
Exit codes:
  0    done, or a clean stop after Ctrl-C or SIGTERM
  1    a temporary failure that did not pass (server unreachable): try again
  2    the command line, the project file or a model file is wrong; nothing was started
  3    someone has to act: a setting, a privilege, a full disk, a table
  4    a check ran and found differences (verify, layers test)
  70   a bug in cdc
  130  stopped at once by a second Ctrl-C
`;

/** The command line, ready to parse. Every failure is thrown; nothing is printed but help. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('cdc')
    .description('MySQL to a layered real-time warehouse: snapshot, binlog, ODS, DWD, DWS, ADS.')
    .version(packageVersion(), '--version', 'print the version')
    .option('-c, --config <file>', 'project file, or the folder that holds cdc.yaml')
    .option('-v, --verbose', 'log more, and show what caused an error')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .addHelpText('after', exitCodes)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void context.io.stdout.write(text),
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .hook('preAction', (_program, command) => context.setGlobals(command.optsWithGlobals()));
  registerDemo(program, context);
  registerTemplate(program, context);
  registerTopics(program, context);
  registerCheck(program, context);
  registerInit(program, context);
  registerRun(program, context);
  registerStatus(program, context);
  registerQuery(program, context);
  registerVerify(program, context);
  registerRepair(program, context);
  registerReplay(program, context);
  registerDeadLetter(program, context);
  registerLayers(program, context);
  return program;
}

/** The package's own, two levels up both from src/cli and from dist/cli. */
function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
