import type { StatusReport } from '../../pipeline/status.ts';
import { printable } from './display-width.ts';
import { formatBytes, formatCount, formatCounted } from './format.ts';
import { renderFreshness, renderLag } from './run.ts';
import type { Style } from './style.ts';
import { renderTable, type TableColumn } from './table.ts';

export function renderStatus(status: StatusReport, style: Style): string {
  return [
    renderSummary(status, style),
    section('roles', roleColumns, roleRows(status), style),
    section('consumers', consumerColumns, consumerRows(status), style),
    section('snapshot', snapshotColumns, snapshotRows(status), style),
    section('rows without a route', unmatchedColumns, unmatchedRows(status), style),
    section('layers', layerColumns, layerRows(status), style),
    section('audits that warn', auditColumns, auditRows(status), style),
    section('sinks', sinkColumns, sinkRows(status), style),
    section('verified', verifiedColumns, verifiedRows(status), style),
    section('found by verify', failureColumns, failureRows(status), style),
    section('errors', errorColumns, errorRows(status), style),
  ].join('');
}

function renderSummary(status: StatusReport, style: Style): string {
  const { running, source, lag, freshness, rows, log } = status;
  const lines: [string, string][] = [
    ['running', running === null ? 'no' : `yes, process ${running.pid} since ${running.since}`],
  ];
  if (source === null) lines.push(['source', 'nothing captured yet; run `cdc init`']);
  else {
    lines.push(['source', `${source.server} ${source.version}`]);
    lines.push([
      'position',
      `${source.position ?? 'none'}, the binlog ends at ${source.endPosition ?? 'an unknown place'}`,
    ]);
  }
  if (lag !== null) lines.push(['lag', renderLag(lag).replace(/^lag /, '')]);
  if (freshness !== null) {
    lines.push(['freshness', renderFreshness(freshness).replace(/^freshness /, '')]);
  } else if (source !== null) {
    lines.push(['freshness', 'not measured: no change was on its way']);
  }
  lines.push([
    'rows',
    `${formatCount(rows.total)} in ${formatCounted(status.transactions, 'transaction')}, ${formatCount(rows.perSecond)} rows/s`,
  ]);
  lines.push([
    'log',
    `${formatCount(log.entries)} entries, ${formatBytes(log.bytes)}, ${formatCount(log.behind)} not yet loaded`,
  ]);
  if (status.updatedAt !== null) lines.push(['as of', status.updatedAt]);
  return lines.map(([title, text]) => `${style.bold(title.padEnd(9))}  ${text}\n`).join('');
}

function section(
  title: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  return rows.length === 0 ? '' : `\n${title}\n${renderTable(columns, rows, style)}`;
}

const unmatchedColumns: readonly TableColumn[] = [
  { title: 'table' },
  { title: 'left out', align: 'right' },
];

function unmatchedRows({ unmatched }: StatusReport): string[][] {
  return unmatched.map(({ table, rows }) => [printable(table), formatCount(rows)]);
}

const roleColumns: readonly TableColumn[] = [
  { title: 'role' },
  { title: 'process' },
  { title: 'host' },
  { title: 'since' },
];

/** One process that does everything is in the summary. */
function roleRows({ roles }: StatusReport): string[][] {
  if (roles.every(({ role }) => role === 'all')) return [];
  return roles.map(({ role, process }) =>
    process === null
      ? [role, 'not running', '', '']
      : [role, String(process.pid), printable(process.host), process.since],
  );
}

const consumerColumns: readonly TableColumn[] = [
  { title: 'consumer' },
  { title: 'topic' },
  { title: 'partition', align: 'right' },
  { title: 'records lag', align: 'right' },
  { title: 'oldest not loaded' },
];

function consumerRows({ consumers }: StatusReport): string[][] {
  return consumers.flatMap(({ consumer, recordsLag, oldestUnloadedAt, partitions }) => {
    // A log without partitions has its one line in the summary.
    if (recordsLag === null) return [];
    const name = printable(consumer);
    if (partitions.length === 0) return [[name, 'all', '', '0', oldestUnloadedAt ?? '']];
    return partitions.map((each) => [
      name,
      printable(each.topic),
      String(each.partition),
      formatCount(each.recordsLag),
      each.oldestUnloadedAt ?? '',
    ]);
  });
}

const snapshotColumns: readonly TableColumn[] = [
  { title: 'table' },
  { title: 'chunks', align: 'right' },
  { title: 'rows', align: 'right' },
  { title: 'state' },
];

