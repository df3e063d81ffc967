import { describe } from 'vitest';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import { openKafkaSink } from '../../../src/sink/kafka/kafka-sink.ts';
import { type KafkaSinkOptions, kafkaSinkOptions } from '../../../src/sink/kafka/options.ts';
import { randomName, testKafka } from '../../support/kafka.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

describe.each(['debezium', 'canal', 'maxwell'] as const)('%s', (type) => {
  describeSinkContract({
    name: `kafka in ${type} JSON`,
    options: async () => {
      const { brokers } = await testKafka();
      const tables = ['shop.*'];
      return kafkaSinkOptions.parse({
        type: 'kafka',
        name: 'changes',
        tables,
        brokers,
        prefix: randomName('sink'),
        format: { type },
      });
    },
    open: (options, { engine, stateFolder }) =>
      openKafkaSink(options as KafkaSinkOptions, {
        engine,
        stateFolder,
        logger: createSilentLogger(),
        project: 'contract',
      }),
  });
});
