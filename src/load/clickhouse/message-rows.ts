import type { MessageLayout } from '../../change/message-layout.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import { ObjectShape } from './message-shape.ts';

/** Names in the rows that `messageRows` gives; `_x1`, `_x2`, ... are the columns as texts. */
export const names = {
  version: '_v',
  arrival: '_a',
  /** Why the reader could not place the message; NULL as a rule. */
  refusal: '_e',
  /** What is wrong with the envelope; empty as a rule. */
  wrong: '_w',
  /** 1: the message is none about rows. */
  ignored: '_i',
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
  /** Query over the lines in `from`; `extra` are columns of `from` to be kept. */
  readonly query: (from: string, options: RowsOptions) => string;
  /** SQL of the arguments of a JSON function that lead from the raw line to the row. */
  readonly rowPlace: readonly string[];
  /** Each line is one row. */
  readonly isOneToOne: boolean;
  /** Rows may be deleted ones. */
  readonly hasDeletes: boolean;
}

export interface RowsOptions {
  readonly keeps: readonly string[];
  /** Leaves out what is not about rows. */
  readonly withoutIgnored: boolean;
}

/** Undefined where two columns cannot both be read: one lies within the other. */
export function messageRows(schema: TableSchema, layout: MessageLayout): MessageRows | undefined {
  const draft = new RowsDraft(schema, layout);
  const rows = builders[layout.format](draft);
  return draft.isPossible ? rows : undefined;
}

/** The path of a column from the row's place, or from the line. */
function pathOf(layout: MessageLayout, name: string): readonly string[] {
  return layout.paths?.[name] ?? [name];
}

class RowsDraft {
  readonly layout: MessageLayout;
  readonly line = new ObjectShape();
  readonly message: readonly string[];
  isPossible = true;
  readonly #columns: readonly { readonly path: readonly string[]; readonly isKey: boolean }[];

  constructor({ columns, key }: TableSchema, layout: MessageLayout) {
    this.layout = layout;
    this.message = layout.hasSchemaBlock ? ['m', 'payload'] : ['m'];
    this.#columns = columns.map(({ name }) => ({
      path: pathOf(layout, name),
      isKey: key.includes(name),
    }));
    this.line.add(['v'], 'UInt64');
    this.line.add(['a'], 'UInt64');
    this.line.add(['e']);
  }

  /** A field of the line; SQL of it. */
  want(path: readonly string[], type?: string): string {
    if (!this.line.add(path, type)) this.isPossible = false;
    // The shape grows, but the places of what is in it stay.
    return this.line.field('line', path);
  }

  /** A field of the envelope; SQL of it. */
  field(...path: readonly string[]): string {
    return this.want([...this.message, ...path]);
  }

  /** The fields of an image of the row, or of its key only, as a type of its own. */
  image(onlyKey = false): ObjectShape {
    const shape = new ObjectShape();
    for (const { path, isKey } of this.#columns) {
      if (path[0] === '' || (onlyKey && !isKey)) continue;
      if (!shape.add(path)) this.isPossible = false;
    }
    return shape;
  }

  /** The columns as texts; those of the line itself are the same whatever the row's place is. */
  texts(sql: (path: readonly string[], isKey: boolean) => string): string[] {
    return this.#columns.map(({ path, isKey }, index) => {
      const text = path[0] === '' ? `_l${index + 1}` : sql(path, isKey);
      return `${text} AS ${textName(index)}`;
    });
  }

  /** Columns that lie in the line itself, under names that `texts` expects. */
  lineTexts(): string[] {
    return this.#columns.flatMap(({ path }, index) =>
      path[0] === '' ? [`${this.want(path.slice(1))} AS _l${index + 1}`] : [],
    );
  }

  /** What all formats have; `wrong` is SQL of a text. */
  head(wrong: string, ignored = '0'): string[] {
    return [
      `${this.line.field('line', ['v'])} AS _v0`,
      `${this.line.field('line', ['a'])} AS ${names.arrival}`,
      `${this.line.field('line', ['e'])} AS ${names.refusal}`,
      `${wrong} AS ${names.wrong}`,
      `toUInt8(${ignored}) AS ${names.ignored}`,
    ];
  }

  /** SQL of the row's version over the names of `head`; NULL where the message has none. */
  version(): string {
    switch (this.layout.version) {
      case 'line':
        return '_v0';
      case 'offset':
        return `toUInt64OrNull(${this.want(['o'])})`;
      case 'lsn':
        return `toUInt64OrNull(${this.field('source', 'lsn')})`;
      case 'binlog':
        return this.layout.format === 'maxwell'
          ? binlogVersion(...placeOfText(this.field('position')))
          : binlogVersion(
              this.field('source', 'file'),
              `toUInt64OrNull(${this.field('source', 'pos')}) + ` +
                `toUInt64OrZero(ifNull(${this.field('source', 'row')}, '0'))`,
            );
    }
  }
}

