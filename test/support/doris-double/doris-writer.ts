/**
 * A process that fills `orders` batch after batch, from wherever the store is, until it is killed:
 * `node --import tsx doris-writer.ts <options as JSON> <last batch>`. Prints the sequence after each batch.
 */
import { DorisSink } from '../../../src/sink/doris/doris-sink.ts';
import { dorisSinkOptions } from '../../../src/sink/doris/options.ts';
import { ordersTable, rowsOfBatch } from '../order-batches.ts';
import { ordersBatch } from './doris-batches.ts';

const [options = '{}', last = '0'] = process.argv.slice(2);
await using sink = new DorisSink(dorisSinkOptions.parse(JSON.parse(options)));
await sink.prepare(ordersTable, { drop: true, mayAlter: true });
const start = (await sink.progress()).get(ordersTable.source)?.sequence ?? 0;
process.stdout.write(`${start}\n`);
for (let sequence = start + 1; sequence <= Number(last); sequence++) {
  await sink.write(ordersBatch(sequence, rowsOfBatch(sequence)));
  process.stdout.write(`${sequence}\n`);
}
