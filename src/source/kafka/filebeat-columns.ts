import type { MessageColumn } from './message-schema.ts';

/** What Filebeat says of every line, where the project file names no columns. */
export const filebeatColumns: readonly MessageColumn[] = [
  {
    name: 'logged_at',
    type: { kind: 'timestamp', fsp: 3 },
    nullable: false,
    sourceType: 'timestamp(3)',
    encoding: 'iso',
    path: ['@timestamp'],
  },
  textColumn('message', ['message']),
  textColumn('host', ['host', 'name']),
  textColumn('file', ['log', 'file', 'path']),
  {
    name: 'file_offset',
    type: { kind: 'int', bits: 64, unsigned: false },
    nullable: true,
    sourceType: 'bigint',
    encoding: undefined,
    path: ['log', 'offset'],
  },
];

function textColumn(name: string, path: readonly string[]): MessageColumn {
  const type = { kind: 'string' } as const;
  return { name, type, nullable: true, sourceType: 'text', encoding: undefined, path };
}
