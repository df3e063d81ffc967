import { nearestName } from '../../lib/nearest-name.ts';
import { readSettings, type TableSetting } from './table-settings.ts';

/** What the comment lines at the top of a model file say. */
export interface ModelHeader {
  /** Columns that identify a row, when declared. */
  readonly key?: readonly string[];
  /** Where `key` is declared, for messages. */
  readonly keyOffset?: number;
  readonly description?: string;
  readonly owner?: string;
  /** How far the model may lie behind, as written: `5 min`. */
  readonly freshness?: string;
  readonly freshnessMs?: number;
  /** In the order of the file; what they mean is read by `readAudits`. */
  readonly audits: readonly HeaderText[];
  /** Of the tables that hold its rows. */
  readonly settings: readonly TableSetting[];
  /** Codes of lint warnings that are switched off for the file. */
  readonly allowedLint: readonly HeaderText[];
}

/** The value of a header line; offsets in it plus `offset` are offsets in the file. */
export interface HeaderText {
  readonly text: string;
  readonly offset: number;
}

export interface HeaderProblem {
  readonly offset: number;
  readonly message: string;
}

const headerWords = [
  'key',
  'description',
  'owner',
  'freshness',
  'audit',
  'settings',
  'lint',
] as const;
type HeaderWord = (typeof headerWords)[number];
/** Words that may stand in several lines. */
const repeatable: readonly HeaderWord[] = ['audit', 'lint'];

/** Comment lines at the top of the form `-- word: value`; other comments are free text. */
export function readHeader(text: string): { header: ModelHeader; problems: HeaderProblem[] } {
  const problems: HeaderProblem[] = [];
  const lines = new Map<HeaderWord, HeaderText[]>();
  for (const { word, wordOffset, value } of headerLines(text)) {
    const known = headerWords.find((each) => each === word);
    if (known === undefined) {
      const near = nearestName(word, headerWords);
      const hint = near ? `Did you mean "${near}"?` : `Known are ${headerWords.join(', ')}.`;
      const message = `There is no header "${word}". ${hint}`;
      problems.push({ offset: wordOffset, message });
      continue;
    }
    const before = lines.get(known) ?? [];
    if (value.text === '') {
      problems.push({ offset: wordOffset, message: `The header "${word}" has no value.` });
    } else if (before.length > 0 && !repeatable.includes(known)) {
      problems.push({ offset: wordOffset, message: `The header "${word}" is there twice.` });
    } else {
      lines.set(known, [...before, value]);
    }
  }
  const first = (word: HeaderWord) => lines.get(word)?.[0];
  const key = first('key');
  const description = first('description')?.text;
  const owner = first('owner')?.text;
  const freshness = first('freshness');
  const settings = first('settings');
  const header: ModelHeader = {
    ...(key && { key: keyColumns(key, problems), keyOffset: key.offset }),
    ...(description !== undefined && { description }),
    ...(owner !== undefined && { owner }),
    ...(freshness && { freshness: freshness.text, ...freshnessOf(freshness, problems) }),
    audits: lines.get('audit') ?? [],
    settings: settings === undefined ? [] : readSettings(settings, problems),
    allowedLint: (lines.get('lint') ?? []).flatMap((line) => allowedCodes(line, problems)),
  };
  return { header, problems };
}

interface HeaderLine {
  readonly word: string;
  readonly wordOffset: number;
  readonly value: HeaderText;
}

function headerLines(text: string): HeaderLine[] {
  const found: HeaderLine[] = [];
  let offset = 0;
  let isOpen = false;
  for (const line of text.split('\n')) {
    if (line.trim() !== '' && !line.trimStart().startsWith('--')) break;
    const last = found.at(-1);
    const match = /^(\s*--\s*)([a-z]+):(\s*)(.*)$/.exec(line);
    if (isOpen && last !== undefined) {
      // Blanks in place of the comment sign, so that places in the value stay places in the file.
      const more = line.replace(/^\s*(--)?/, (lead) => ' '.repeat(lead.length)).trimEnd();
      const gap = offset - last.value.offset - last.value.text.length;
      const joined = last.value.text + ' '.repeat(gap) + more;
      found[found.length - 1] = { ...last, value: { ...last.value, text: joined } };
    } else if (match) {
      const [, lead = '', word = '', gap = '', value = ''] = match;
      const wordOffset = offset + lead.length;
      const start = wordOffset + word.length + 1 + gap.length;
      found.push({ word, wordOffset, value: { text: value.trimEnd(), offset: start } });
    }
    // An audit goes on in the next comment lines until its parentheses are closed.
    const current = found.at(-1);
    isOpen = current?.word === 'audit' && !hasClosed(current.value.text);
    offset += line.length + 1;
  }
  return found;
}

function hasClosed(text: string): boolean {
  const bare = text.replace(/'(?:[^'\\]|\\.|'')*'/g, '');
  return bare.split('(').length <= bare.split(')').length;
}

function keyColumns({ text, offset }: HeaderText, problems: HeaderProblem[]): string[] {
  const columns = text.split(',').map((column) => column.trim().replace(/^[`"](.*)[`"]$/, '$1'));
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (columns.includes('')) {
    problems.push({ offset, message: 'The key has a comma too many.' });
  } else if (twice !== undefined) {
    problems.push({ offset, message: `The key names ${twice} twice.` });
  }
  return columns;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };

function freshnessOf(
  { text, offset }: HeaderText,
  problems: HeaderProblem[],
): { freshnessMs: number } | undefined {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h)$/.exec(text) ?? [];
  const freshnessMs = Number(amount) * (unitMs[unit] ?? 0);
  if (freshnessMs > 0) return { freshnessMs };
  const message = `"${text}" is no freshness. Write a number and ms, s, min or h: 500 ms, 1 s, 5 min, 1 h.`;
  problems.push({ offset, message });
  return undefined;
}

/** `allow ads-reads-ods, select-star`. */
function allowedCodes({ text, offset }: HeaderText, problems: HeaderProblem[]): HeaderText[] {
  const [, lead = '', list = ''] = /^(allow\s+)(\S.*)$/.exec(text) ?? [];
  if (list === '') {
    const message = `"${text}" is no lint line. Write \`-- lint: allow\` and the codes that do not count in this file.`;
    problems.push({ offset, message });
    return [];
  }
  return [...list.matchAll(/[^\s,]+/g)].map(({ 0: code, index }) => {
    return { text: code, offset: offset + lead.length + index };
  });
}
