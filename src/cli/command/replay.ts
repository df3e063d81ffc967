import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderReplay } from '../presenter/replay.ts';
import { example, type JsonOption, jsonFlag, tablesFlag } from './command-options.ts';

interface ReplayOptions extends JsonOption {
  readonly from: string;
  readonly to?: string;
  readonly tables?: readonly string[];
}

export function registerReplay(program: Command, context: CommandContext): void {
  program
    .command('replay')
    .description('Write a range of the log again; rows that are there already stay as they are.')
    .requiredOption('--from <offset|time>', 'first entry: an offset of the log, or a time')
    .option('--to <offset|time>', 'where to stop (default: what is loaded)')
    .option(...tablesFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc replay --from 2026-01-31T10:00:00Z --tables shop.orders'))
    .action(async ({ json, from, to, tables }: ReplayOptions) => {
      const config = await context.loadProject();
      const { replayProject } = await import('../../pipeline/replay.ts');
      const report = await replayProject(config, {
        logger: context.logger('info'),
        signal: context.signal,
        from,
        ...(to !== undefined && { to }),
        ...(tables !== undefined && { tables }),
      });
      await context.present(report, json, renderReplay);
    });
}
