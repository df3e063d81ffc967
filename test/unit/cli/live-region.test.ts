import { expect, test } from 'vitest';
import { LiveRegion } from '../../../src/cli/live-region.ts';
import { ProgressDisplay } from '../../../src/cli/progress-display.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { TextOutput } from '../../support/command-line.ts';

function terminal(columns = 20, rows = 5) {
  return Object.assign(new TextOutput(), { isTTY: true, columns, rows });
}

test('lines are written over in place, and other lines go above them', () => {
  const output = terminal();
  const region = new LiveRegion(output);
  region.update('one\ntwo');
  region.write('log line\n');
  region.update('three');
  region.clear();
  region.clear();
  expect(output.text).toBe(
    'one\ntwo' +
      '\r\u001b[1A\u001b[0Jlog line\none\ntwo' +
      '\r\u001b[1A\u001b[0Jthree' +
      '\r\u001b[0J',
  );
});

test('a region never wraps or scrolls', () => {
  const output = terminal(10, 4);
  new LiveRegion(output).update('0123456789abc\nb\nc\nd\ne');
  expect(output.text).toBe('01234567…\nb\nc');
});

test('a line with colours is cut by what is seen of it', () => {
  const output = terminal(6, 4);
  new LiveRegion(output).update('\u001b[1mabcde\u001b[0m\n\u001b[1mabcdef\u001b[0m');
  expect(output.text).toBe('\u001b[1mabcde\u001b[0m\n\u001b[1mabcd\u001b[0m…');
});

test('without a terminal, progress is one log line per interval', () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', output: { write: (line) => lines.push(line) } });
  let nowMs = 0;
  const display = new ProgressDisplay({ liveRegion: undefined, logger, now: () => nowMs });
  for (; nowMs <= 25_000; nowMs += 200) {
    display.show({ line: 'unseen', message: 'Snapshot progress.', fields: { rows: nowMs } });
  }
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { rows: 10_000, message: 'Snapshot progress.' },
    { rows: 20_000, message: 'Snapshot progress.' },
  ]);
});
