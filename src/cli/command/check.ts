import type { Command } from 'commander';
import type { ProjectConfig } from '../../config/project-config.ts';
import { CdcError, exitCodeOf, type Problem } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { CheckReport } from '../../pipeline/check.ts';
import type { CommandContext } from '../context.ts';
import { renderCheck } from '../presenter/check.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

export function registerCheck(program: Command, context: CommandContext): void {
  program
    .command('check')
    .description('Validate the project, connect to source and warehouse, and list every problem.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc check -c my-shop'))
    .action(async ({ json }: JsonOption) => {
      const { config, problems } = await context.readProject();
      const report =
        config === undefined
          ? { source: null, warehouse: null, tables: 0, problems }
          : await checkConnections(config, context.logger('warn'));
      await context.present(report, json, renderCheck);
      context.exitCode = exitCodeOfProblems(report.problems);
    });
}

// Commands load the pipeline when they act: it brings drivers and native modules, and --help is quick.
async function checkConnections(config: ProjectConfig, logger: Logger): Promise<CheckReport> {
  const { checkProject } = await import('../../pipeline/check.ts');
  return checkProject(config, logger);
}

/** That of the gravest error; warnings alone are a success. */
export function exitCodeOfProblems(problems: readonly Problem[]): number {
  const errors = problems.filter(({ severity }) => severity === 'error');
  return Math.max(0, ...errors.map(({ code }) => exitCodeOf(new CdcError(code, ''))));
}
