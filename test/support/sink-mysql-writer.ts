/**
 * A process that fills `orders` batch after batch, from wherever the store is, until it is killed:
 * `node --import tsx sink-mysql-writer.ts <options as JSON> <last batch>`. Prints the sequence after each batch.
 */
import { MysqlSink } from '../../src/sink/mysql/mysql-sink.ts';
import { mysqlSinkOptions } from '../../src/sink/mysql/options.ts';
import { ordersTable, rowsOfBatch } from './order-batches.ts';
import { ordersBatch } from './sink-mysql-batches.ts';

const [options = '{}', last = '0'] = process.argv.slice(2);
await using sink = new MysqlSink(mysqlSinkOptions.parse(JSON.parse(options)));
await sink.prepare(ordersTable, { drop: true, mayAlter: true });
const start = (await sink.progress()).get(ordersTable.source)?.sequence ?? 0;
process.stdout.write(`${start}\n`);
for (let sequence = start + 1; sequence <= Number(last); sequence++) {
  await sink.write(ordersBatch(sequence, rowsOfBatch(sequence)));
  process.stdout.write(`${sequence}\n`);
}
