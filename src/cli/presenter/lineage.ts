import {
  type LineageEdge,
  type LineageTable,
  nodeKey,
} from '../../layers/lineage/lineage-graph.ts';
import type { Influence } from '../../layers/lineage/origin.ts';
import { groupBy } from '../../lib/group-by.ts';
import type { LineageReport } from '../../pipeline/lineage.ts';
import { renderProblem } from '../render-error.ts';
import { printable, truncateToWidth } from './display-width.ts';
import { isSameTable } from './lineage-picture.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

type Node = LineageEdge['to'];

/** What an arrow means, in front of the column; nothing where the value itself goes in. */
const words: Readonly<Record<Influence, string>> = {
  identity: '',
  transformation: '',
  aggregation: '',
  condition: 'chooses: ',
  window: 'window: ',
  join: 'join: ',
  filter: 'filter: ',
  group: 'group: ',
  order: 'order: ',
};

const expressionWidth = 70;

/** Trees of columns: what each is made of, and what is made of it; then what decides which rows there are. */
export function renderLineage(report: LineageReport, style: Style): string {
  const { start, doubts, problems } = report;
  const tree = new LineageTree(report, style);
  const parts =
    start === undefined ? [tree.tables()] : [tree.columns(), tree.rows(), tree.decides()];
  const notes = doubts.map(({ where, message }) => {
    return `${style.yellow('not certain')} ${where} ${printable(message)}\n`;
  });
  return [
    ...parts.filter((part) => part !== ''),
    notes.join(''),
    problems.map((problem) => renderProblem(problem, style)).join(''),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

class LineageTree {
  readonly #report: LineageReport;
  readonly #style: Style;
  readonly #tables = new Map<string, LineageTable>();

  constructor(report: LineageReport, style: Style) {
    this.#report = report;
    this.#style = style;
    for (const table of report.tables) {
      this.#tables.set(nodeKey({ kind: table.kind, table: table.name }), table);
    }
  }

  /** Who reads whom, from the tables that nobody reads downwards. */
  tables(): string {
    const { tables, edges } = this.#report;
    const key = ({ kind, table }: Node) => nodeKey({ kind, table });
    const below = new Map<string, Set<string>>();
    for (const { from, to } of edges) {
      const read = below.get(key(to));
      if (read === undefined) below.set(key(to), new Set([key(from)]));
      else read.add(key(from));
    }
    const isRead = new Set([...below.values()].flatMap((read) => [...read]));
    const tops = tables.filter((table) => {
      const own = nodeKey({ kind: table.kind, table: table.name });
      return table.kind !== 'source' && !isRead.has(own);
    });
    const shown = new Set<string>();
    const lines = tops.flatMap((top) => {
      const label = (own: string) => this.#tableLabel(own);
      const children = (own: string) =>
        [...(below.get(own) ?? [])].filter((each) => !this.#isSame(each, own));
      return renderTree(nodeKey({ kind: top.kind, table: top.name }), label, children, shown);
    });
    return lines.map((line) => `${line}\n`).join('');
  }

  columns(): string {
    const { start, edges } = this.#report;
    if (start === undefined) return '';
    const table = this.#tables.get(nodeKey({ kind: start.kind, table: start.table }));
    const names =
      start.column === undefined ? (table?.columns ?? []).map(({ name }) => name) : [start.column];
    const nodes = names.map((column): Node => ({ kind: start.kind, table: start.table, column }));
    const values = edges.filter(({ to }) => to.column !== undefined);
    const trees = nodes.map((node) => {
      const up = this.#tree(node, values, 'up');
      const down = this.#tree(node, values, 'down');
      const [title = ''] = up.length > 1 ? up : down;
      const sections = [
        ...(up.length > 1 ? [this.#style.dim('made of'), ...up.slice(1)] : []),
        ...(down.length > 1 ? [this.#style.dim('goes into'), ...down.slice(1)] : []),
      ];
      const isAlone = sections.length === 0 && names.length === 1;
      const nothing = isAlone ? ['nothing is made of it, and it is made of no column'] : [];
      return [title, ...sections, ...nothing].map((line) => `${line}\n`).join('');
    });
    return trees.join(names.length > 1 ? '' : '\n');
  }

  /** What decides the rows of the start and of the models above it in the tree. */
  rows(): string {
    const { start, edges } = this.#report;
    const upper = new Set([start?.table]);
    for (let size = -1; size < upper.size; ) {
      size = upper.size;
      for (const { from, to } of edges) if (upper.has(to.table)) upper.add(from.table);
    }
    const deciding = edges.filter(({ to }) => to.column === undefined && upper.has(to.table));
    return this.#decisions('which rows there are is decided by', deciding, -1);
  }

  decides(): string {
    const { start, edges, rowsOf } = this.#report;
    const lower = new Set<string>(start === undefined ? [] : [start.table]);
    for (let size = -1; size < lower.size; ) {
      size = lower.size;
      for (const { from, to } of edges) {
        if (lower.has(from.table) && to.column !== undefined) lower.add(to.table);
      }
    }
    const own = edges.filter(
      ({ from, to }) =>
        to.column === undefined && lower.has(from.table) && rowsOf.includes(to.table),
    );
    const text = this.#decisions('it decides which rows there are', own, 1);
    const further = rowsOf.filter((table) => !own.some(({ to }) => to.table === table));
    if (text === '' || further.length === 0) return text;
    return `${text}${this.#style.dim(`and so in what reads them: ${further.join(', ')}`)}\n`;
  }

  /** A table of uses, by model in the order of the flow or against it. */
  #decisions(title: string, edges: readonly LineageEdge[], sign: 1 | -1): string {
    if (edges.length === 0) return '';
    const order = this.#report.tables.map(({ name }) => name);
    const place = ({ to }: LineageEdge) => sign * order.indexOf(to.table);
    const sorted = edges.toSorted((left, right) => place(left) - place(right));
    const rows = sorted.map((edge, index) => [
      sorted[index - 1]?.to.table === edge.to.table ? '' : printable(edge.to.table),
      `${edge.influence}${edge.isUncertain ? ' (perhaps)' : ''}`,
      printable(nameOf(edge.from)),
      printable(edge.at ?? ''),
    ]);
    const columns = [{ title: 'rows of' }, { title: 'by' }, { title: 'column' }, { title: 'at' }];
    return `${title}\n${renderTable(columns, rows, this.#style)}`;
  }

  #tree(node: Node, edges: readonly LineageEdge[], direction: 'up' | 'down'): string[] {
    const byKey = groupBy(edges, ({ from, to }) => nodeKey(direction === 'up' ? to : from));
    const nodes = new Map<string, Node>([[nodeKey(node), node]]);
    const marks = new Map<string, string>();
    const children = (key: string) => {
      const found = (byKey.get(key) ?? []).flatMap((edge) => {
        const other = direction === 'up' ? edge.from : edge.to;
        if (isSameTable(edge.from, edge.to)) return [];
        const own = `${nodeKey(other)}${markOf(edge)}`;
        nodes.set(own, other);
        nodes.set(nodeKey(other), other);
        marks.set(own, markOf(edge));
        return own;
      });
      return [...new Set(found)];
    };
    const label = (key: string) => `${marks.get(key) ?? ''}${this.#columnLabel(nodes.get(key))}`;
    const below = (key: string) => children(nodeKey(nodes.get(key) ?? node));
    return renderTree(nodeKey(node), label, below, new Set());
  }

  #columnLabel(node: Node | undefined): string {
    if (node === undefined) return '';
    const table = this.#tables.get(nodeKey({ kind: node.kind, table: node.table }));
    const column = table?.columns.find(({ name }) => name === node.column);
    const name = `${printable(nameOf(node))}`;
    if (node.kind === 'source') {
      return `${this.#style.bold(name)} ${this.#style.dim(`${column?.type ?? ''} in the source`)}`;
    }
    if (node.kind === 'table')
      return `${this.#style.bold(name)} ${this.#style.dim(this.#tableType(node))}`;
    const { expression, type = '' } = column ?? {};
    const isPlain = expression === undefined || expression === node.column;
    const made = isPlain ? '' : ` = ${truncateToWidth(printable(expression), expressionWidth)}`;
    return `${this.#style.bold(name)}${made} ${this.#style.dim(type)}`.trimEnd();
  }

  /** Of a captured column, with what it is in the source where that has the same name. */
  #tableType({ table, column }: Node): string {
    const typeOf = (kind: 'source' | 'table') => {
      const { columns = [] } = this.#tables.get(nodeKey({ kind, table })) ?? {};
      return columns.find(({ name }) => name === column)?.type;
    };
    const source = typeOf('source');
    return `${typeOf('table') ?? ''}${source === undefined ? '' : `, ${source} in the source`}`;
  }

  #tableLabel(key: string): string {
    const table = this.#tables.get(key);
    if (table === undefined) return '';
    const where = table.kind === 'source' ? 'in the source' : (table.file ?? '');
    return `${this.#style.bold(printable(table.name))} ${this.#style.dim(where)}`.trimEnd();
  }

  /** A captured table that has the name it has in the source. */
  #isSame(one: string, other: string): boolean {
    return this.#tables.get(one)?.name === this.#tables.get(other)?.name;
  }
}

function nameOf({ table, column }: Node): string {
  return column === undefined ? table : `${table}.${column}`;
}

function markOf({ influence, isUncertain }: LineageEdge): string {
  return `${words[influence]}${isUncertain ? 'perhaps ' : ''}`;
}

/** One line a node, with branches; what has been shown in full is not spelled out again. */
function renderTree(
  root: string,
  label: (node: string) => string,
  children: (node: string) => readonly string[],
  shown: Set<string>,
): string[] {
  const lines: string[] = [];
  const visit = (node: string, lead: string, branch: string) => {
    const below = children(node);
    const isAgain = below.length > 0 && shown.has(node);
    shown.add(node);
    lines.push(`${lead}${branch}${label(node)}${isAgain ? ' (as above)' : ''}`);
    if (isAgain) return;
    const deeper = lead + (branch === '' ? '' : branch === '└─ ' ? '   ' : '│  ');
    for (const [index, child] of below.entries()) {
      visit(child, deeper, index === below.length - 1 ? '└─ ' : '├─ ');
    }
  };
  visit(root, '', '');
  return lines;
}
