import type { Command } from 'commander';
import { CdcError } from '../../errors.ts';
import type { KeyPart } from '../../layers/explain/row-finder.ts';
import type { CommandContext } from '../context.ts';
import { renderExplanation } from '../presenter/explain.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

interface ExplainFlags extends JsonOption {
  readonly key: readonly KeyPart[];
  readonly since?: string;
  readonly limit: number;
}

export function registerLayersExplain(layers: Command, context: CommandContext): void {
  layers
    .command('explain')
    .argument('<model>', 'dws.sales_by_class_day')
    .description('Show the rows behind a number, or with --since why it has changed.')
    .option('--key <column=value>', 'a value that the row has; repeat it', addKey, [])
    .option('--since <time|cut>', '2h, 10:30, 2026-11-21 10:30, binlog.000003:5120 or all')
    .option('--limit <rows>', 'rows and changes shown', parseLimit, 20)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      example('cdc layers explain ads.channel_report --key channel_id=3 --since 2h'),
    )
    .action(async (model: string, { key, since, limit, json }: ExplainFlags) => {
      const { parseSince } = await import('../../pipeline/since.ts');
      const from = since === undefined ? undefined : parseSince(since, Date.now());
      const config = await context.loadProject();
      const { explainModel } = await import('../../pipeline/explain.ts');
      const explanation = await explainModel(config, {
        model,
        key,
        ...(from && { since: from }),
        limit,
        logger: context.logger('warn'),
        signal: context.signal,
      });
      await context.present(explanation, json, renderExplanation);
      if (explanation.found === 'none') context.exitCode = 4;
    });
}

function addKey(text: string, parts: readonly KeyPart[]): KeyPart[] {
  const equals = text.indexOf('=');
  if (equals < 1) {
    throw new CdcError('CDC_USAGE', `--key ${text}: write it as column=value.`);
  }
  return [...parts, { column: text.slice(0, equals).trim(), value: text.slice(equals + 1) }];
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new CdcError('CDC_USAGE', `--limit ${text}: it is a number from 1 to 1000.`);
}
