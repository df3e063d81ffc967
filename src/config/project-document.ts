import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import { type Environment, interpolate } from './interpolation.ts';

export type DataPath = readonly (string | number)[];

/** A finding with the character it is about. */
export interface DocumentProblem {
  readonly offset: number;
  readonly message: string;
  readonly remedy?: string;
}

/**
 * A project file as data whose every value knows its place. `${NAME}` is replaced inside values
 * only, after parsing, so that no variable can change the structure of the file.
 */
export class ProjectDocument {
  /** Whether the text is YAML at all; when not, `data` means nothing. */
  readonly wellFormed: boolean;
  readonly problems: DocumentProblem[] = [];
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #interpolated = new Set<Scalar>();
  readonly #unresolved = new Set<Scalar>();

  constructor(text: string, environment: Environment) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const findings = [...this.#document.errors, ...this.#document.warnings];
    this.wellFormed = findings.length === 0;
    for (const finding of findings) this.problems.push(syntaxProblem(finding));
    if (!this.wellFormed) return;
    visit(this.#document, {
      Scalar: (key, scalar) => {
        if (key !== 'key') this.#interpolate(scalar, text, environment);
      },
    });
  }

  /** The values; throws only for a document whose aliases unfold without end. */
  data(): unknown {
    return this.#document.toJS();
  }

  /** `line:column` of a character, both from 1. */
  lineAndColumn(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${line}:${col}`;
  }

  /** Where the value at `path` stands, or the nearest thing above it that is in the file. */
  offsetOf(path: DataPath): number {
    for (let length = path.length; length > 0; length--) {
      const node = this.#node(path.slice(0, length));
      // `key:` without a value: the place of the key says more than the empty place after it.
      const empty = isScalar(node) && node.value === null && node.source === '';
      if (node?.range && !empty && (length === path.length || isScalar(node))) return node.range[0];
      const key = this.#key(path.slice(0, length));
      if (key?.range) return key.range[0];
      if (node?.range) return node.range[0];
    }
    return this.#document.contents?.range?.[0] ?? 0;
  }

  offsetOfKey(path: DataPath): number {
    return this.#key(path)?.range?.[0] ?? this.offsetOf(path);
  }

  /** Whether the value came from the environment, so that it must not be shown. */
  isInterpolated(path: DataPath): boolean {
    const node = this.#node(path);
    return isScalar(node) && this.#interpolated.has(node);
  }

  /** Whether the value is unknown because a variable is missing; that has been reported already. */
  isUnresolved(path: DataPath): boolean {
    return path.some((_, index) => {
      const node = this.#node(path.slice(0, index + 1));
      return isScalar(node) && this.#unresolved.has(node);
    });
  }

  /** Gives an interpolated value the type wanted; a variable is text by itself. */
  retype(path: DataPath, wanted: 'number' | 'boolean'): boolean {
    const node = this.#node(path);
    if (!isScalar(node) || !this.#interpolated.has(node)) return false;
    const text = String(node.value);
    if (wanted === 'number' && /^-?\d+(\.\d+)?$/.test(text)) node.value = Number(text);
    else if (wanted === 'boolean' && /^(true|false)$/.test(text)) node.value = text === 'true';
    else return false;
    return true;
  }

  #interpolate(scalar: Scalar, text: string, environment: Environment): void {
    if (typeof scalar.value !== 'string' || !scalar.value.includes('${')) return;
    const { text: value, problems } = interpolate(scalar.value, environment);
    const [start, end] = scalar.range ?? [0, 0];
    for (const { reference, ...problem } of problems) {
      const within = Math.max(0, text.slice(start, end).indexOf(reference));
      this.problems.push({ offset: start + within, ...problem });
      this.#unresolved.add(scalar);
    }
    scalar.value = value;
    this.#interpolated.add(scalar);
  }

  #node(path: DataPath): Node | undefined {
    const node = this.#document.getIn(path, true) as Node | undefined;
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #key(path: DataPath): Node | undefined {
    const parent = path.length === 1 ? this.#document.contents : this.#node(path.slice(0, -1));
    if (!isMap(parent)) return undefined;
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && item.key.value === path.at(-1),
    );
    return pair?.key as Node | undefined;
  }
}

function syntaxProblem(error: YAMLError): DocumentProblem {
  const offset = error.pos[0];
  if (error.code === 'TAG_RESOLVE_FAILED') {
    return {
      offset,
      message: 'a value that begins with ! is a YAML tag',
      remedy: "Write it in quotes, as in '!shop.tmp_*'.",
    };
  }
  if (error.code === 'BAD_ALIAS' || /alias/i.test(error.message)) {
    return {
      offset,
      message: `a value that begins with * is a YAML alias (${error.message})`,
      remedy: "Write it in quotes, as in '*.orders'.",
    };
  }
  return { offset, message: `not valid YAML: ${error.message}` };
}