function snapshotRows(status: StatusReport): string[][] {
  return status.snapshot.map(({ table, chunks, rows, done }) => [
    printable(table),
    formatCount(chunks),
    formatCount(rows),
    done ? 'done' : 'reading',
  ]);
}

const sinkColumns: readonly TableColumn[] = [
  { title: 'sink' },
  { title: 'store' },
  { title: 'table' },
  { title: 'state' },
  { title: 'rows', align: 'right' },
  { title: 'refused', align: 'right' },
  { title: 'has everything up to' },
];

function sinkRows({ sinks }: StatusReport): string[][] {
  return sinks.flatMap(({ name, type, tables, error, behindSeconds }) => {
    const late = behindSeconds > 2 ? `${behindSeconds} s behind` : '';
    const whole = error === undefined ? late : `waits: ${error.code}`;
    const head = [printable(name), type, '', whole, '', '', ''];
    const rows = tables.map((each) => [
      printable(name),
      type,
      printable(each.table),
      each.state,
      formatCount(each.rows),
      formatCount(each.refused),
      each.position ?? 'being filled',
    ]);
    return whole === '' && rows.length > 0 ? rows : [head, ...rows];
  });
}

const layerColumns: readonly TableColumn[] = [
  { title: 'model' },
  { title: 'way' },
  { title: 'rows', align: 'right' },
  { title: 'keys recomputed', align: 'right' },
  { title: 'rebuilds', align: 'right' },
  { title: 'right as of' },
];

function layerRows(status: StatusReport): string[][] {
  return status.layers.map((layer) => [
    printable(layer.name),
    layer.way,
    formatCount(layer.rows),
    formatCount(layer.keysRecomputed),
    formatCount(layer.rebuilds),
    layer.error === undefined ? placeOf(layer) : 'in error',
  ]);
}

function placeOf({ cut, isCatchingUp }: StatusReport['layers'][number]): string {
  return `${cut ?? 'not built'}${isCatchingUp ? ', catching up' : ''}`;
}

const auditColumns: readonly TableColumn[] = [
  { title: 'model' },
  { title: 'rows', align: 'right' },
  { title: 'since' },
  { title: 'last' },
  { title: 'what was found last' },
];

function auditRows({ layers }: StatusReport): string[][] {
  return layers.flatMap(({ name, warnings = [] }) =>
    warnings.map(({ count, since, last, place, message }) => [
      printable(name),
      formatCount(count),
      since,
      last,
      printable(`${message} (${place})`),
    ]),
  );
}

const verifiedColumns: readonly TableColumn[] = [
  { title: 'table or model' },
  { title: 'rows', align: 'right' },
  { title: 'right through' },
  { title: 'as verified at' },
];

function verifiedRows({ verified }: StatusReport): string[][] {
  return verified.map(({ name, rows, position, at }) => [
    printable(name),
    formatCount(rows),
    position,
    at,
  ]);
}

const failureColumns: readonly TableColumn[] = [
  { title: 'table or model' },
  { title: 'differences', align: 'right' },
  { title: 'at' },
  { title: 'since then' },
];

/** What has been proven right later was mended. */
function failureRows({ verified, verifyFailures }: StatusReport): string[][] {
  return verifyFailures.map(({ name, differences, at }) => {
    const later = verified.find((each) => each.name === name && each.at > at);
    const then = later === undefined ? 'not verified again' : `right at ${later.at}`;
    return [printable(name), formatCount(differences), at, then];
  });
}

const errorColumns: readonly TableColumn[] = [
  { title: 'at' },
  { title: 'code' },
  { title: 'table or model' },
  { title: 'message' },
];

function errorRows(status: StatusReport): string[][] {
  const ofTables = status.errors.map(({ at, code, table, message }) => [
    at,
    code,
    printable(table ?? ''),
    printable(message),
  ]);
  const ofModels = status.layers.flatMap(({ name, error, errorCode }) => {
    const code = errorCode ?? 'CDC_LAYERS_MODEL_FAILED';
    return error === undefined ? [] : [['', code, printable(name), printable(error)]];
  });
  const ofSinks = status.sinks.flatMap(({ name, error, tables }) => [
    ...(error === undefined ? [] : [['', error.code, printable(name), printable(error.message)]]),
    ...tables.flatMap(({ table, error: own }) =>
      own === undefined
        ? []
        : [['', own.code, printable(`${name}: ${table}`), printable(own.message)]],
    ),
  ]);
  return [...ofTables, ...ofModels, ...ofSinks];
}
