import type { Io } from './io.ts';

export interface Interrupt extends Disposable {
  /** Aborts at the first SIGINT or SIGTERM: stop cleanly. */
  readonly signal: AbortSignal;
  /** Resolves at the second one: stop at once. */
  readonly again: Promise<void>;
}

export function listenForInterrupts(io: Io): Interrupt {
  const controller = new AbortController();
  let insist = () => {};
  const again = new Promise<void>((resolve) => {
    insist = resolve;
  });
  const onSignal = () => {
    if (controller.signal.aborted) insist();
    else controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM']) io.signals.on(name, onSignal);
  return {
    signal: controller.signal,
    again,
    [Symbol.dispose]() {
      for (const name of ['SIGINT', 'SIGTERM']) io.signals.off(name, onSignal);
    },
  };
}
