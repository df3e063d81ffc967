import { quoteIdentifier } from '../../engine/sql-quote.ts';

/** Elements of a JSON object: names with a type, or objects in their turn. */
type Elements = Map<string, string | Elements>;

/** A text, of any JSON value: numbers come as they are written. */
export const textType = 'Nullable(String)';

/**
 * The fields of a JSON object that somebody wants, as a Tuple type. ClickHouse passes over all others; a
 * field that is missing, or an object that is null, gives NULL texts.
 */
export class ObjectShape {
  readonly #elements: Elements = new Map();

  /** False when the path leads through a field that is wanted as a whole, or the other way round. */
  add(path: readonly string[], type = textType): boolean {
    let elements = this.#elements;
    for (const name of path.slice(0, -1)) {
      const next = elements.get(name) ?? new Map();
      if (typeof next === 'string') return false;
      elements.set(name, next);
      elements = next;
    }
    const last = path.at(-1) ?? '';
    if (typeof elements.get(last) === 'object') return false;
    elements.set(last, type);
    return true;
  }

  /** The same for a path whose names may be written with escapes. */
  addSpelled(path: readonly string[]): boolean {
    return spellings(path).every((spelling) => this.add(spelling));
  }

  /** SQL of the text at such a path. */
  spelledField(object: string, path: readonly string[]): string {
    const fields = spellings(path).map((spelling) => this.field(object, spelling));
    return fields.length === 1 ? (fields[0] ?? '') : `coalesce(${fields.join(', ')})`;
  }

  get type(): string {
    return tupleOf(this.#elements);
  }

  /** SQL of the field in `object`, by its place: names are anything. */
  field(object: string, path: readonly string[]): string {
    let elements: Elements | string | undefined = this.#elements;
    let sql = object;
    for (const name of path) {
      if (typeof elements !== 'object') break;
      const place = [...elements.keys()].indexOf(name) + 1;
      sql = `tupleElement(${sql}, ${place})`;
      elements = elements.get(name);
    }
    return sql;
  }
}

/**
 * ClickHouse does not decode \u in the names of fields, and many writers of JSON (Python's, for one) escape
 * all that is not ASCII: such a name is looked for in each way that it may be written.
 */
function spellings(path: readonly string[]): readonly (readonly string[])[] {
  const lower = path.map((name) => name.replace(/[^\0-\x7f]/g, escapeUnit));
  if (lower.every((name, index) => name === path[index])) return [path];
  const upper = lower.map((name) =>
    name.replace(/\\u[0-9a-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`),
  );
  const isSame = upper.every((name, index) => name === lower[index]);
  return isSame ? [path, lower] : [path, lower, upper];
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function tupleOf(elements: Elements): string {
  const fields = [...elements].map(
    ([name, type]) => `${quoteIdentifier(name)} ${typeof type === 'string' ? type : tupleOf(type)}`,
  );
  return `Tuple(${fields.join(', ')})`;
}
