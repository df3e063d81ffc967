import { type Command, Option } from 'commander';
import type { ProjectConfig } from '../../config/project-config.ts';
import { CdcError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { renderInit, renderInitProgress } from '../presenter/init.ts';
import { renderInitSink, renderInitSinkProgress } from '../presenter/sink.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { example, type JsonOption, jsonFlag, tablesFlag } from './command-options.ts';

interface InitOptions extends JsonOption {
  readonly tables?: readonly string[];
  readonly restart?: boolean;
  readonly only?: 'capture';
  readonly sink?: string;
  readonly dryRun?: boolean;
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
    .option('--sink <name>', 'fill this sink from the warehouse; the source has no part in it')
    .option('--dry-run', 'with --sink: print what the store would be told, and do nothing')
    .option(...jsonFlag)
    .addHelpText('after', example("cdc init --tables 'shop.order*'"))
    .action(async (options: InitOptions) => {
      const { json, tables, restart, only, sink } = options;
      assertPossible(options);
      const config = await context.loadProject();
      if (sink !== undefined) {
        await initOneSink(context, config, sink, options);
        return;
      }
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

async function initOneSink(
  context: CommandContext,
  config: ProjectConfig,
  name: string,
  { json, tables, restart, dryRun }: InitOptions,
): Promise<void> {
  const logger = context.logger('warn');
  const display = new ProgressDisplay({ liveRegion: context.liveRegion, logger });
  const { initSink } = await import('../../pipeline/init-sink.ts');
  const report = await initSink(config, name, {
    logger,
    signal: context.signal,
    ...(tables !== undefined && { tables }),
    ...(restart !== undefined && { restart }),
    ...(dryRun !== undefined && { dryRun }),
    onProgress: (progress) =>
      display.show({
        line: renderInitSinkProgress(progress),
        message: 'Filling the sink.',
        fields: { ...progress },
      }),
  });
  await context.present(report, json, renderInitSink);
}

function assertPossible({ sink, dryRun, only }: InitOptions): void {
  if (sink !== undefined && only !== undefined) {
    throw new CdcError('CDC_USAGE', '--sink fills a sink from the warehouse, --only fills topics', {
      remedy: 'Leave one of the two out.',
    });
  }
  if (sink === undefined && dryRun === true) {
    throw new CdcError(
      'CDC_USAGE',
      '--dry-run prints what a sink would do, and needs --sink <name>',
    );
  }
}
