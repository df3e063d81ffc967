/**
 * A process that fills `crashTable` batch after batch, from wherever the store is, until it is killed:
 * `node --import tsx redis-crash-writer.ts <options as JSON>`. Prints the sequence after each batch.
 */
import { createSilentLogger } from '../../src/ops/logger.ts';
import { redisSinkOptions } from '../../src/sink/redis/options.ts';
import { RedisSink } from '../../src/sink/redis/redis-sink.ts';
import { crashRows, crashTable } from './redis-batches.ts';
import { batchOf } from './redis-table.ts';

const options = redisSinkOptions.parse(JSON.parse(process.argv[2] ?? '{}'));
await using sink = new RedisSink(options, { logger: createSilentLogger() });
await sink.prepare(crashTable, { drop: true, mayAlter: true });
for (let sequence = (await sink.progress()).get(crashTable.source)?.sequence ?? 0; ; sequence++) {
  process.stdout.write(`${sequence}\n`);
  await sink.write(batchOf(crashTable, crashRows(sequence + 1), sequence));
}
