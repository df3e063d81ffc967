import type { Command } from 'commander';
import { CdcError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { renderRepairReport } from '../presenter/repair.ts';
import { renderRepair } from '../presenter/sink.ts';
import {
  differencesExitCode,
  example,
  type JsonOption,
  jsonFlag,
  tablesFlag,
} from './command-options.ts';
import { verifyingOptions } from './verify.ts';

interface RepairCommandOptions extends JsonOption {
  readonly tables?: readonly string[];
  readonly sink?: string;
  readonly dryRun?: boolean;
}

export function registerRepair(program: Command, context: CommandContext): void {
  program
    .command('repair')
    .description(
      'Mend just what `verify` finds differing: rows are sent again from the source, keys of models derived again.',
    )
    .argument('[names...]', 'tables and models: shop.orders, shop.*, dwd.order_wide; default: all')
    .option('--dry-run', 'say what differs and would be mended, change nothing')
    .option('--sink <name>', 'mend this sink instead')
    .option(...tablesFlag)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      example('cdc repair shop.orders dws.*\n  $ cdc repair --sink serving --tables shop.orders'),
    )
    .action(async (names: readonly string[], options: RepairCommandOptions) => {
      const { json, tables = [], sink, dryRun: isDryRun = false } = options;
      const config = await context.loadProject();
      const all = [...names, ...tables];
      if (sink !== undefined) {
        if (isDryRun) {
          throw new CdcError('CDC_USAGE', '--dry-run: not of a sink.', {
            remedy: `Use \`cdc verify --sink ${sink}\`, which changes nothing.`,
          });
        }
        const { repairSink } = await import('../../pipeline/verify-sink.ts');
        const wanted = all.length > 0 && { tables: all };
        const report = await repairSink(config, sink, { ...verifyingOptions(context), ...wanted });
        await context.present(report, json, renderRepair);
        if (!report.after.ok) context.exitCode = differencesExitCode;
        return;
      }
      const { repairProject } = await import('../../pipeline/repair.ts');
      const what = { names: all, isDryRun };
      const report = await repairProject(config, { ...verifyingOptions(context), ...what });
      await context.present(report, json, renderRepairReport);
      if (!report.ok) context.exitCode = differencesExitCode;
    });
}
