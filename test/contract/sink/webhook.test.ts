import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Sink } from '../../../src/sink/sink.ts';
import type { SinkTable } from '../../../src/sink/sink-table.ts';
import { tsvText } from '../../../src/sink/tsv-text.ts';
import { type WebhookSinkOptions, webhookSinkOptions } from '../../../src/sink/webhook/options.ts';
import { WebhookSink } from '../../../src/sink/webhook/webhook-sink.ts';
import { WebhookReceiver } from '../../integration/sink-webhook-receiver.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

const secret = 'between the two of us';
const receivers = new Map<string, WebhookReceiver>();
const folder = mkdtempSync(join(tmpdir(), 'strata-webhook-'));
afterAll(async () => {
  for (const each of receivers.values()) await each[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

for (const body of ['ndjson', 'array'] as const) {
  describeSinkContract({
    name: `webhook with ${body}`,
    options: async () => {
      const receiver = await WebhookReceiver.open(secret);
      const name = `hook_${body}_${receivers.size}`;
      receivers.set(name, receiver);
      return webhookSinkOptions.parse({
        ...{ type: 'webhook', name, tables: ['shop.*'], url: receiver.url, body },
        ...{ signingSecret: secret, naming: '{database}_{table}' },
      });
    },
    open: async (options) => {
      // What has been sent is known in one state folder only.
      const stateFolder = join(folder, options.name);
      return readable(
        new WebhookSink(options as WebhookSinkOptions, { stateFolder }),
        options.name,
      );
    },
    hasNoColumns: true,
    rows: 5_000,
    refuse: async ({ name }) => {
      receiverOf(name).refuses = ({ note }) => note === 'refuse me';
    },
    accept: async ({ name }) => {
      receiverOf(name).refuses = () => false;
    },
  });
}

/** What the endpoint has made of the changes is read from it, since the sink cannot. */
function readable(sink: WebhookSink, name: string): Sink {
  return Object.assign(sink, {
    async *readBack({ target, columns }: SinkTable) {
      for (const row of receiverOf(name).rows(target)) {
        const texts = columns.map((column) => {
          const value = row[column.name] ?? null;
          // JavaScript prints a float as 1e+38, the engine as 1e38.
          const text = typeof value === 'number' ? String(value).replace('e+', 'e') : value;
          return tsvText(text === null ? null : String(text));
        });
        yield Buffer.from(`${[...texts, row['_version']].join('\t')}\n`);
      }
    },
  });
}

function receiverOf(name: string): WebhookReceiver {
  const receiver = receivers.get(name);
  if (receiver === undefined) throw new Error(`no receiver of ${name}`);
  return receiver;
}
