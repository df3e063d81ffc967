import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
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
}

export function registerVerify(program: Command, context: CommandContext): void {
  program
    .command('verify')
    .description('Prove source = ODS = layers, also while they change; names the keys that differ.')
    .option(...tablesFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc verify --tables shop.orders'))
    .action(async ({ json, tables }: VerifyOptions) => {
      const config = await context.loadProject();
      const logger = context.logger('warn');
      const display = new ProgressDisplay({ liveRegion: context.liveRegion, logger });
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
