import { InvalidArgumentError } from 'commander';
import { isTablePattern } from '../../change/table-pattern.ts';

/** Pieces that several commands share. */

/** A check ran and found differences. */
export const differencesExitCode = 4;

export interface JsonOption {
  readonly json?: boolean;
}

export const jsonFlag = ['--json', 'print JSON (docs/cli-json.md)'] as const;

export const tablesFlag = [
  '--tables <patterns...>',
  'only these tables: shop.orders, shop.*, !shop.tmp_*',
  collectTablePatterns,
] as const;

/** The example under a command's help. */
export function example(command: string): string {
  return `\nExample:\n  $ ${command}`;
}

/** Patterns may be separate words, or one word with commas. */
function collectTablePatterns(text: string, earlier: readonly string[] = []): readonly string[] {
  const patterns = text.split(',').map((pattern) => pattern.trim());
  const wrong = patterns.find((pattern) => !isTablePattern(pattern));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `"${wrong}" is not a table pattern such as shop.orders, shop.* or !shop.tmp_*.`,
    );
  }
  return [...earlier, ...patterns];
}
