import type { TerminalOutput } from '../io.ts';

/** Emphasis for terminals; plain text where there is no terminal or NO_COLOR is set. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

export function hasColor(
  output: TerminalOutput,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR, TERM } = environment;
  return output.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb';
}

export function createStyle(color: boolean): Style {
  const wrap = (code: number) => (text: string) =>
    color && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { bold: wrap(1), dim: wrap(2), red: wrap(31), green: wrap(32), yellow: wrap(33) };
}

export const plainStyle: Style = createStyle(false);
