import { inflateEvent } from './rows-event.ts';

/**
 * A Query event (libs/mysql/binlog/event/statement_events.h):
 *
 *   thread id(4) execution time(4) length of database(1) error(2) length of variables(2)
 *   variables database NUL statement, to the end; MariaDB's compressed form: see inflateEvent
 */
export interface QueryEvent {
  readonly sql: string;
  /** The default one of the session that ran the statement. */
  readonly database: string;
}

export function readQueryEvent(
  buffer: Buffer,
  body: number,
  end: number,
  isCompressed: boolean,
): QueryEvent {
  const statement = statementStart(buffer, body);
  const text = buffer.subarray(statement, end);
  return {
    sql: (isCompressed ? inflateEvent(text) : text).toString(),
    database: buffer.toString('utf8', statement - 1 - (buffer[body + 8] ?? 0), statement - 1),
  };
}

/** Whether the statement is BEGIN: every transaction of MySQL has one. */
export function isBegin(buffer: Buffer, body: number, end: number): boolean {
  const at = end - 5;
  if (at !== statementStart(buffer, body)) return false;
  return buffer.readUInt32LE(at) === begi && buffer[at + 4] === n;
}

/** `BEGI` and `N` as they stand in the event. */
const begi = 0x49474542;
const n = 0x4e;

function statementStart(buffer: Buffer, body: number): number {
  return body + 14 + (buffer[body + 8] ?? 0) + buffer.readUInt16LE(body + 11);
}
