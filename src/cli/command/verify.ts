import type { Command } from 'commander';
import type { VerifyProgress } from '../../pipeline/verify.ts';
import type { CommandContext } from '../context.ts';
import { renderVerifySink } from '../presenter/sink.ts';
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
      const options = { ...verifyingOptions(context), ...(tables !== undefined && { tables }) };
      if (sink !== undefined) {
        const { verifySink } = await import('../../pipeline/verify-sink.ts');
        const report = await verifySink(config, sink, options);
        await context.present(report, json, renderVerifySink);
        if (!report.ok) context.exitCode = differencesExitCode;
        return;
      }
      const { verifyProject } = await import('../../pipeline/verify.ts');
      const report = await verifyProject(config, options);
      await context.present(report, json, renderVerify);
      if (!report.ok) context.exitCode = differencesExitCode;
    });
}

/** What every verification and repair is given. */
export function verifyingOptions(context: CommandContext) {
  const display = new ProgressDisplay({
    liveRegion: context.liveRegion,
    logger: context.logger('info'),
  });
  return {
    // The loading that goes on meanwhile has its own log.
    logger: context.logger('warn'),
    signal: context.signal,
    onProgress: (progress: VerifyProgress) =>
      display.show({
        line: renderVerifyProgress(progress),
        message: 'Verifying.',
        fields: { ...progress },
      }),
  };
}
