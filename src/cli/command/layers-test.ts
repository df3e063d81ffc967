import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderModelTests, renderTestedCase } from '../presenter/model-test.ts';
import { differencesExitCode, example, type JsonOption, jsonFlag } from './command-options.ts';

export function registerLayersTest(layers: Command, context: CommandContext): void {
  layers
    .command('test')
    .argument('[file|model...]', 'only these test files, or cases about these models')
    .description(
      'Run the cases in layers/tests/ on an engine of their own; the warehouse is not touched.',
    )
    .option(...jsonFlag)
    .addHelpText('after', example('cdc layers test ads.renewal_report'))
    .action(async (only: readonly string[], { json }: JsonOption) => {
      const config = await context.loadProject();
      const { testModels } = await import('../../pipeline/test-models.ts');
      const printed: Promise<void>[] = [];
      const report = await testModels(config, {
        only,
        logger: context.logger('warn'),
        signal: context.signal,
        // Each case is shown when it is done; the summary follows.
        onCase: (tested) => {
          if (json !== true) printed.push(context.print(renderTestedCase(tested, context.style)));
        },
      });
      await Promise.all(printed);
      await context.present(report, json, renderModelTests);
      if (!report.ok) context.exitCode = differencesExitCode;
    });
}
