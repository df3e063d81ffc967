import { MemorySink } from '../../../src/sink/memory/memory-sink.ts';
import { memorySinkOptions } from '../../../src/sink/memory/options.ts';
import type { Sink } from '../../../src/sink/sink.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

const stores = new Map<unknown, MemorySink>();

describeSinkContract({
  name: 'memory',
  options: async () => {
    const options = memorySinkOptions.parse({ type: 'memory', name: 'trial', tables: ['shop.*'] });
    stores.set(options.name, new MemorySink());
    return options;
  },
  open: async ({ name }) => shared(stores.get(name) ?? new MemorySink()),
});

/** The store outlives the processes that use it. */
function shared(sink: MemorySink): Sink {
  return Object.assign(Object.create(sink) as MemorySink, {
    write: sink.write.bind(sink),
    progress: sink.progress.bind(sink),
    prepare: sink.prepare.bind(sink),
    plan: sink.plan.bind(sink),
    sweep: sink.sweep.bind(sink),
    drop: sink.drop.bind(sink),
    readBack: sink.readBack.bind(sink),
    [Symbol.asyncDispose]: async () => undefined,
  });
}
