import { addAbortSignal } from 'node:stream';
import { type Command, Option } from 'commander';
import { CdcError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { renderQueryJson, renderQueryTable } from '../presenter/query-result.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

interface QueryOptions extends JsonOption {
  readonly atCut?: boolean;
  readonly format: OutputFormat;
}

type OutputFormat = 'table' | 'json' | 'csv';

/** The engine's name of the format that each of ours is made from. */
const engineFormats: Readonly<Record<OutputFormat, string>> = {
  table: 'TabSeparatedWithNamesAndTypes',
  json: 'JSONEachRow',
  csv: 'CSVWithNames',
};

/** Output is written in pieces of about this size. */
const pieceLength = 64 * 1024;

export function registerQuery(program: Command, context: CommandContext): void {
  program
    .command('query')
    .argument('[sql]', 'the statement; read from stdin when absent or -')
    .description('Read the warehouse with SQL, also while `cdc run` is running.')
    .addOption(
      new Option('--format <format>', 'form of the output')
        .choices(Object.keys(engineFormats))
        .default('table'),
    )
    .option('--at-cut', 'with all tables and models at one published cut, which is named on stderr')
    .option(jsonFlag[0], 'the same as --format json: an array of rows')
    .addHelpText('after', example('cdc query "SELECT count() FROM shop.orders" --format csv'))
    .action(async (argument: string | undefined, { atCut, json, format }: QueryOptions) => {
      const sql = await statementOf(argument, context);
      const config = await context.loadProject();
      const { atOneCut, openQuery } = await import('../../pipeline/query.ts');
      await using warehouse = await openQuery(config, context.logger('warn'));
      const wanted = json === true ? 'json' : format;
      const print = async () => {
        const chunks = warehouse.query(sql, engineFormats[wanted], context.signal);
        await printPieces(context, hasOwnFormat(sql) ? chunks : rendered(wanted, chunks, context));
      };
      if (atCut !== true) return print();
      await atOneCut(config, context.signal, async (position) => {
        context.say(`as of ${position}`);
        await print();
      });
    });
}

async function statementOf(argument: string | undefined, context: CommandContext): Promise<string> {
  const { stdin } = context.io;
  if ((argument === undefined || argument === '-') && stdin.isTTY === true) {
    throw new CdcError('CDC_USAGE', 'there is no statement to run', {
      remedy: 'Run `cdc query "SELECT ..."`, or give the statement on stdin.',
    });
  }
  const text =
    argument === undefined || argument === '-'
      ? Buffer.concat(await addAbortSignal(context.signal, stdin).toArray()).toString('utf8')
      : argument;
  const sql = text.trim().replace(/;\s*$/, '');
  if (sql === '') throw new CdcError('CDC_USAGE', 'the statement is empty');
  return sql;
}

/** A statement that names its format gets it as it is. */
function hasOwnFormat(sql: string): boolean {
  return /\bFORMAT\s+\w+$/i.test(sql);
}

function rendered(
  format: OutputFormat,
  chunks: AsyncIterable<Buffer>,
  context: CommandContext,
): AsyncIterable<string | Buffer> {
  if (format === 'csv') return chunks;
  return format === 'json' ? renderQueryJson(chunks) : renderQueryTable(chunks, context.style);
}

async function printPieces(
  context: CommandContext,
  parts: AsyncIterable<string | Buffer>,
): Promise<void> {
  let piece = '';
  for await (const part of parts) {
    if (typeof part !== 'string') {
      await context.print(part);
      continue;
    }
    piece += part;
    if (piece.length < pieceLength) continue;
    await context.print(piece);
    piece = '';
  }
  if (piece !== '') await context.print(piece);
}
