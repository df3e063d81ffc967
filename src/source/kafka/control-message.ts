import type { MessageFormat } from '../../change/message-layout.ts';
import { packVersion, type Version } from '../../change/position.ts';
import { asObject, type JsonObject, parseObject } from './json-object.ts';

/** A message that is not about rows. */
export interface ControlMessage {
  /** `empty`: the table's rows are gone (TRUNCATE, DROP). `other`: nothing that concerns rows. */
  readonly kind: 'empty' | 'other';
  /** For people. */
  readonly what: string;
  /** The place that the message names in the database's own log; undefined when it names none. */
  readonly version: Version | undefined;
}

const operationField = Buffer.from('"op":"');
const truncate = 't'.charCodeAt(0);
const ddlFlag = Buffer.from('"isDdl":true');
const typeField = Buffer.from('"type":"');

/**
 * Undefined for a message about rows, and for one that is not what the format says: the sink finds that.
 * Only a message whose bytes raise the suspicion is parsed.
 */
export function controlMessageIn(value: Buffer, format: MessageFormat): ControlMessage | undefined {
  switch (format) {
    case 'debezium':
      return isTruncate(value) ? debeziumControl(parseObject(value)) : undefined;
    case 'canal':
      return value.includes(ddlFlag) ? canalControl(parseObject(value)) : undefined;
    case 'maxwell':
      return isMaxwellRow(value) ? undefined : maxwellControl(parseObject(value));
    case 'json':
      return undefined;
  }
}

/** A truncate has no rows, so no column can be behind its operation. */
function isTruncate(value: Buffer): boolean {
  const at = value.lastIndexOf(operationField);
  return at >= 0 && value[at + operationField.length] === truncate;
}

function debeziumControl(message: JsonObject | undefined): ControlMessage | undefined {
  if (message?.['op'] !== 't') return undefined;
  const { file, pos, lsn } = asObject(message['source']) ?? {};
  return { kind: 'empty', what: 'TRUNCATE', version: binlogVersion(file, pos) ?? lsnVersion(lsn) };
}

function canalControl(message: JsonObject | undefined): ControlMessage | undefined {
  if (message?.['isDdl'] !== true) return undefined;
  const what = String(message['type']);
  const kind = what === 'TRUNCATE' || what === 'ERASE' ? 'empty' : 'other';
  return { kind, what, version: undefined };
}

/** By the first letters of the type, which comes before the data. */
function isMaxwellRow(value: Buffer): boolean {
  const start = value.indexOf(typeField) + typeField.length;
  if (start < typeField.length) return true;
  const type = value.toString('latin1', start, start + 11);
  return /^(insert|update|delete)"/.test(type) || type === 'bootstrap-i';
}

function maxwellControl(message: JsonObject | undefined): ControlMessage | undefined {
  const what = String(message?.['type']);
  if (!/^(table|database)-|^bootstrap-(start|complete)$/.test(what)) return undefined;
  return { kind: what === 'table-drop' ? 'empty' : 'other', what, version: undefined };
}

function binlogVersion(file: unknown, pos: unknown): Version | undefined {
  const number = typeof file === 'string' ? Number(/\.(\d+)$/.exec(file)?.[1]) : Number.NaN;
  if (!Number.isSafeInteger(number) || typeof pos !== 'number') return undefined;
  return packVersion(0, number, pos);
}

function lsnVersion(lsn: unknown): Version | undefined {
  return typeof lsn === 'number' ? BigInt(lsn) : undefined;
}
