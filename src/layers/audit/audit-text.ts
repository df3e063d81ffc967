import { nearestName } from '../../lib/nearest-name.ts';
import type { HeaderText } from '../model/model-header.ts';

export const auditKinds = ['unique', 'not_null', 'accepted', 'relation', 'where', 'none'] as const;
export type AuditKind = (typeof auditKinds)[number];

/** What happens when rows break an audit: the model stops at its last good cut, or only says so. */
export type AuditLevel = 'stop' | 'warn';

/** An audit line taken apart; nothing in it has been looked up. */
export interface AuditText extends HeaderText {
  readonly kind: AuditKind;
  readonly level: AuditLevel;
  /** Columns of the model, with their places. Empty for `where` and `none`. */
  readonly columns: readonly HeaderText[];
  /** Of `accepted`: the literals. */
  readonly values: readonly string[];
  /** Of `relation`: the table and its columns. */
  readonly target?: AuditTarget;
  /** Of `where` and `none`: the SQL. */
  readonly sql?: HeaderText;
}

export interface AuditTarget {
  readonly table: HeaderText;
  readonly columns: readonly HeaderText[];
}

/** What is wrong with a line, at its place in the file. */
export interface AuditMistake {
  readonly offset: number;
  readonly message: string;
}

const forms: Readonly<Record<AuditKind, string>> = {
  unique: 'unique(column, ...)',
  not_null: 'not_null(column, ...)',
  accepted: 'accepted(column: value, value, ...)',
  relation: 'relation(column -> shop.students.id)',
  where: 'where(amount >= 0)',
  none: 'none(SELECT ... FROM changed.rows WHERE ...)',
};

/** `unique(order_id)`, `accepted(status: paid, refunded) warn`, `relation(student_id -> shop.students.id)`. */
export function readAudit({ text, offset }: HeaderText): AuditText | AuditMistake {
  const [, name = '', gap = '', inner = '', tail = ''] =
    /^(\w+)(\s*\()(.*)\)\s*(\w*)$/s.exec(text) ?? [];
  const word = name || (/^\w+/.exec(text)?.[0] ?? text);
  const kind = auditKinds.find((each) => each === word);
  if (kind === undefined) {
    const near = nearestName(word, auditKinds);
    const hint = near
      ? `Did you mean ${forms[near as AuditKind]}?`
      : `Known are ${auditKinds.join(', ')}.`;
    return { offset, message: `There is no audit ${word}. ${hint}` };
  }
  if (name === '' || inner.trim() === '') {
    return { offset, message: `This audit is written ${forms[kind]}, perhaps with warn after it.` };
  }
  if (tail !== '' && tail !== 'warn' && tail !== 'stop') {
    const message = `${tail} is not understood after an audit: write warn, or stop, or nothing (which means stop).`;
    return { offset: offset + text.length - tail.length, message };
  }
  const at = offset + name.length + gap.length;
  const level = tail === 'warn' ? 'warn' : 'stop';
  const shown = tail === '' ? text : text.slice(0, -tail.length);
  const base = { kind, level, text: shown.replace(/\s+/g, ' ').trim(), offset } as const;
  const body = { text: inner, offset: at };
  const rest = readBody(kind, body);
  return 'message' in rest ? rest : { ...base, columns: [], values: [], ...rest };
}

type Body = Partial<Pick<AuditText, 'columns' | 'values' | 'target' | 'sql'>>;

function readBody(kind: AuditKind, body: HeaderText): Body | AuditMistake {
  if (kind === 'where' || kind === 'none') return { sql: body };
  const wrong = { offset: body.offset, message: `This audit is written ${forms[kind]}.` };
  if (kind === 'accepted') {
    const colon = body.text.indexOf(':');
    const columns = names({ ...body, text: body.text.slice(0, Math.max(0, colon)) });
    const values = splitValues(body.text.slice(colon + 1));
    return colon < 0 || columns?.length !== 1 || values === undefined ? wrong : { columns, values };
  }
  if (kind === 'relation') {
    const arrow = body.text.indexOf('->');
    const columns = names({ ...body, text: body.text.slice(0, Math.max(0, arrow)) });
    const target = readTarget({
      text: body.text.slice(arrow + 2),
      offset: body.offset + arrow + 2,
    });
    const isRight = arrow >= 0 && target !== undefined && columns !== undefined;
    if (!isRight || columns.length !== target.columns.length) return wrong;
    return { columns, target };
  }
  const columns = names(body);
  return columns === undefined ? wrong : { columns };
}

/** Names between commas, as they are or in backquotes; undefined when something else is there. */
function names({ text, offset }: HeaderText): HeaderText[] | undefined {
  let at = offset;
  const found: HeaderText[] = [];
  for (const part of text.split(',')) {
    const [, lead = '', plain, quoted] =
      /^(\s*)(?:([A-Za-z_]\w*)|[`"]([^`"]+)[`"])\s*$/.exec(part) ?? [];
    const name = plain ?? quoted;
    if (name === undefined) return undefined;
    found.push({ text: name, offset: at + lead.length });
    at += part.length + 1;
  }
  return found;
}

/** `shop.students.id`, or `shop.classes(id, term)` for several columns. */
function readTarget({ text, offset }: HeaderText): AuditTarget | undefined {
  const [, lead = '', table = '', gap = '', one, many] =
    /^(\s*)(\w+\.\w+)(\.|\s*\()(?:(\w+)\s*|([^()]*)\)\s*)$/.exec(text) ?? [];
  const at = offset + lead.length;
  const isList = gap.endsWith('(');
  if (table === '' || isList === (many === undefined)) return undefined;
  const columns = names({ text: one ?? many ?? '', offset: at + table.length + gap.length });
  return columns && { table: { text: table, offset: at }, columns };
}

/** Words, numbers and texts in quotes between commas; a text in quotes keeps them. */
function splitValues(text: string): string[] | undefined {
  const values: string[] = [];
  const item = /\s*('(?:[^'\\]|\\.|'')*'|[^,']*?)\s*(?:,|$)/y;
  while (item.lastIndex < text.length) {
    const [whole = '', value = ''] = item.exec(text) ?? [];
    if (whole === '' || value === '') return undefined;
    values.push(value);
  }
  return values.length > 0 ? values : undefined;
}
