import type { ModelTestReport } from '../../layers/model-test/model-test.ts';
import type { ModelFailure, TestedCase } from '../../layers/model-test/model-test-case.ts';
import type { CellText, RowDifference } from '../../layers/model-test/model-test-compare.ts';
import { printable } from './display-width.ts';
import { formatCounted, formatMs } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

type RowFailure = Extract<ModelFailure, { kind: 'rows' }>;

/** Rows of one model that are shown; `--json` has all. */
const rowsShown = 30;

/** A line for a case that went well; what differs, for one that did not. */
export function renderTestedCase(tested: TestedCase, style: Style): string {
  const { file, name, where, ms, failure } = tested;
  if (failure === undefined) {
    return `${style.green('ok')}    ${printable(name)}  ${style.dim(`${file}, ${formatMs(ms)}`)}\n`;
  }
  const step = failure.step === 'given' ? 'with the rows given' : `after "${failure.step}"`;
  return [
    `${style.red('FAIL')}  ${style.bold(printable(name))}  ${style.dim(where)}\n`,
    `      ${printable(step)}  ${style.dim(failure.where)}\n`,
    ...failure.models.map((model) => indented(renderFailure(model, style))),
  ].join('');
}

/** The last line: how many cases went well. */
export function renderModelTests({ cases, seconds }: ModelTestReport, style: Style): string {
  const failed = cases.filter(({ failure }) => failure !== undefined).length;
  const passed = formatCounted(cases.length - failed, 'case');
  const time = style.dim(`in ${formatMs(seconds * 1000)}`);
  if (failed === 0) return `\n${style.green(`${passed} as expected`)} ${time}\n`;
  return `\n${style.red(`${formatCounted(failed, 'case')} failed`)}, ${passed} as expected ${time}\n`;
}

function renderFailure(failure: ModelFailure, style: Style): string {
  const model = style.bold(failure.model);
  switch (failure.kind) {
    case 'rows':
      return renderRowFailure(failure, style);
    case 'stopped':
      return `${model} has stopped: ${printable(failure.reason)}\n`;
    case 'unequal': {
      const keys = failure.keys.map((key) => `  ${printable(key)}\n`).join('');
      return `${model} does not hold what its SELECT gives. This is a fault of cdc, not of the model; please report it.\n${keys}`;
    }
  }
}

function renderRowFailure(failure: RowFailure, style: Style): string {
  const { model, where, columns, differences, equal, wrongOrder } = failure;
  const heading = `${style.bold(model)}  ${style.dim(where)}\n`;
  if (wrongOrder !== undefined) {
    const rows = wrongOrder.map((row) => columns.map((name) => cellText(row[name] ?? null)));
    const titles = columns.map((title) => ({ title }));
    return `${heading}the rows are right, but come in this order:\n${renderTable(titles, rows, style)}`;
  }
  const shown = differences.slice(0, rowsShown);
  const names = columns.filter((name) => shown.some(({ cells }) => cells[name] !== undefined));
  const titles = [{ title: ' ' }, ...names.map((title) => ({ title }))];
  const rows = shown.map((difference) => renderDifference(difference, names, style));
  const rest = differences.length - shown.length;
  return [
    heading,
    renderTable(titles, rows, style),
    ...(rest > 0 ? [`and ${formatCounted(rest, 'row')} more (--json lists them)\n`] : []),
    `${style.dim(`${legendOf(differences)}; ${formatCounted(equal, 'row')} as expected`)}\n`,
  ].join('');
}

const marks = { missing: '-', unexpected: '+', changed: '~' } as const;

function legendOf(differences: readonly RowDifference[]): string {
  const kinds = new Set(differences.map(({ kind }) => kind));
  const words = [
    ...(kinds.has('missing') ? ['- expected, not there'] : []),
    ...(kinds.has('unexpected') ? ['+ there, not expected'] : []),
    ...(kinds.has('changed') ? ['~ other values: found (expected)'] : []),
  ];
  return words.join(', ');
}

function renderDifference(
  { kind, cells }: RowDifference,
  names: readonly string[],
  style: Style,
): string[] {
  const color = { missing: style.red, unexpected: style.green, changed: style.yellow }[kind];
  const texts = names.map((name) => {
    const { found, expected } = cells[name] ?? {};
    if (found !== undefined && expected !== undefined) {
      return `${style.green(cellText(found))} ${style.red(`(${cellText(expected)})`)}`;
    }
    const text = found ?? expected;
    if (found === undefined && expected === undefined) return '';
    return kind === 'changed' ? cellText(text ?? null) : color(cellText(text ?? null));
  });
  return [color(marks[kind]), ...texts];
}

/** Empty text must not look like nothing. */
function cellText(text: CellText): string {
  if (text === null) return 'NULL';
  return text === '' ? "''" : printable(text);
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '      ');
}