/** As `packVersion` (change/position.ts) with epoch 0. */
function binlogVersion(file: string, offset: string): string {
  const number = `toUInt64OrNull(substring(${file}, length(${file}) - position(reverse(${file}), '.') + 2))`;
  return (
    `if(${number} < ${2 ** 20} AND ${offset} < ${2 ** 36}, ` +
    `bitOr(bitShiftLeft(${number}, 36), ${offset}), NULL)`
  );
}

/** `mysql-bin.000042:1234`, as Maxwell writes a place. */
function placeOfText(text: string): [string, string] {
  const colon = `position(${text}, ':')`;
  return [
    `substring(${text}, 1, ${colon} - 1)`,
    `toUInt64OrNull(substring(${text}, ${colon} + 1))`,
  ];
}

const builders: Readonly<Record<MessageLayout['format'], (draft: RowsDraft) => MessageRows>> = {
  json: jsonRows,
  debezium: debeziumRows,
  maxwell: maxwellRows,
  canal: canalRows,
};

/** The message is the row. */
function jsonRows(draft: RowsDraft): MessageRows {
  const texts = draft.texts((path) => draft.field(...path));
  const columns = [...draft.lineTexts(), ...draft.head("''"), `0 AS ${names.deleted}`, ...texts];
  const version = `${draft.version()} AS ${names.version}`;
  return {
    lineType: draft.line.type,
    query: (from, { keeps }) => select([...keeps, ...columns, version], from),
    rowPlace: draft.message.map(quoteString),
    isOneToOne: true,
    hasDeletes: false,
  };
}

/** `{"op": "c" | "r" | "u" | "d", "before": row, "after": row, "source": place}`. */
function debeziumRows(draft: RowsDraft): MessageRows {
  const operation = draft.field('op');
  const texts = draft.texts(
    (path) =>
      `if(${names.deleted}, ${draft.field('before', ...path)}, ${draft.field('after', ...path)})`,
  );
  const columns = [
    ...draft.lineTexts(),
    `${operation} AS _op`,
    ...draft.head(unlessIn('_op', ['c', 'r', 'u', 'd'], 'op')),
    `toUInt8(ifNull(_op = 'd', 0)) AS ${names.deleted}`,
    ...texts,
    `${draft.version()} AS ${names.version}`,
  ];
  return {
    lineType: draft.line.type,
    query: (from, { keeps }) => select([...keeps, ...columns], from),
    rowPlace: [...draft.message.map(quoteString), `if(${names.deleted}, 'before', 'after')`],
    isOneToOne: true,
    hasDeletes: true,
  };
}

