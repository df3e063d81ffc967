import type { CutPlace, Place, SourceLevel, Values } from '../../layers/explain/explanation.ts';
import { printable } from './display-width.ts';
import { formatCounted } from './format.ts';

/** How explanations call things, for people. */

/** A longer value is cut off; `--json` has all of it. */
const mostLetters = 40;

/** `shop.teachers`, or with the name its reader gives it where that says more. */
export function renderLevelName({
  name,
  alias,
  kind,
}: Pick<SourceLevel, 'name' | 'alias' | 'kind'>): string {
  if (kind === 'stage') return readerName(name);
  const own = name.slice(name.indexOf('.') + 1);
  return printable(alias === own || alias === name ? name : `${name} (${alias})`);
}

/** A hidden stage has no name that people know. */
export function readerName(name: string): string {
  return isStage(name) ? `inner rows of ${modelOf(name)}` : printable(name);
}

/** `2 rows of dwd.order_wide` */
export function countOf(count: number, name: string): string {
  if (!isStage(name)) return `${formatCounted(count, 'row')} of ${printable(name)}`;
  return `${formatCounted(count, 'inner row')} of ${modelOf(name)}`;
}

function isStage(name: string): boolean {
  return name.includes('#');
}

function modelOf(stage: string): string {
  return printable(stage.slice(0, stage.indexOf('#')));
}

export function renderKey(key: Values): string {
  return Object.entries(key)
    .map(([name, value]) => `${printable(name)} ${shortText(value)}`)
    .join(', ');
}

export function renderCut({ position, publishedAt }: CutPlace, now: Date): string {
  return `${timeText(publishedAt, now)} (cut ${printable(position)})`;
}

export function commitText({ committedAt, origin }: Place, now: Date): string {
  if (origin === 'snapshot') return 'in the snapshot';
  return committedAt === null ? '' : timeText(committedAt, now);
}

/** `10:31:07`, with the date when it is another day. */
export function timeText(iso: string, now: Date): string {
  const at = new Date(iso);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === now.toDateString() ? time : `${date} ${time}`;
}

export function shortText(value: string | null): string {
  if (value === null) return 'NULL';
  const text = printable(value);
  return text.length > mostLetters ? `${text.slice(0, mostLetters - 1)}…` : text;
}

export function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
