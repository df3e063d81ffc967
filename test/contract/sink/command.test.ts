import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { CommandSink } from '../../../src/sink/command/command-sink.ts';
import { type CommandSinkOptions, commandSinkOptions } from '../../../src/sink/command/options.ts';
import type { Sink } from '../../../src/sink/sink.ts';
import type { SinkTable } from '../../../src/sink/sink-table.ts';
import { tsvText } from '../../../src/sink/tsv-text.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

/** Keeps the newest version of each key in a file a table; refuses what the file `refuse` forbids. */
const program = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
const { CDC_EVENT, CDC_TABLE, CDC_KEY, CDC_ROWS, CDC_DELETE_VERSIONS_BELOW: below } = process.env;
const [, , folder] = process.argv, file = folder + '/' + CDC_TABLE;
const rows = existsSync(file) && CDC_EVENT !== 'drop' ? JSON.parse(readFileSync(file, 'utf8')) : {};
const lines = readFileSync(0, 'utf8').split('\\n').filter(Boolean).map((line) => JSON.parse(line));
if (CDC_EVENT === 'rows' && lines.length !== Number(CDC_ROWS)) process.exit(75);
if (existsSync(folder + '/refuse') && lines.some(({ note }) => note === 'refuse me')) process.exit(65);
for (const line of lines) {
  const id = JSON.stringify(JSON.parse(CDC_KEY).map((name) => line[name]));
  if (BigInt(rows[id]?._version ?? 0) <= BigInt(line._version)) rows[id] = line;
}
if (CDC_EVENT === 'sweep') for (const id in rows) if (BigInt(rows[id]._version) < BigInt(below)) delete rows[id];
writeFileSync(file, JSON.stringify(rows));
`;

const folder = mkdtempSync(join(tmpdir(), 'strata-command-'));
writeFileSync(join(folder, 'take.mjs'), program);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const folderOf = ({ command }: CommandSinkOptions) => command[2] ?? '';

describeSinkContract({
  name: 'command',
  options: async () =>
    commandSinkOptions.parse({
      ...{ type: 'command', name: 'taker', tables: ['shop.*'] },
      command: [process.execPath, join(folder, 'take.mjs'), mkdtempSync(join(folder, 'rows-'))],
    }),
  open: async (given) => {
    const options = given as CommandSinkOptions;
    const sink = new CommandSink(options, { stateFolder: join(folderOf(options), 'state') });
    return readable(sink, folderOf(options));
  },
  hasNoColumns: true,
  rows: 2_000,
  refuse: async (options) =>
    writeFileSync(join(folderOf(options as CommandSinkOptions), 'refuse'), ''),
  accept: async (options) => rmSync(join(folderOf(options as CommandSinkOptions), 'refuse')),
});

/** What the command has made of the changes is read from its files, since the sink cannot. */
function readable(sink: CommandSink, rows: string): Sink {
  return Object.assign(sink, {
    async *readBack({ target, columns }: SinkTable) {
      const text = readFileSync(join(rows, target), 'utf8');
      for (const row of Object.values<Record<string, unknown>>(JSON.parse(text))) {
        if (row['_deleted'] === 1) continue;
        const texts = columns.map((column) => {
          const value = row[column.name] ?? null;
          // JavaScript prints a float as 1e+38, the engine as 1e38.
          const own = typeof value === 'number' ? String(value).replace('e+', 'e') : value;
          return tsvText(own === null ? null : String(own));
        });
        yield Buffer.from(`${[...texts, row['_version']].join('\t')}\n`);
      }
    },
  });
}