/** `{"type": "insert" | "update" | "delete" | "bootstrap-...", "data": row, "old": what was changed}`. */
function maxwellRows(draft: RowsDraft): MessageRows {
  const image = draft.image();
  const old = draft.image(true);
  const columns = [
    ...draft.lineTexts(),
    `${draft.field('type')} AS _op`,
    ...draft.head(
      unlessIn('_op', ['insert', 'bootstrap-insert', 'update', 'delete'], 'type'),
      "ifNull(_op IN ('bootstrap-start', 'bootstrap-complete'), 0)",
    ),
    `${draft.want([...draft.message, 'data'], image.type)} AS _data`,
    `${draft.want([...draft.message, 'old'], old.type)} AS _old`,
    `${draft.version()} AS ${names.version}`,
  ];
  return {
    lineType: draft.line.type,
    query: (from, options) =>
      withOldKeys(draft, image, old, ['update', 'delete'], () =>
        select([...options.keeps, ...columns], from, options.withoutIgnored),
      ),
    rowPlace: [...draft.message, 'data'].map(quoteString),
    isOneToOne: false,
    hasDeletes: true,
  };
}

/** `{"type": "INSERT" | "UPDATE" | "DELETE", "isDdl": false, "data": [row], "old": [what was changed]}`. */
function canalRows(draft: RowsDraft): MessageRows {
  const image = draft.image();
  const old = draft.image(true);
  const columns = [
    ...draft.lineTexts(),
    `${draft.field('type')} AS _op`,
    ...draft.head(
      unlessIn('_op', ['INSERT', 'UPDATE', 'DELETE'], 'type'),
      `ifNull(${draft.field('isDdl')} = 'true', 0)`,
    ),
    `${draft.want([...draft.message, 'data'], `Array(${image.type})`)} AS _rows`,
    `${draft.want([...draft.message, 'old'], `Array(${old.type})`)} AS _olds`,
    `${draft.version()} AS ${names.version}`,
  ];
  // A message without rows gives one of NULLs, which is then found to be wrong.
  const count = 'greatest(1, length(_rows))';
  return {
    lineType: draft.line.type,
    query: (from, options) =>
      withOldKeys(draft, image, old, ['UPDATE', 'DELETE'], () => {
        const messages = select([...options.keeps, ...columns], from, options.withoutIgnored);
        return (
          `SELECT *, _data, _old, _n FROM (${messages}) ARRAY JOIN arrayResize(_rows, ${count}) AS _data, ` +
          `arrayResize(_olds, ${count}) AS _old, range(1, ${count} + 1) AS _n`
        );
      }),
    rowPlace: [...draft.message.map(quoteString), "'data'", '_n'],
    isOneToOne: false,
    hasDeletes: true,
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
  query: () => string,
): string {
  const changes: string[] = [];
  const texts = draft.texts((path, isKey) => {
    const text = image.field('_data', path);
    if (!isKey) return text;
    const before = old.field('_old', path);
    changes.push(`ifNull(${before} != ${text}, 0)`);
    return `if(_kind = 2, ifNull(${before}, ${text}), ${text})`;
  });
  const isMoved = `_op = ${quoteString(update)} AND (${changes.join(' OR ')})`;
  const kinds = `multiIf(_op = ${quoteString(remove)}, [1], ${isMoved}, [2, 0], [0])`;
  return (
    `SELECT *, ${texts.join(', ')}, toUInt8(_kind > 0) AS ${names.deleted} ` +
    `FROM (${query()}) ARRAY JOIN ${kinds} AS _kind`
  );
}

function unlessIn(text: string, known: readonly string[], name: string): string {
  const list = known.map(quoteString).join(', ');
  const why = quoteString(` is none of ${known.join(', ')}`);
  return `if(ifNull(${text} IN (${list}), 0), '', concat('${name} ', ifNull(leftUTF8(${text}, 60), 'null'), ${why}))`;
}

function select(columns: readonly string[], from: string, withoutIgnored = false): string {
  const where = withoutIgnored ? ` WHERE NOT ${names.ignored}` : '';
  return `SELECT ${columns.join(', ')} FROM ${from}${where}`;
}
