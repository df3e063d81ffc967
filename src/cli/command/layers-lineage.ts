import { type Command, InvalidArgumentError, Option } from 'commander';
import { CdcError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { renderImpact } from '../presenter/impact.ts';
import { renderLineage } from '../presenter/lineage.ts';
import { renderMermaid } from '../presenter/lineage-mermaid.ts';
import { renderSvg } from '../presenter/lineage-svg.ts';
import { differencesExitCode, example } from './command-options.ts';

const formats = ['tree', 'json', 'openlineage', 'mermaid', 'svg'] as const;

interface LineageOptions {
  readonly format?: (typeof formats)[number];
  readonly json?: boolean;
  readonly depth?: number;
  readonly up?: boolean;
  readonly down?: boolean;
  readonly impact?: boolean;
  readonly drop?: boolean;
  readonly type?: string;
}

export function registerLayersLineage(layers: Command, context: CommandContext): void {
  layers
    .command('lineage')
    .description('Show what columns are made of and what is made of them, from the source to ADS.')
    .argument('[name]', 'a table or model, or a column of one: shop.students.city')
    .addOption(new Option('--format <format>', 'how to show it').choices(formats).default('tree'))
    .option('--json', 'as --format json')
    .option('--up', 'only what it is made of')
    .option('--down', 'only what is made of it')
    .option(
      '--depth <steps>',
      'steps from table to table (default: 1 for a table, all for a column)',
      depth,
    )
    .option('--impact', 'what dropping the column would stop and change, and what to do')
    .addOption(
      new Option('--drop', 'with --impact: the column is dropped (default)').conflicts('type'),
    )
    .option('--type <type>', "with --impact: the column gets another type, such as 'Int64'")
    .addHelpText('after', example('cdc layers lineage ads.channel_report.revenue --up'))
    .action(async (name: string | undefined, options: LineageOptions) => {
      await show(context, name, options);
    });
}

async function show(context: CommandContext, name: string | undefined, options: LineageOptions) {
  const isImpact = options.impact === true || options.drop === true || options.type !== undefined;
  if (isImpact) return await showImpact(context, name, options);
  const config = await context.loadProject();
  const { readLineage, readOpenLineage } = await import('../../pipeline/lineage.ts');
  const { up = false, down = false, depth: steps } = options;
  const isBoth = up === down;
  const request = {
    ...(name === undefined ? {} : { name }),
    up: isBoth || up,
    down: isBoth || down,
    ...(steps === undefined ? {} : { depth: steps }),
  };
  const format = options.json ? 'json' : (options.format ?? 'tree');
  if (format === 'openlineage') {
    const events = await readOpenLineage(config, context.logger('warn'), request);
    await context.print(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    return;
  }
  const report = await readLineage(config, context.logger('warn'), request);
  await context.present(report, format === 'json', renderers[format]);
}

/** Exit code 4 says that a model would stop. */
async function showImpact(
  context: CommandContext,
  name: string | undefined,
  { json, format, type }: LineageOptions,
) {
  if (name === undefined) {
    throw new CdcError('CDC_USAGE', 'The impact is that of a column, and none is named.', {
      remedy: 'Write it as cdc layers lineage shop.students.city --impact.',
    });
  }
  const config = await context.loadProject();
  const { readImpact } = await import('../../pipeline/lineage-impact.ts');
  const change = type === undefined ? ({ kind: 'drop' } as const) : { kind: 'type' as const, type };
  const report = await readImpact(config, context.logger('warn'), { name, change });
  await context.present(report, json === true || format === 'json', renderImpact);
  if (report.models.some(({ effect }) => effect === 'stops'))
    context.exitCode = differencesExitCode;
}

const renderers = {
  tree: renderLineage,
  json: renderLineage,
  mermaid: renderMermaid,
  svg: renderSvg,
};

function depth(text: string): number {
  const steps = Number(text);
  if (Number.isInteger(steps) && steps > 0) return steps;
  throw new InvalidArgumentError('It is a number of steps, 1 or more.');
}
