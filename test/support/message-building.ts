import type { MessageLayout } from '../../src/change/message-layout.ts';
import { MessageLines } from '../../src/change/message-line.ts';

export interface MessageParts {
  /** Rows as JSON text. */
  readonly before?: string;
  readonly after?: string;
  readonly operation?: string;
  readonly rest?: Readonly<Record<string, unknown>>;
}

/** A message as the tools of the layout's format write it. */
export function messagesOf(
  { format, hasSchemaBlock }: Pick<MessageLayout, 'format' | 'hasSchemaBlock'>,
  { before, after, operation, rest }: MessageParts,
): string {
  const more = Object.entries(rest ?? {}).map(
    ([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  const tail = more.join('');
  switch (format) {
    case 'json':
      return after ?? '{}';
    case 'debezium': {
      const op = operation ?? (after === undefined ? 'd' : before === undefined ? 'c' : 'u');
      const envelope =
        `{"before":${before ?? 'null'},"after":${after ?? 'null'},"op":${JSON.stringify(op)},` +
        `"ts_ms":1${tail}}`;
      const schema =
        '{"type":"struct","fields":[{"field":"after"},{"field":"op"}],"optional":false}';
      return hasSchemaBlock ? `{"schema":${schema},"payload":${envelope}}` : envelope;
    }
    case 'maxwell': {
      const type = operation ?? (after === undefined ? 'delete' : before ? 'update' : 'insert');
      const old = before === undefined || after === undefined ? '' : `,"old":${before}`;
      return `{"database":"x","table":"y","type":"${type}","ts":1,"data":${after ?? before}${old}${tail}}`;
    }
    case 'canal': {
      const type = operation ?? (after === undefined ? 'DELETE' : before ? 'UPDATE' : 'INSERT');
      const old = before === undefined || after === undefined ? 'null' : `[${before}]`;
      return `{"data":[${after ?? before}],"isDdl":false,"old":${old},"type":"${type}","ts":1${tail}}`;
    }
  }
}

/** Lines of messages at offsets 0, 1, ... of partition 0. */
export function linesOf(
  messages: readonly (string | Buffer)[],
  versions: readonly bigint[] = [],
  arrival: bigint | number = 0,
): Buffer[] {
  const lines = new MessageLines();
  for (const [offset, message] of messages.entries()) {
    const value = Buffer.isBuffer(message) ? message : Buffer.from(message);
    const source = { partition: 0, offset, timestampMs: 1_700_000_000_000 + offset, value };
    lines.add(source, '"shop.topic"', versions[offset] ?? 0n, arrival);
  }
  return lines.count === 0 ? [] : [lines.take().bytes];
}
