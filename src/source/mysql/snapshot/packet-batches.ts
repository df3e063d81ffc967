import type { MysqlSession } from '../connection.ts';

/** What a consumer of row packets has made of some of them. */
export interface PacketSink<T> {
  /** Takes one row; true when a batch is full. */
  add(buffer: Buffer, offset: number, end: number): boolean;
  /** The rows since the last call. */
  take(): T;
}

/**
 * Runs a SELECT and yields its rows in batches as they fill up, and at last what remains (always, also
 * without rows), with `last: true`. While a full batch waits the connection is paused: one batch is
 * read ahead, never more. Leaving early ends the session.
 */
export async function* readBatches<T>(
  session: MysqlSession,
  sql: string,
  sink: PacketSink<T>,
  action: string,
): AsyncGenerator<{ batch: T; last: boolean }> {
  const ready: T[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  const packets = session.packets(
    sql,
    (buffer, offset, end) => {
      if (!sink.add(buffer, offset, end)) return;
      ready.push(sink.take());
      packets.pause();
      wake();
    },
    action,
  );
  const done = packets.done.finally(() => {
    ended = true;
    wake();
  });
  done.catch(() => undefined);
  try {
    for (;;) {
      const batch = ready.shift();
      if (batch !== undefined) {
        packets.resume();
        yield { batch, last: false };
      } else if (ended) {
        await done;
        break;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    yield { batch: sink.take(), last: true };
  } finally {
    if (!ended) session.destroy();
  }
}
