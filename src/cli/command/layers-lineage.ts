import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { renderLineage } from '../presenter/lineage.ts';
import { renderMermaid } from '../presenter/lineage-mermaid.ts';
import { renderSvg } from '../presenter/lineage-svg.ts';
import { example } from './command-options.ts';

const formats = ['tree', 'json', 'openlineage', 'mermaid', 'svg'] as const;

interface LineageOptions {
  readonly format?: (typeof formats)[number];
  readonly json?: boolean;
  readonly depth?: number;
  readonly up?: boolean;
  readonly down?: boolean;
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
    .addHelpText('after', example('cdc layers lineage ads.channel_report.revenue --up'))
    .action(async (name: string | undefined, options: LineageOptions) => {
      await show(context, name, options);
    });
}

async function show(context: CommandContext, name: string | undefined, options: LineageOptions) {
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
