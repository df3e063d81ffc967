import { type MessageLayout, rowsOfMessage } from '../../change/message-layout.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import { ObjectShape } from './message-shape.ts';

/** Names in the rows that `messageRows` gives; `_x1`, `_x2`, ... are the columns as texts. */
export const names = {
  version: '_v',
  arrival: '_a',
  /** Why the reader could not place the message; NULL as a rule. */
  refusal: '_e',
  /** What the message says that it is: insert, update, delete, ... */
  operation: '_op',
  deleted: '_d',
  /** The message as it came, where a column needs it. */
  raw: 'raw',
  /** Number of the line, where it is asked for. */
  line: 'line_number',
} as const;

export function textName(column: number): string {
  return `_x${column + 1}`;
}

/** A table of rows as texts, made of lines of messages. */
export interface MessageRows {
  /** Type of the whole line. */
  readonly lineType: string;
  /** Query over the lines in `from`, which keeps the columns `keeps` of it. */
  readonly query: (from: string, keeps: readonly string[], where?: string) => string;
  /** SQL of the arguments of a JSON function that lead from the raw line to the row. */
  readonly rowPlace: readonly string[];
  /** Operations that are about rows, and SQL of what is to be passed over; undefined where there are none. */
  readonly operations: readonly string[] | undefined;
  readonly isIgnored: string | undefined;
  /** Whether a row's version may be NULL: the message has to say it. */
  readonly mayLackVersion: boolean;
  /** Each line is one row. */
  readonly isOneToOne: boolean;
}

/** Undefined where two columns cannot both be read: one lies within the other. */
export function messageRows(schema: TableSchema, layout: MessageLayout): MessageRows | undefined {
  const draft = new RowsDraft(schema, layout);
  const rows = builders[layout.format](draft);
  return draft.isPossible ? rows : undefined;
}

/** Of a column: from the row's place, or with an empty name in front from the line. */
export function pathOf(layout: MessageLayout, name: string): readonly string[] {
  return layout.paths?.[name] ?? [name];
}

class RowsDraft {
  readonly layout: MessageLayout;
  readonly message: readonly string[];
  isPossible = true;
  readonly #line = new ObjectShape();
  readonly #columns: readonly { readonly path: readonly string[]; readonly isKey: boolean }[];

  constructor({ columns, key }: TableSchema, layout: MessageLayout) {
    this.layout = layout;
    this.message = layout.hasSchemaBlock ? ['m', 'payload'] : ['m'];
    this.#columns = columns.map(({ name }) => ({
      path: pathOf(layout, name),
      isKey: key.includes(name),
    }));
    // Wanted or not: a message that closes its line and gives it another version is malformed.
    this.want(['v'], 'UInt64');
  }

  get lineType(): string {
    return this.#line.type;
  }

  /** SQL of a field of the line. */
  want(path: readonly string[], type?: string): string {
    if (!this.#line.add(path, type)) this.isPossible = false;
    // The shape grows, but the places of what is in it stay.
    return this.#line.field('line', path);
  }

  /** SQL of a field of the envelope. */
  field(path: readonly string[], type?: string): string {
    return this.want([...this.message, ...path], type);
  }

  /** The fields of an image of the row, or of its key only. */
  image(onlyKey = false): ObjectShape {
    const shape = new ObjectShape();
    for (const { path, isKey } of this.#columns) {
      if (path[0] === '' || (onlyKey && !isKey)) continue;
      if (!shape.addSpelled(path)) this.isPossible = false;
    }
    return shape;
  }

  /** What all formats have. Columns that lie in the line itself are there under names for `texts`. */
  head(): string[] {
    return [
      `${this.want(['a'], 'UInt64')} AS ${names.arrival}`,
      `${this.want(['e'])} AS ${names.refusal}`,
      `${this.#version()} AS ${names.version}`,
      ...this.#columns.flatMap(({ path }, index) =>
        path[0] === '' ? [`${this.want(path.slice(1))} AS _l${index + 1}`] : [],
      ),
    ];
  }

  /** The columns as texts; `text` is for those of the row. */
  texts(text: (path: readonly string[], isKey: boolean) => string): string[] {
    return this.#columns.map(({ path, isKey }, index) => {
      const sql = path[0] === '' ? `_l${index + 1}` : text(path, isKey);
      return `${sql} AS ${textName(index)}`;
    });
  }

  get mayLackVersion(): boolean {
    return this.layout.version !== 'line';
  }

  /** NULL where the message has none. */
  #version(): string {
    switch (this.layout.version) {
      case 'line':
        return this.want(['v'], 'UInt64');
      case 'offset':
        return `toUInt64OrNull(${this.want(['o'])}) * ${this.layout.format === 'canal' ? rowsOfMessage : 1}`;
      case 'lsn':
        return `toUInt64OrNull(${this.field(['source', 'lsn'])})`;
      case 'binlog':
        return this.layout.format === 'maxwell'
          ? binlogVersion(...placeOfText(this.field(['position'])))
          : binlogVersion(
              this.field(['source', 'file']),
              `toUInt64OrNull(${this.field(['source', 'pos'])}) + ` +
                `toUInt64OrZero(ifNull(${this.field(['source', 'row'])}, '0'))`,
            );
    }
  }
}

