import { type Command, InvalidArgumentError } from 'commander';
import { CdcError, exitCodeOf } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import {
  renderDropped,
  renderLetter,
  renderLetterReplay,
  renderLetters,
} from '../presenter/deadletter.ts';
import { renderSinkDropped, renderSinkLetters, renderSinkReplay } from '../presenter/sink.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

interface LettersOptions extends JsonOption {
  readonly table?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly sink?: string;
}

const tableFlag = [
  '--table <table>',
  'only letters of this table, such as shop.orders',
  tableId,
] as const;

const sinkFlag = [
  '--sink <name>',
  'rows that this sink’s store has refused, not messages',
] as const;

export function registerDeadLetter(program: Command, context: CommandContext): void {
  const deadletter = program
    .command('deadletter')
    .description(
      'See, replay or drop messages that could not be loaded, and rows that sinks refused.',
    );
  registerList(deadletter, context);
  registerShow(deadletter, context);
  registerReplay(deadletter, context);
  registerDrop(deadletter, context);
}

function registerList(deadletter: Command, context: CommandContext): void {
  deadletter
    .command('list')
    .description('List them: where each was read, why it could not be loaded, since when.')
    .option(...tableFlag)
    .option(...sinkFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc deadletter list --table shop.orders'))
    .action(async ({ json, table, sink }: LettersOptions) => {
      const config = await context.loadProject();
      if (sink !== undefined) {
        const { listSinkLetters } = await import('../../pipeline/sink-letters.ts');
        const found = await listSinkLetters(
          config,
          sink,
          context.logger('warn'),
          filterOf([], table),
        );
        await context.present(found, json, renderSinkLetters);
        return;
      }
      const { listDeadLetters } = await import('../../pipeline/dead-letters.ts');
      const filter = table === undefined ? {} : { table };
      const letters = await listDeadLetters(config, context.logger('warn'), filter);
      await context.present(letters, json, (all, style) => renderLetters(all, Date.now(), style));
    });
}

function registerShow(deadletter: Command, context: CommandContext): void {
  deadletter
    .command('show')
    .argument('<id>', 'as `cdc deadletter list` names it')
    .description('Show one with its message.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc deadletter show 1f0c9a7b5d3e2846'))
    .action(async (id: string, { json }: JsonOption) => {
      const config = await context.loadProject();
      const { showDeadLetter } = await import('../../pipeline/dead-letters.ts');
      const letter = await showDeadLetter(config, context.logger('warn'), id);
      await context.present(letter, json, renderLetter);
    });
}

function registerReplay(deadletter: Command, context: CommandContext): void {
  deadletter
    .command('replay')
    .argument('[ids...]', 'all of them when absent')
    .description('Try them again by the project file as it is now; those that are written go away.')
    .option(...tableFlag)
    .option(...sinkFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc deadletter replay --table shop.orders'))
    .action(async (ids: readonly string[], { json, table, sink }: LettersOptions) => {
      const config = await context.loadProject();
      if (sink !== undefined) {
        assertNoIds(ids);
        const { replaySinkLetters } = await import('../../pipeline/sink-letters.ts');
        const again = { logger: context.logger('info'), signal: context.signal };
        const report = await replaySinkLetters(config, sink, again, filterOf([], table));
        await context.present(report, json, renderSinkReplay);
        if (report.failed.length > 0) {
          context.exitCode = exitCodeOf(new CdcError('CDC_SINK_REJECTED', ''));
        }
        return;
      }
      const { replayDeadLetters } = await import('../../pipeline/dead-letters.ts');
      const replay = { logger: context.logger('info'), signal: context.signal };
      const report = await replayDeadLetters(config, replay, filterOf(ids, table));
      await context.present(report, json, renderLetterReplay);
      if (report.failed.length > 0) {
        context.exitCode = exitCodeOf(new CdcError('CDC_MESSAGE_MALFORMED', ''));
      }
    });
}

function registerDrop(deadletter: Command, context: CommandContext): void {
  deadletter
    .command('drop')
    .argument('[ids...]', 'as `cdc deadletter list` names them')
    .description('Give messages up for good.')
    .option(...tableFlag)
    .option(...sinkFlag)
    .option('--all', 'all of them')
    .option('--yes', 'do it; without this they are only listed')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc deadletter drop 1f0c9a7b5d3e2846 --yes'))
    .action(async (ids: readonly string[], options: LettersOptions) => {
      const { json, table, all, yes, sink } = options;
      if (ids.length === 0 && table === undefined && all !== true) {
        throw new CdcError('CDC_USAGE', 'nothing says which dead letters to drop', {
          remedy: 'Name their ids, or give --table <table> or --all.',
        });
      }
      const config = await context.loadProject();
      const logger = context.logger('warn');
      if (sink !== undefined) {
        assertNoIds(ids);
        const letters = await import('../../pipeline/sink-letters.ts');
        const act = yes === true ? letters.dropSinkLetters : letters.listSinkLetters;
        const found = await act(config, sink, logger, filterOf([], table));
        await context.present(found, json, yes === true ? renderSinkDropped : renderSinkLetters);
        if (yes === true) return;
        context.say('nothing was dropped; add --yes to drop these');
        context.exitCode = exitCodeOf(new CdcError('CDC_USAGE', ''));
        return;
      }
      const { dropDeadLetters, listDeadLetters } = await import('../../pipeline/dead-letters.ts');
      if (yes === true) {
        const dropped = await dropDeadLetters(config, logger, filterOf(ids, table));
        await context.present(dropped, json, renderDropped);
        return;
      }
      const letters = await listDeadLetters(config, logger, filterOf(ids, table));
      await context.present(letters, json, (found, style) =>
        renderLetters(found, Date.now(), style),
      );
      context.say('nothing was dropped; add --yes to drop these');
      context.exitCode = exitCodeOf(new CdcError('CDC_USAGE', ''));
    });
}

function assertNoIds(ids: readonly string[]): void {
  if (ids.length === 0) return;
  throw new CdcError('CDC_USAGE', 'letters of a sink have no ids', {
    remedy: 'Leave the ids out; --table <table> chooses among them.',
  });
}

function filterOf(ids: readonly string[], table: string | undefined) {
  return { ...(ids.length > 0 && { ids }), ...(table !== undefined && { table }) };
}

function tableId(text: string): string {
  if (/^[^.]+\..+$/.test(text)) return text;
  throw new InvalidArgumentError(`"${text}" is not a table such as shop.orders.`);
}
