/** What to make of the rows of one table. */
export interface RowShape {
  /** Values of a row, the version and the deletion among them. */
  readonly valueCount: number;
  /** Places of the values that are printed as hex digits. */
  readonly binary: ReadonlySet<number>;
  /** Places of the values that a deletion is told. */
  readonly key: readonly number[];
  /** Deleted rows are rows like others. */
  readonly keepsDeleted: boolean;
}

/** Rows as SQL, a character for each byte: see `wireText`. */
export interface RowTexts {
  /** Lists for VALUES: `(1,"a",17),(2,"b",17)`, each up to the limit unless it is a single row. */
  readonly rows: readonly string[];
  /** Of each deleted row the literals of its key and its version. */
  readonly deleted: readonly (readonly string[])[];
}

const quote = 0x22;
const comma = 0x2c;
const space = 0x20;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openParenthesis = 0x28;
const closeParenthesis = 0x29;
const apostrophe = 0x27;
const letterX = 0x58;
const digitOne = 0x31;

/**
 * Lines of JSONCompactEachRow as SQL. The two are nearly the same: JSON's strings are literals for MySQL when its sql_mode has
 * neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES, but for `\f`, `\/` and `\u....`; numbers and null are the same.
 */
export function rowTexts(body: readonly Buffer[], shape: RowShape, limit: number): RowTexts {
  return new RowReader(body.length === 1 && body[0] ? body[0] : Buffer.concat(body), shape).read(
    limit,
  );
}

class RowReader {
  readonly #in: Buffer;
  readonly #out: Buffer;
  readonly #shape: RowShape;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #at = 0;
  #to = 0;

  constructor(body: Buffer, shape: RowShape) {
    this.#in = body;
    // A binary value is a byte longer than its string: `X''` and `""`. It has at least a comma beside it.
    const most = shape.binary.size === 0 ? body.length : Math.ceil((body.length * 4) / 3);
    this.#out = Buffer.allocUnsafe(most);
    this.#shape = shape;
    this.#starts = new Int32Array(shape.valueCount);
    this.#ends = new Int32Array(shape.valueCount);
  }

  read(limit: number): RowTexts {
    const { valueCount, key, keepsDeleted } = this.#shape;
    const version = valueCount - 2;
    const rows: string[] = [];
    const deleted: string[][] = [];
    let from = 0;
    while (this.#at < this.#in.length) {
      const start = this.#to;
      this.#row();
      const isDeleted = this.#out[this.#starts[valueCount - 1] ?? 0] === digitOne;
      if (isDeleted && !keepsDeleted) {
        deleted.push([...key, version].map((place) => this.#value(place)));
        this.#to = start;
        continue;
      }
      const end = this.#ends[keepsDeleted ? valueCount - 1 : version] ?? 0;
      this.#out[end] = closeParenthesis;
      this.#out[end + 1] = comma;
      if (end + 1 - from > limit && start > from) {
        rows.push(this.#out.toString('latin1', from, start - 1));
        from = start;
      }
      this.#to = end + 2;
    }
    if (this.#to > from) rows.push(this.#out.toString('latin1', from, this.#to - 1));
    return { rows, deleted };
  }

  #value(place: number): string {
    return this.#out.toString('latin1', this.#starts[place], this.#ends[place]);
  }

  /** `[1, "a", null]` and a newline as `(1,"a",null)`. */
  #row(): void {
    const body = this.#in;
    const out = this.#out;
    let place = 0;
    if (body[this.#at++] !== openBracket) throw new Error('a line is not a JSON array');
    out[this.#to++] = openParenthesis;
    this.#starts[0] = this.#to;
    for (;;) {
      const byte = body[this.#at++];
      if (byte === quote) {
        if (this.#shape.binary.has(place)) this.#hex();
        else this.#string();
      } else if (byte === comma) {
        this.#ends[place++] = this.#to;
        out[this.#to++] = comma;
        this.#starts[place] = this.#to;
      } else if (byte === closeBracket) {
        this.#ends[place] = this.#to;
        out[this.#to++] = closeParenthesis;
        if (place !== this.#shape.valueCount - 1) throw new Error('a line has other columns');
        this.#at += 1;
        this.#to += 1;
        return;
      } else if (byte === undefined) {
        throw new Error('a line has no end');
      } else if (byte !== space) {
        out[this.#to++] = byte;
      }
    }
  }

  #string(): void {
    const body = this.#in;
    const out = this.#out;
    let at = this.#at;
    let to = this.#to;
    out[to++] = quote;
    for (;;) {
      const byte = body[at++];
      if (byte === undefined) throw new Error('a line ends in a string');
      if (byte !== backslash) {
        out[to++] = byte;
        if (byte === quote) break;
        continue;
      }
      const next = body[at++];
      if (next === 0x75) {
        to += out.write(unescaped(body.toString('latin1', at, at + 4)), to);
        at += 4;
      } else if (next === 0x66) {
        out[to++] = 0x0c;
      } else if (next !== undefined) {
        if (next !== 0x2f) out[to++] = backslash;
        out[to++] = next;
      }
    }
    this.#at = at;
    this.#to = to;
  }

  #hex(): void {
    const end = this.#in.indexOf(quote, this.#at);
    if (end === -1) throw new Error('a line ends in a string');
    this.#out[this.#to++] = letterX;
    this.#out[this.#to++] = apostrophe;
    this.#to += this.#in.copy(this.#out, this.#to, this.#at, end);
    this.#out[this.#to++] = apostrophe;
    this.#at = end + 1;
  }
}

/** Of a character that JSON writes as `\u....`; NUL may not stand in a statement. */
function unescaped(digits: string): string {
  const code = Number.parseInt(digits, 16);
  return code === 0 ? '\\0' : String.fromCharCode(code);
}
