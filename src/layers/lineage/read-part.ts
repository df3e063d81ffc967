import type { Span } from '../text/sql-text.ts';
import { type Body, bodyOf, expressionOf, functionName, listOf, nameOf } from './library-tree.ts';
import type { ColumnPart, NameNode, Part, QueryNode, StarPart, WindowNode } from './query-tree.ts';

/** Reads expressions of the parser library's tree; queries inside of them are read by `query`. */
export class PartReader {
  readonly #offsets: (offset: number) => number;
  readonly #query: (node: unknown) => QueryNode | undefined;
  /** Starts of the columns it has come upon. */
  readonly seen = new Set<number>();

  constructor(
    offsets: (offset: number) => number,
    query: (node: unknown) => QueryNode | undefined,
  ) {
    this.#offsets = offsets;
    this.#query = query;
  }

  window(node: unknown): WindowNode {
    const over = bodyOf(node);
    const base = nameOf(over['window_name']);
    const parts = this.list([over['partition_by'], over['order_by'], over['frame']]);
    return { ...(base ? { base } : {}), parts };
  }

  list(nodes: unknown): Part[] {
    const list = Array.isArray(nodes) ? nodes : [nodes];
    return list
      .filter((node) => node !== null && typeof node === 'object')
      .map((node) => this.part(node));
  }

  /** Of anything in an expression; what is no expression of its own gives the parts within. */
  part(node: unknown): Part {
    const [kind, body] = expressionOf(node);
    switch (kind) {
      case 'column':
      case 'dot':
        return this.#column(node) ?? this.#call('tupleElement', body);
      case 'star':
        return this.#star(body);
      case 'apply':
        return this.#applied(body);
      case 'alias':
        return { kind: 'alias', name: nameOf(body['alias']), of: this.part(body['this']) };
      case 'paren':
        return { kind: 'same', of: this.part(body['this']) };
      case 'lambda':
        return {
          kind: 'lambda',
          parameters: listOf(body['parameters']).map(nameOf),
          body: this.part(body['body']),
        };
      case 'window_function':
        return {
          kind: 'window',
          of: this.part(body['this']),
          over: this.window(body['over']),
        };
      case 'case': {
        const whens = listOf(body['whens']).map(listOf);
        const conditions = this.list([body['operand'], ...whens.map(([when]) => when)]);
        const values = this.list([...whens.map(([, then]) => then), body['else_']]);
        return { kind: 'choice', conditions, values };
      }
      case 'if_func': {
        const conditions = this.list([body['condition']]);
        const values = this.list([body['true_value'], body['false_value']]);
        return { kind: 'choice', conditions, values };
      }
      case 'in':
        return this.#in(body);
      case 'literal':
        return body['literal_type'] === 'number'
          ? { kind: 'number', value: Number(body['value']) }
          : { kind: 'call', name: '', parts: [] };
      case undefined:
        return this.#container(Array.isArray(node) ? node : Object.values(bodyOf(node)));
      default: {
        const query = this.#query(node);
        return query ? { kind: 'query', query } : this.#call(functionName(kind, body), body);
      }
    }
  }

  /** Something around expressions that says nothing itself, such as `{this, desc}` in ORDER BY. */
  #container(children: unknown[]): Part {
    const isEmpty = (part: Part) => part.kind === 'call' && part.name === '' && !part.parts.length;
    const parts = children.flatMap((child) => this.list(child)).filter((part) => !isEmpty(part));
    const [only] = parts;
    return parts.length === 1 && only ? only : { kind: 'call', name: '', parts };
  }

  #call(name: string, body: Body): Part {
    const { args, expressions, filter, ...rest } = body;
    if (name.toLowerCase() === 'columns') {
      const [, literal] = expressionOf(listOf(args)[0]);
      if (typeof literal['value'] === 'string') {
        return { ...plainStar, pattern: literal['value'] };
      }
    }
    const children = [args, expressions, ...Object.values(rest)].flatMap((child) =>
      this.list(child),
    );
    const call: Part = { kind: 'call', name, parts: children };
    if (filter === null || filter === undefined) return call;
    return { kind: 'choice', conditions: this.list(filter), values: [call] };
  }

  #in(body: Body): Part {
    const [only, ...others] = this.list(body['expressions']);
    const left = this.part(body['this']);
    const query = this.list(body['query']);
    const isName = others.length === 0 && only?.kind === 'column';
    const right: Part[] = isName
      ? [{ kind: 'set', name: only }]
      : [...(only ? [only] : []), ...others];
    const rest = this.list(body['unnest']);
    return { kind: 'call', name: 'in', parts: [left, ...query, ...right, ...rest] };
  }

  #column(node: unknown): ColumnPart | undefined {
    const [kind, body] = expressionOf(node);
    if (kind === 'dot') {
      const inner = this.#column(body['this']);
      const field = bodyOf(body['field']);
      if (inner === undefined || typeof field['name'] !== 'string') return undefined;
      const end = field['span'] ? this.#span(field['span']).end : inner.end;
      return { ...inner, path: [...inner.path, field['name']], end };
    }
    if (kind !== 'column') return undefined;
    const { start, end } = this.#span(body['span']);
    this.seen.add(start);
    const path = [nameOf(body['table']), nameOf(body['name'])].filter((name) => name !== '');
    return { kind: 'column', path, start, end };
  }

  #star(body: Body): StarPart {
    const qualifier = nameOf(body['table']);
    const replaced = listOf(body['replace']).map((each) => {
      const { this: of, alias } = bodyOf(each);
      return [nameOf(alias), this.part(of)] as const;
    });
    const renamed = listOf(body['rename']).map((pair) => listOf(pair).map(nameOf));
    return {
      ...plainStar,
      ...(qualifier ? { qualifier } : {}),
      except: listOf(body['except']).map(nameOf),
      replace: new Map(replaced),
      rename: new Map(renamed.map(([from = '', to = '']) => [from, to])),
    };
  }

  #applied(body: Body): Part {
    const of = this.part(body['this']);
    const by = this.#column(body['expression']);
    if (of.kind !== 'star') return { kind: 'call', name: 'apply', parts: [of] };
    return { ...of, applied: [...of.applied, by?.path.at(-1) ?? 'APPLY'] };
  }

  name(node: unknown): NameNode {
    const [kind, body] = expressionOf(node);
    const identifier = kind === 'identifier' ? body : bodyOf(node);
    return { name: nameOf(identifier), ...this.#span(identifier['span']) };
  }

  #span(node: unknown): Span {
    const { start, end } = bodyOf(node) as Partial<Span>;
    if (start === undefined || end === undefined) return { start: -1, end: -1 };
    return { start: this.#offsets(start), end: this.#offsets(end) };
  }

  /** Every name and every column anywhere in the tree. */
  namesIn(node: unknown): { names: NameNode[]; columns: NameNode[] } {
    const names: NameNode[] = [];
    const columns: NameNode[] = [];
    const visit = (each: unknown): void => {
      if (Array.isArray(each)) each.forEach(visit);
      if (Array.isArray(each) || typeof each !== 'object' || each === null) return;
      const body = bodyOf(each);
      if (typeof body['name'] === 'string' && body['span']) names.push(this.name(body));
      const [kind, column] = expressionOf(each);
      if (kind === 'column') {
        columns.push({ name: nameOf(column['name']), ...this.#span(column['span']) });
      }
      Object.values(body).forEach(visit);
    };
    visit(node);
    return { names, columns };
  }
}

const plainStar: StarPart = {
  kind: 'star',
  except: [],
  replace: new Map(),
  rename: new Map(),
  applied: [],
};
