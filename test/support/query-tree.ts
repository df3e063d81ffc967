interface TreeNode {
  readonly text: string;
  readonly children: TreeNode[];
}

/** What `EXPLAIN QUERY TREE` says about columns: those behind each output, and all that occur; sorted. */
export interface ReadQueryTree {
  readonly outputs: readonly (readonly string[])[];
  readonly all: readonly string[];
}

/** Reads the engine's tree by its indentation; nodes refer to one another by number. */
export function readQueryTree(lines: readonly string[]): ReadQueryTree {
  const root: TreeNode = { text: '', children: [] };
  const open = [root];
  for (const line of lines) {
    const depth = (line.length - line.trimStart().length) / 2;
    const node: TreeNode = { text: line.trim(), children: [] };
    open.length = depth + 1;
    open[depth]?.children.push(node);
    open.push(node);
  }
  const byId = new Map<string, TreeNode>();
  for (const node of descendants(root)) {
    const [, id] = /^[A-Z_]+ id: (\d+)/.exec(node.text) ?? [];
    // A node that occurs again is listed without what is in it.
    if (id !== undefined && !byId.get(id)?.children.length) byId.set(id, node);
  }
  const columns = new ColumnReader(byId);
  const [query] = root.children;
  if (query === undefined) throw new Error('the engine gave no query tree');
  const all = descendants(query).flatMap((node) => columns.of(node));
  return { outputs: columns.outputs(query).map(sorted), all: sorted(all) };
}

class ColumnReader {
  readonly #byId: ReadonlyMap<string, TreeNode>;
  readonly #known = new Map<TreeNode, string[][]>();

  constructor(byId: ReadonlyMap<string, TreeNode>) {
    this.#byId = byId;
  }

  /** Columns of tables behind each output of a QUERY or UNION. */
  outputs(query: TreeNode): string[][] {
    const outputs = this.#known.get(query) ?? this.#outputs(query);
    this.#known.set(query, outputs);
    return outputs;
  }

  #outputs(query: TreeNode): string[][] {
    const isUnion = query.text.startsWith('UNION');
    const list = part(query, isUnion ? 'QUERIES' : 'PROJECTION')?.children[0]?.children ?? [];
    if (!isUnion) return list.map((item) => this.#within(item));
    const isMinus = query.text.includes('union_mode: EXCEPT');
    const branches = list
      .slice(0, isMinus ? 1 : list.length)
      .map((each) => this.outputs(this.#whole(each)));
    return (branches[0] ?? []).map((_, index) => branches.flatMap((branch) => branch[index] ?? []));
  }

  /** Of one COLUMN node: the table's column it is, or those behind the output of a query that it is. */
  of(node: TreeNode): string[] {
    const [, column, source] =
      /^COLUMN .*?column_name: (.*?), result_type: .*source_id: (\d+)/.exec(node.text) ?? [];
    const from = source === undefined ? undefined : this.#byId.get(source);
    if (column === undefined || from === undefined) return [];
    const [, table] = /^TABLE .*table_name: (\S+)/.exec(from.text) ?? [];
    // `pair.left` is a part of the column `pair`.
    if (table !== undefined) return [`${table}.${column.split('.')[0]}`];
    if (from.text.startsWith('ARRAY_JOIN')) {
      return descendants(part(from, 'JOIN EXPRESSIONS') ?? from).flatMap((each) =>
        each === node ? [] : this.#plain(each),
      );
    }
    if (!/^(QUERY|UNION)/.test(from.text)) return [];
    const first = from.text.startsWith('UNION')
      ? this.#whole(part(from, 'QUERIES')?.children[0]?.children[0])
      : from;
    const names = (part(first, 'PROJECTION COLUMNS')?.children ?? []).map(({ text }) => text);
    const index = names.findIndex((name) => name.startsWith(`${column} `));
    return this.outputs(from)[index] ?? [];
  }

  #plain(node: TreeNode): string[] {
    return /source_id/.test(node.text) && !/ARRAY_JOIN/.test(this.#sourceText(node))
      ? this.of(node)
      : [];
  }

  #sourceText(node: TreeNode): string {
    const [, source = ''] = /source_id: (\d+)/.exec(node.text) ?? [];
    return this.#byId.get(source)?.text ?? '';
  }

  #within(item: TreeNode): string[] {
    return [item, ...descendants(item)].flatMap((node) => this.of(node));
  }

  #whole(node: TreeNode | undefined): TreeNode {
    const [, id = ''] = /id: (\d+)/.exec(node?.text ?? '') ?? [];
    const found = this.#byId.get(id) ?? node;
    if (found === undefined) throw new Error('the query tree of the engine has a hole');
    return found;
  }
}

function part(node: TreeNode, title: string): TreeNode | undefined {
  return node.children.find(({ text }) => text === title);
}

function descendants(node: TreeNode): TreeNode[] {
  return node.children.flatMap((child) => [child, ...descendants(child)]);
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
