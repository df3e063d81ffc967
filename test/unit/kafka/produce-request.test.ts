import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { decodeProduceAnswer, produceRequest } from '../../../src/kafka/produce-request.ts';
import type { SealedBatch } from '../../../src/kafka/record-batch.ts';
import { identifyBatch } from '../../../src/kafka/record-batch.ts';
import { RecordBatchWriter } from '../../../src/kafka/record-batch-writer.ts';

const require = createRequire(import.meta.url);
const kafkajsRequest = require('kafkajs/src/protocol/requests/produce/v7/request');
const kafkajsResponse = require('kafkajs/src/protocol/requests/produce/v7/response');

const message = { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 1_790_000_000_000 };

function aBatch(): Buffer {
  const batch = new RecordBatchWriter();
  batch.begin(message.timestamp);
  batch.writer.buffer[batch.writer.offset++] = 0x6b;
  batch.endKey();
  batch.writer.buffer[batch.writer.offset++] = 0x76;
  batch.endValue();
  batch.endRecord();
  const { bytes } = batch.seal('none') as SealedBatch;
  bytes.writeInt32BE(0, 12); // kafkajs's leader epoch
  identifyBatch(bytes, { producerId: 9n, producerEpoch: 2, firstSequence: 5 });
  return bytes;
}

test('a request has the bytes that kafkajs gives', async () => {
  const places = [
    { topic: 'orders', partition: 2 },
    { topic: 'users', partition: 0 },
    { topic: 'orders', partition: 0 },
  ];
  const ours = produceRequest(places.map((place) => ({ ...place, bytes: aBatch() })));
  const entry = (partition: number) => ({ partition, firstSequence: 5, messages: [message] });
  const theirs = kafkajsRequest({
    ...{ acks: -1, timeout: 20_000, transactionalId: null, producerId: 9, producerEpoch: 2 },
    topicData: [
      { topic: 'orders', partitions: [entry(2), entry(0)] },
      { topic: 'users', partitions: [entry(0)] },
    ],
  });
  const encoded = (await theirs.encode()).buffer;
  expect(Buffer.concat(ours.parts).toString('hex')).toBe(encoded.toString('hex'));
  expect(ours).toMatchObject({ apiKey: theirs.apiKey, apiVersion: theirs.apiVersion });
});

test('an answer is read as kafkajs reads it', async () => {
  const body = Buffer.from(
    '00000002' +
      '00066f7264657273' + // orders
      '00000002' +
      '00000002' +
      '0000' +
      '0000000100000005' +
      'ffffffffffffffff' +
      '0000000000000000' +
      '00000000' +
      '002d' +
      'ffffffffffffffff' +
      'ffffffffffffffff' +
      '0000000000000000' +
      '00057573657273' + // users
      '00000001' +
      '00000000' +
      '0000' +
      '0000000000000000' +
      'ffffffffffffffff' +
      '0000000000000000' +
      '000001f4',
    'hex',
  );
  const { results, throttleMs } = decodeProduceAnswer(body);
  expect(throttleMs).toBe(500);
  expect(results).toEqual([
    { topic: 'orders', partition: 2, errorCode: 0, baseOffset: 2 ** 32 + 5 },
    { topic: 'orders', partition: 0, errorCode: 45, baseOffset: -1 },
    { topic: 'users', partition: 0, errorCode: 0, baseOffset: 0 },
  ]);
  const theirs = await kafkajsResponse.decode(body);
  const flat = theirs.topics.flatMap((topic: { topicName: string; partitions: object[] }) =>
    topic.partitions.map((partition) => ({ topic: topic.topicName, ...partition })),
  );
  for (const [index, result] of results.entries()) {
    expect(flat[index]).toMatchObject({ ...result, baseOffset: String(result.baseOffset) });
  }
});
