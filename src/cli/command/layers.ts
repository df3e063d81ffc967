import type { Command } from 'commander';
import { CdcError, exitCodeOf } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { renderApplied, renderPlan } from '../presenter/plan.ts';
import { exitCodeOfProblems } from './check.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';
import { registerLayersExplain } from './layers-explain.ts';
import { registerLayersHistory } from './layers-history.ts';
import { registerLayersLineage } from './layers-lineage.ts';
import { registerLayersTest } from './layers-test.ts';

interface ApplyOptions extends JsonOption {
  readonly yes?: boolean;
}

export function registerLayers(program: Command, context: CommandContext): void {
  const layers = program.command('layers').description('Work on the SQL models under layers/.');
  layers
    .command('plan')
    .description('Show what has changed in the model files and how each model is kept right.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc layers plan'))
    .action(async ({ json }: JsonOption) => {
      await plan(context, json);
    });
  layers
    .command('apply')
    .description('Build the models that were added or changed, and take away those removed.')
    .option('--yes', 'do it; without this only the plan is shown')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc layers apply --yes'))
    .action(async ({ json, yes }: ApplyOptions) => {
      if (yes === true) {
        await apply(context, json);
      } else if (await plan(context, json)) {
        context.say('nothing was applied; run `cdc layers apply --yes` to apply this plan');
        context.exitCode = exitCodeOf(new CdcError('CDC_USAGE', ''));
      }
    });
  registerLayersHistory(layers, context);
  registerLayersLineage(layers, context);
  registerLayersTest(layers, context);
  registerLayersExplain(layers, context);
}

/** Whether there is something to apply. */
async function plan(context: CommandContext, json: boolean | undefined): Promise<boolean> {
  const config = await context.loadProject();
  const { planLayers } = await import('../../pipeline/plan.ts');
  const report = await planLayers(config, context.logger('warn'));
  await context.present(report, json, renderPlan);
  context.exitCode = exitCodeOfProblems(report.problems);
  return context.exitCode === 0 && report.models.some(({ change }) => change !== 'unchanged');
}

async function apply(context: CommandContext, json: boolean | undefined): Promise<void> {
  const config = await context.loadProject();
  const { applyLayers } = await import('../../pipeline/plan.ts');
  const report = await applyLayers(config, context.logger('info'), context.signal);
  await context.present(report, json, renderApplied);
}
