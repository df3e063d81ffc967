import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderInit, renderInitProgress } from '../presenter/init.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { example, type JsonOption, jsonFlag, tablesFlag } from './command-options.ts';

interface InitOptions extends JsonOption {
  readonly tables?: readonly string[];
  readonly restart?: boolean;
  readonly only?: 'capture';
}

export function registerInit(program: Command, context: CommandContext): void {
  program
    .command('init')
    .description('Take the full snapshot and build the layers; goes on where it was interrupted.')
    .option(...tablesFlag)
    .addOption(
      new Option('--only <role>', 'fill the topics only; needs `log: kafka`').choices(['capture']),
    )
    .option('--restart', 'forget what was captured and begin again, after binlogs were lost')
    .option(...jsonFlag)
    .addHelpText('after', example("cdc init --tables 'shop.order*'"))
    .action(async ({ json, tables, restart, only }: InitOptions) => {
      const config = await context.loadProject();
      const logger = context.logger('info');
      const display = new ProgressDisplay({ liveRegion: context.liveRegion, logger });
      const { initProject } = await import('../../pipeline/init.ts');
      const report = await initProject(config, {
        logger,
        signal: context.signal,
        ...(tables !== undefined && { tables }),
        ...(restart !== undefined && { restart }),
        ...(only !== undefined && { only }),
        onProgress: (progress) =>
          display.show({
            line: renderInitProgress(progress),
            message: 'Snapshot progress.',
            fields: { ...progress },
          }),
      });
      await context.present(report, json, renderInit);
    });
}
