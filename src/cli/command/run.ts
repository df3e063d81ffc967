import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderRun, renderRunProgress, runProgressFields } from '../presenter/run.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

interface RunOptions extends JsonOption {
  readonly only?: 'capture' | 'load' | 'layers' | 'sinks';
  readonly untilCurrent?: boolean;
}

export function registerRun(program: Command, context: CommandContext): void {
  program
    .command('run')
    .description('Follow the source and keep tables and layers right, until Ctrl-C.')
    .addOption(onlyOption())
    .option('--until-current', 'stop when everything committed so far is visible in every layer')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc run --only load'))
    .action(async ({ json, only, untilCurrent }: RunOptions) => {
      const config = await context.loadProject();
      const logger = context.logger('info');
      const display = new ProgressDisplay({ liveRegion: context.liveRegion, logger });
      const { runProject } = await import('../../pipeline/run.ts');
      const report = await runProject(config, {
        logger,
        signal: context.signal,
        ...(only !== undefined && { only }),
        ...(untilCurrent !== undefined && { untilCurrent }),
        onProgress: (status) =>
          display.show({
            line: renderRunProgress(status),
            message: 'Running.',
            fields: runProgressFields(status),
          }),
      });
      await context.present(report, json, renderRun);
    });
}

/** Not from the pipeline: a command loads it when it has something to do. */
function onlyOption(): Option {
  return new Option(
    '--only <role>',
    'one part of the work in this process; needs `log: kafka`',
  ).choices(['capture', 'load', 'layers', 'sinks']);
}
