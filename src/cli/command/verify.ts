import type { Command } from 'commander';
import type { VerifyProgress } from '../../pipeline/verify.ts';
import type { CommandContext } from '../context.ts';
import { renderRepair, renderVerifySink } from '../presenter/sink.ts';
import { renderVerify, renderVerifyProgress } from '../presenter/verify.ts';
import { ProgressDisplay } from '../progress-display.ts';
import {
  differencesExitCode,
  example,
  type JsonOption,
  jsonFlag,
  tablesFlag,
} from './command-options.ts';

interface VerifyOptions extends JsonOption {
  readonly tables?: readonly string[];
  readonly sink?: string;
}

export function registerVerify(program: Command, context: CommandContext): void {
  program
    .command('verify')
    .description('Prove source = ODS = layers, also while they change; names the keys that differ.')
    .option(...tablesFlag)
    .option('--sink <name>', 'prove warehouse = this sink instead')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc verify --tables shop.orders'))
    .action(async ({ json, tables, sink }: VerifyOptions) => {
      const config = await context.loadProject();
      const logger = context.logger('warn');
      const display = new ProgressDisplay({ liveRegion: context.liveRegion, logger });
      if (sink !== undefined) {
        const { verifySink } = await import('../../pipeline/verify-sink.ts');
        const report = await verifySink(config, sink, sinkOptions(context, display, tables));
        await context.present(report, json, renderVerifySink);
        if (!report.ok) context.exitCode = differencesExitCode;
        return;
      }
      const { verifyProject } = await import('../../pipeline/verify.ts');
      const report = await verifyProject(config, {
        logger,
        signal: context.signal,
        ...(tables !== undefined && { tables }),
        onProgress: (progress) =>
          display.show({
            line: renderVerifyProgress(progress),
            message: 'Verifying.',
            fields: { ...progress },
          }),
      });
      await context.present(report, json, renderVerify);
      if (!report.ok) context.exitCode = differencesExitCode;
    });
}

interface RepairOptions extends JsonOption {
  readonly tables?: readonly string[];
  readonly sink: string;
}

export function registerRepair(program: Command, context: CommandContext): void {
  program
    .command('repair')
    .description('Send to a sink again what `verify --sink` finds differing, and verify once more.')
    .requiredOption('--sink <name>', 'the sink to repair')
    .option(...tablesFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc repair --sink serving --tables shop.orders'))
    .action(async ({ json, tables, sink }: RepairOptions) => {
      const config = await context.loadProject();
      const logger = context.logger('warn');
      const display = new ProgressDisplay({ liveRegion: context.liveRegion, logger });
      const { repairSink } = await import('../../pipeline/verify-sink.ts');
      const report = await repairSink(config, sink, sinkOptions(context, display, tables));
      await context.present(report, json, renderRepair);
      if (!report.after.ok) context.exitCode = differencesExitCode;
    });
}

function sinkOptions(
  context: CommandContext,
  display: ProgressDisplay,
  tables: readonly string[] | undefined,
) {
  return {
    logger: context.logger('warn'),
    signal: context.signal,
    ...(tables !== undefined && { tables }),
    onProgress: (progress: VerifyProgress) =>
      display.show({
        line: renderVerifyProgress(progress),
        message: 'Verifying.',
        fields: { ...progress },
      }),
  };
}
