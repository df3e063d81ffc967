import type { DemoEvent, DemoView } from '../../demo/demo.ts';
import type { DemoReport } from '../../demo/demo-report.ts';
import { printable } from './display-width.ts';
import { formatCount, formatCounted, formatDuration, formatMs } from './format.ts';
import { renderRunProgress } from './run.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** How the capture keeps up, and below it the ADS tables as they are now: a low terminal cuts off these. */
export function renderDemoView(view: DemoView, style: Style): string {
  const tables = view.tables.map(({ name, columns, rows }) => {
    const cells = rows.map((row) => row.map(renderCell));
    const titles = columns.map((title, index) => ({
      title,
      align: cells.every((row) => numeric.test(row[index] ?? ''))
        ? ('right' as const)
        : ('left' as const),
    }));
    return `${style.bold(name)}\n${renderTable(titles, cells, style)}`;
  });
  const { transactions, rows } = view.generator;
  const written = `${formatCounted(transactions, 'transaction')}, ${formatCounted(rows, 'row')}`;
  return [
    renderRunProgress(view.status),
    `written: ${written}. Ctrl-C ends it with the proof`,
    '',
    ...tables,
  ]
    .join('\n')
    .trimEnd();
}

/** How to look into the warehouse from elsewhere while the demo runs. `program` is how to call cdc. */
export function renderReady(event: Extract<DemoEvent, { kind: 'ready' }>, program: string): string {
  const { folder, url, user } = event;
  return `
The warehouse is open:
  ${program} query -c ${folder} "SELECT * FROM ads.channel_report"
  any ClickHouse client: ${url}, user ${user},
  password in ${folder}/.cdc/engine.json
`;
}

/** The proof at the end. */
export function renderDemo(report: DemoReport, style: Style): string {
  const { source, snapshot, stream, freshness, verify } = report;
  const fresh =
    freshness === null
      ? 'not measured'
      : `p50 ${formatMs(freshness.p50Ms)}, p99 ${formatMs(freshness.p99Ms)} from commit in the source to visible in ADS`;
  const tables = `${formatCounted(verify.tables, 'table')}, ${formatCounted(verify.differences, 'difference')}`;
  const layers = `${formatCounted(verify.layers, 'model')}, ${formatCounted(verify.layerDifferences, 'difference')}`;
  return `
source     ${source.server} ${source.version}
snapshot   ${formatCounted(snapshot.tables, 'table')}, ${formatCount(snapshot.rows)} rows in ${formatDuration(snapshot.seconds)}
stream     ${formatCounted(stream.transactions, 'transaction')}, ${formatCount(stream.rows)} rows in ${formatDuration(stream.seconds)}
freshness  ${fresh}
proof      source = ODS: ${tables}
           every layer = its query recomputed in full: ${layers}
${report.ok ? style.green('proved right') : style.red('NOT proved right')}
`;
}

const numeric = /^-?[\d.]+$|^NULL$/;

function renderCell(value: unknown): string {
  return value === null
    ? 'NULL'
    : printable(typeof value === 'string' ? value : JSON.stringify(value));
}
