import { type Command, InvalidArgumentError } from 'commander';
import type { ProjectConfig } from '../../config/project-config.ts';
import { CdcError } from '../../errors.ts';
import type { KafkaConnection } from '../../kafka/options.ts';
import type { CommandContext } from '../context.ts';
import { renderAddedTopic, renderTopics } from '../presenter/topics.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

interface TopicsFlags extends JsonOption {
  readonly brokers?: readonly string[];
  readonly sample: number;
}

interface AddFlags extends JsonOption {
  readonly table?: string;
  readonly key?: readonly string[];
  readonly owner?: string;
  readonly description?: string;
  readonly sample: number;
}

const sampleFlag = [
  '--sample <messages>',
  'newest messages to look at in each topic',
  parseCount,
  200,
] as const;

export function registerTopics(program: Command, context: CommandContext): void {
  const topics = program
    .command('topics')
    .argument('[names...]', 'only topics whose names contain one of these')
    .description('List the topics of a Kafka cluster and what their messages are.')
    .option('--brokers <host:port...>', 'brokers to ask (default: those of the project)')
    .option(...sampleFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc topics --brokers kafka1:9092'))
    .action(async (names: string[], { json, brokers, sample }: TopicsFlags) => {
      const { connection, config } = await connectionOf(context, brokers);
      const { discoverTopics } = await import('../../pipeline/topics.ts');
      const found = await discoverTopics(connection, {
        ...(names.length > 0 && { names }),
        sample,
        ...(config?.source.type === 'kafka' && { entries: config.source.tables }),
        logger: context.logger('warn'),
      });
      await context.present({ topics: found }, json, renderTopics);
    });
  topics
    .command('add')
    .argument('<topic>', 'topic to add')
    .description('Infer the table of a topic from its messages and write it into the project file.')
    .option('--table <database.table>', 'name of the table (default: as messages name it)')
    .option('--key <columns...>', 'columns that identify a row')
    .option('--owner <text>', 'who answers for the data')
    .option('--description <text>', 'what the table is')
    .option(...sampleFlag)
    .option(...jsonFlag)
    .addHelpText('after', example('cdc topics add app.orders --table shop.orders --owner sales'))
    .action(async (topic: string, _flags: AddFlags, command: Command) => {
      // The parent has flags of the same names; commander gives it those that both know.
      const { json, sample, ...rest } = command.optsWithGlobals<AddFlags>();
      const { table, key, owner, description } = rest;
      const config = await context.loadProject();
      const { addTopic } = await import('../../pipeline/topics.ts');
      const added = await addTopic(config, {
        topic,
        ...(table !== undefined && { table }),
        ...(key !== undefined && { key }),
        ...(owner !== undefined && { owner }),
        ...(description !== undefined && { description }),
        sample,
        logger: context.logger('warn'),
      });
      await context.present(added, json, renderAddedTopic);
    });
}

async function connectionOf(
  context: CommandContext,
  brokers: readonly string[] | undefined,
): Promise<{ connection: KafkaConnection; config: ProjectConfig | undefined }> {
  if (brokers !== undefined) {
    const named = brokers.flatMap((each) => each.split(','));
    return { connection: { brokers: named }, config: undefined };
  }
  const config = await context.loadProject();
  if (config.source.type === 'kafka') return { connection: config.source, config };
  if (config.log.type === 'kafka') return { connection: config.log, config };
  throw new CdcError('CDC_USAGE', `The project ${config.name} names no Kafka cluster.`, {
    remedy: 'Name one: cdc topics --brokers host:9092',
  });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > 100_000) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 100000.');
  }
  return count;
}
