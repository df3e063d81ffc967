import type { ValueEncoding } from '../change/message-layout.ts';
import { type Column, type TableSchema, valueBytes } from '../change/table-schema.ts';
import { JsonCode, reload } from './json-code.ts';
import { runtime } from './runtime.ts';
import { addValue, type ValueStyle } from './value-code.ts';

/** V8 leaves a function that is too long unoptimised: so many columns are written by one. */
const columnsPerFunction = 24;

/** How a format writes the columns of a table. */
export interface RowForm {
  readonly schema: TableSchema;
  readonly style: ValueStyle;
  encoding(column: Column): ValueEncoding;
}

/** Writes an object whose members are columns: a function of generated code. */
export interface ObjectFunction {
  readonly name: string;
  /** Bytes it may write beside the values' own. */
  readonly room: number;
}

/**
 * The functions generated for one schema and format. Places of an image's columns are in an
 * Int32Array: two numbers each, start (-1 for NULL) and length.
 */
export class RowCode {
  readonly form: RowForm;
  readonly #constants: unknown[] = [];
  readonly #functions: string[] = [];
  #names = 0;

  constructor(form: RowForm) {
    this.form = form;
  }

  code(): JsonCode {
    return new JsonCode(this.#constants);
  }

  /** `name(b, v, p, s)`: notes where the columns of the image at `p` are; returns the place behind it. */
  addWalk(): string {
    const parts = this.form.schema.columns.map(({ type, nullable }, index) => {
      const size = valueBytes(type);
      const start = `s[${index * 2}] = p;`;
      const length = `s[${index * 2 + 1}] = `;
      const known =
        size === undefined
          ? `n = b[p++];
            if (n > 127) {
              n = readLength(b, p - 1);
              p += n < 16384 ? 1 : n < 2097152 ? 2 : n < 268435456 ? 3 : 4;
            }
            ${start} ${length} n; p += n;`
          : `${start} ${length} ${size}; p += ${size};`;
      return nullable ? `if (b[p++] !== 0) s[${index * 2}] = -1; else { ${known} }` : known;
    });
    const steps = chunks(parts, 64).map((some) =>
      this.#add('b, v, p, s', `let n = 0; ${some.join('\n')} return p;`),
    );
    const calls = steps.map((name) => `p = ${name}(b, v, p, s);`);
    return this.#add('b, v, p, s', `${calls.join(' ')} return p;`);
  }

  /** `name(w, b, v, s, r)`: these columns of an image, `{"name":value,...}`; `head` in place of the brace. */
  addObject(columns: readonly Column[], label = nameOf, head = '{'): ObjectFunction {
    const parts = columns.map((column, index) => {
      const code = this.code();
      code.text(`${index === 0 ? head : ','}${JSON.stringify(label(column))}:`);
      if (column.nullable) {
        code.run(`p = s[${this.#place(column)}];`);
        code.choose('p < 0', code.inner().text('null'), this.#value(code.inner(), column));
      } else {
        code.run(`p = s[${this.#place(column)}];`);
        this.#value(code, column);
      }
      return code;
    });
    return this.#addParts('w, b, v, s, r', parts, this.code().text('}'));
  }

  /** `name(w, b, v, s, t, r)`: the columns in which image `s` differs from `t`, with the values of `s`. */
  addDifferences(columns: readonly Column[]): ObjectFunction {
    const parts = columns.map((column) => {
      const place = this.#place(column);
      const code = this.code();
      const name = `${JSON.stringify(column.name)}:`;
      const value = code.inner().run(`o[q++] = x === 0 ? 123 : 44; x = 1;`, 1).text(name);
      value.run(`p = s[${place}];`);
      if (column.nullable) {
        value.choose('p < 0', code.inner().text('null'), this.#value(code.inner(), column));
      } else {
        this.#value(value, column);
      }
      const test = `differs(b, s[${place}], s[${place + 1}], t[${place}], t[${place + 1}])`;
      return code.choose(test, value, code.inner());
    });
    const end = this.code().run('if (x === 0) o[q++] = 123;', 1).text('}');
    return this.#addParts('w, b, v, s, t, r', parts, end);
  }

  /** `name(...parameters)`: `code` around its own variables. */
  addFunction(parameters: string, code: JsonCode): string {
    return this.#add(parameters, `let x = 0; ${frame([code])}`);
  }

  /** All functions of `exports`, by the names given there. */
  compile<T>(exports: Readonly<Record<keyof T & string, string>>): T {
    const names = Object.keys(runtime).join(', ');
    const members = Object.entries(exports).map(([name, inside]) => `${name}: ${inside}`);
    const source = `'use strict'; const { ${names} } = J;
      ${this.#functions.join('\n')}
      return { ${members.join(', ')} };`;
    return new Function('J', 'C', source)(runtime, this.#constants) as T;
  }

  #value(code: JsonCode, column: Column): JsonCode {
    if (valueBytes(column.type) === undefined) code.run(`n = s[${this.#place(column) + 1}];`);
    addValue(code, column, this.form.encoding(column), this.form.style);
    return code;
  }

  #place(column: Column): number {
    return this.form.schema.columns.indexOf(column) * 2;
  }

  /** A function for every few parts and one that calls them; `x` is handed on from one to the next. */
  #addParts(parameters: string, parts: readonly JsonCode[], end: JsonCode): ObjectFunction {
    const calls = chunks(parts, columnsPerFunction).map((some) => {
      const name = this.#add(`${parameters}, x`, `${frame(some)} return x;`);
      return `x = ${name}(${parameters}, x);`;
    });
    const text = `let x = 0; ${calls.join(' ')} ${frame([end])}`;
    const room = [...parts, end].reduce((sum, part) => sum + part.room, 0);
    return { name: this.#add(parameters, text), room };
  }

  #add(parameters: string, text: string): string {
    const name = `f${this.#names++}`;
    this.#functions.push(`function ${name}(${parameters}) { ${text} }`);
    return name;
  }
}

function nameOf({ name }: Column): string {
  return name;
}

/** The variables around parts that write. */
function frame(parts: readonly JsonCode[]): string {
  return `let ${reload.replaceAll(';', ',')} p = 0, n = 0, y = 0; ${parts.join('\n')} w.offset = q;`;
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, index) => all.slice(index * size, (index + 1) * size));
}
