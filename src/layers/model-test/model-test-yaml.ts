import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import type { Problem } from '../../errors.ts';
import { nearestName } from '../../lib/nearest-name.ts';

/** A value as a test file has it: its own text, so that no digit is lost. */
export interface TestValue {
  readonly form: 'null' | 'text' | 'number' | 'boolean' | 'json';
  readonly text: string;
}

/** A node of the file with the name it has there; of a list, the name is the place in it. */
export interface YamlEntry {
  readonly name: string;
  /** `file:line:column` of the name. */
  readonly where: string;
  readonly node: YamlNode;
}

export type YamlNode = Node | null | undefined;

/**
 * A YAML file read node by node, so that each mistake has its place. Anchors, aliases and `<<` are
 * followed. Reading goes on after a mistake; `problems` has all of them.
 */
export class TestYaml {
  readonly problems: Problem[] = [];
  readonly root: YamlNode;
  readonly #file: string;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(text: string, file: string) {
    this.#file = file;
    const options = { lineCounter: this.#lines, prettyErrors: false, keepSourceTokens: false };
    this.#document = parseDocument(text, options);
    this.root = this.#document.contents;
    for (const { pos, message } of [...this.#document.errors, ...this.#document.warnings]) {
      this.report(this.#place(pos[0]), `This is not valid YAML: ${message}.`);
    }
  }

  get isWellFormed(): boolean {
    return this.#document.errors.length === 0;
  }

  where(node: YamlNode): string {
    return this.#place(node?.range?.[0] ?? 0);
  }

  report(where: string, message: string, remedy?: string): void {
    const problem = { code: 'CDC_LAYERS_INVALID', where, message, severity: 'error' } as const;
    this.problems.push(remedy === undefined ? problem : { ...problem, remedy });
  }

  /** The entries of a mapping; `known` are the only names it may have. */
  entries(node: YamlNode, what: string, known?: readonly string[]): YamlEntry[] {
    const found = this.#resolve(node);
    if (found === null || found === undefined || (isScalar(found) && found.value === null)) {
      return [];
    }
    if (!isMap(found)) {
      this.report(this.where(node), `${what} must be a mapping (\`name: value\` on each line).`);
      return [];
    }
    const entries = new Map<string, YamlEntry>();
    for (const { key, value } of found.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const where = this.where(key as YamlNode);
      if (name === '<<') {
        const merged = this.#resolve(value as YamlNode);
        const parts = isSeq(merged) ? (merged.items as YamlNode[]) : [merged];
        for (const entry of parts.flatMap((part) => this.entries(part, what, known))) {
          if (!entries.has(entry.name)) entries.set(entry.name, entry);
        }
      } else if (known !== undefined && !known.includes(name)) {
        this.report(
          where,
          `${what} has no key ${name}.`,
          hint(name, known) ?? `Known are ${known.join(', ')}.`,
        );
      } else {
        entries.set(name, { name, where, node: value as YamlNode });
      }
    }
    return [...entries.values()];
  }

  /** The items of a list; undefined when it is something else. */
  items(node: YamlNode): YamlNode[] | undefined {
    const found = this.#resolve(node);
    return isSeq(found) ? (found.items as YamlNode[]) : undefined;
  }

  /** One word, or a list of them. */
  words(node: YamlNode, what: string): string[] {
    const found = this.items(node) ?? [node];
    return found.flatMap((item) => {
      const { form, text } = this.value(item);
      if (form === 'text' || form === 'number') return [text];
      this.report(this.where(item ?? node), `${what} must be a name or a list of names.`);
      return [];
    });
  }

  value(node: YamlNode): TestValue {
    const found = this.#resolve(node);
    if (found === null || found === undefined) return { form: 'null', text: '' };
    if (!isScalar(found)) {
      return { form: 'json', text: JSON.stringify(found.toJS(this.#document)) };
    }
    const { value, source } = found;
    if (value === null) return { form: 'null', text: '' };
    if (typeof value === 'number' || typeof value === 'bigint') {
      return { form: 'number', text: source ?? String(value) };
    }
    if (typeof value === 'boolean') return { form: 'boolean', text: String(value) };
    return { form: 'text', text: String(value) };
  }

  isMapping(node: YamlNode): boolean {
    return isMap(this.#resolve(node));
  }

  #resolve(node: YamlNode): YamlNode {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#file}:${line}:${col}`;
  }
}

/** `Did you mean "x"?`, when one of the names is near. */
export function hint(name: string, candidates: Iterable<string>): string | undefined {
  const near = nearestName(name, candidates);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}
