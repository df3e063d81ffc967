import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderHistory } from '../presenter/layers-history.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

export function registerLayersHistory(layers: Command, context: CommandContext): void {
  layers
    .command('history')
    .description('Show what has been applied, and what can be undone.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc layers history'))
    .action(async ({ json }: JsonOption) => {
      const config = await context.loadProject();
      const { layersHistory } = await import('../../pipeline/plan.ts');
      await context.present(await layersHistory(config), json, renderHistory);
    });
  layers
    .command('rollback')
    .description('Put the models back as they were before a change, with their rows.')
    .argument('<change>', 'the number of the change to undo, with all after it', parseNumber)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc layers rollback 4'))
    .action(async (change: number, { json }: JsonOption) => {
      const config = await context.loadProject();
      const { rollbackLayers } = await import('../../pipeline/plan.ts');
      const { signal } = context;
      const report = await rollbackLayers(config, change, {
        logger: context.logger('info'),
        signal,
      });
      await context.present(report, json, renderHistory);
      context.say(
        'the files are not followed until they change or you run `cdc layers apply --yes`',
      );
    });
}

function parseNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text))
    throw new InvalidArgumentError('It is a number of `cdc layers history`.');
  return Number(text);
}
