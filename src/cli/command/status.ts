import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderStatus } from '../presenter/status.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

export function registerStatus(program: Command, context: CommandContext): void {
  program
    .command('status')
    .description('Show position, lag, freshness, rows, snapshot, layers and errors.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc status --json'))
    .action(async ({ json }: JsonOption) => {
      const config = await context.loadProject();
      const { readStatus } = await import('../../pipeline/status.ts');
      await context.present(await readStatus(config), json, renderStatus);
    });
}