/** As `packVersion` (change/position.ts) with epoch 0. */
function binlogVersion(file: string, offset: string): string {
  const number = `toUInt64OrNull(substringIndex(${file}, '.', -1))`;
  return (
    `if(${number} < ${2 ** 20} AND ${offset} < ${2 ** 36}, ` +
    `bitOr(bitShiftLeft(${number}, 36), ${offset}), NULL)`
  );
}

/** `mysql-bin.000042:1234`, as Maxwell writes a place. */
function placeOfText(text: string): [string, string] {
  return [`substringIndex(${text}, ':', 1)`, `toUInt64OrNull(substringIndex(${text}, ':', -1))`];
}

const builders: Readonly<Record<MessageLayout['format'], (draft: RowsDraft) => MessageRows>> = {
  json: jsonRows,
  debezium: debeziumRows,
  maxwell: maxwellRows,
  canal: canalRows,
};

/** The message is the row. */
function jsonRows(draft: RowsDraft): MessageRows {
  const image = draft.image();
  const head = [...draft.head(), `${draft.want(draft.message, image.type)} AS _row`];
  const texts = draft.texts((path) => image.spelledField('_row', path));
  return {
    lineType: draft.lineType,
    query: (from, keeps) =>
      `SELECT *, 0 AS ${names.deleted}, ${texts.join(', ')} FROM (${select([...keeps, ...head], from)})`,
    rowPlace: draft.message.map(quoteString),
    operations: undefined,
    isIgnored: undefined,
    mayLackVersion: draft.mayLackVersion,
    isOneToOne: true,
  };
}

/** `{"op": "c" | "r" | "u" | "d", "before": row, "after": row, "source": place}`. */
function debeziumRows(draft: RowsDraft): MessageRows {
  const image = draft.image();
  const [before, after] = ['before', 'after'].map((name) => draft.field([name], image.type));
  const head = [
    ...draft.head(),
    `${draft.field(['op'])} AS ${names.operation}`,
    `toUInt8(ifNull(${names.operation} = 'd', 0)) AS ${names.deleted}`,
    `if(${names.deleted}, ${before}, ${after}) AS _row`,
  ];
  const texts = draft.texts((path) => image.spelledField('_row', path));
  return {
    lineType: draft.lineType,
    query: (from, keeps) =>
      `SELECT *, ${texts.join(', ')} FROM (${select([...keeps, ...head], from)})`,
    rowPlace: [...draft.message.map(quoteString), `if(${names.deleted}, 'before', 'after')`],
    operations: ['c', 'r', 'u', 'd'],
    isIgnored: undefined,
    mayLackVersion: draft.mayLackVersion,
    isOneToOne: true,
  };
}

/** `{"type": "insert" | "update" | "delete" | "bootstrap-...", "data": row, "old": what was changed}`. */
function maxwellRows(draft: RowsDraft): MessageRows {
  const image = draft.image();
  const old = draft.image(true);
  const head = [
    ...draft.head(),
    `${draft.field(['type'])} AS ${names.operation}`,
    `${draft.field(['data'], image.type)} AS _data`,
    `${draft.field(['old'], old.type)} AS _old`,
  ];
  return {
    lineType: draft.lineType,
    query: (from, keeps, where) =>
      withOldKeys(
        draft,
        image,
        old,
        ['update', 'delete'],
        select([...keeps, ...head], from, where),
      ),
    rowPlace: [...draft.message, 'data'].map(quoteString),
    operations: ['insert', 'bootstrap-insert', 'update', 'delete'],
    isIgnored: `ifNull(${names.operation} IN ('bootstrap-start', 'bootstrap-complete'), 0)`,
    mayLackVersion: draft.mayLackVersion,
    isOneToOne: false,
  };
}

/** `{"type": "INSERT" | "UPDATE" | "DELETE", "isDdl": false, "data": [row], "old": [what was changed]}`. */
function canalRows(draft: RowsDraft): MessageRows {
  const image = draft.image();
  const old = draft.image(true);
  const head = [
    ...draft.head(),
    `${draft.field(['type'])} AS ${names.operation}`,
    `${draft.field(['isDdl'])} AS _ddl`,
    `${draft.field(['data'], `Array(${image.type})`)} AS _rows`,
    `${draft.field(['old'], `Array(${old.type})`)} AS _olds`,
    // A message without rows gives one of NULLs, which is then found to be wrong.
    'greatest(1, length(_rows)) AS _count',
  ];
  return {
    lineType: draft.lineType,
    query: (from, keeps, where) => {
      const messages = select([...keeps, ...head], from, where);
      // A key may be left by one row and taken by the next: the order in the message counts.
      const count = `least(_n - 1, ${rowsOfMessage - 1})`;
      const version = `toUInt64(${names.version} + ${count}) AS ${names.version}`;
      const rows =
        `SELECT * REPLACE (${version}), _data, _old, _n FROM (${messages}) ARRAY JOIN ` +
        'arrayResize(_rows, _count) AS _data, arrayResize(_olds, _count) AS _old, range(1, _count + 1) AS _n';
      return withOldKeys(draft, image, old, ['UPDATE', 'DELETE'], rows);
    },
    rowPlace: [...draft.message.map(quoteString), "'data'", '_n'],
    operations: ['INSERT', 'UPDATE', 'DELETE'],
    isIgnored: "ifNull(_ddl = 'true', 0)",
    mayLackVersion: draft.mayLackVersion,
    isOneToOne: false,
  };
}

/**
 * One row for each of `_data`, and in front of an update that changes the key a deleted one with the old
 * key, which `_old` has. `_kind`: 0 row, 1 deleted row, 2 deleted row of the old key.
 */
function withOldKeys(
  draft: RowsDraft,
  image: ObjectShape,
  old: ObjectShape,
  [update, remove]: readonly [string, string],
  from: string,
): string {
  const changes: string[] = [];
  const texts = draft.texts((path, isKey) => {
    const text = image.spelledField('_data', path);
    if (!isKey) return text;
    const before = old.spelledField('_old', path);
    changes.push(`ifNull(${before} != ${text}, 0)`);
    return `if(_kind = 2, ifNull(${before}, ${text}), ${text})`;
  });
  const isMoved = `${names.operation} = ${quoteString(update)} AND (${changes.join(' OR ')})`;
  const isRemoved = `${names.operation} = ${quoteString(remove)}`;
  return (
    `SELECT *, ${texts.join(', ')}, toUInt8(_kind > 0) AS ${names.deleted} ` +
    `FROM (${from}) ARRAY JOIN multiIf(${isRemoved}, [1], ${isMoved}, [2, 0], [0]) AS _kind`
  );
}

function select(columns: readonly string[], from: string, where?: string): string {
  const condition = where === undefined ? '' : ` WHERE ${where}`;
  return `SELECT ${columns.join(', ')} FROM ${from}${condition}`;
}
