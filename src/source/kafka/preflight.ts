import { CdcError, type Problem } from '../../errors.ts';
import { checkMessages } from './message-check.ts';
import type { KafkaSourceOptions } from './options.ts';
import type { TopicCluster } from './topic-cluster.ts';
import { type FoundTopics, findTopics } from './topic-set.ts';
import { isTopicPattern, matchesTopic, type TopicTable } from './topic-table.ts';

/** Everything that is wrong with brokers, topics and what a few messages of each look like. */
export async function checkTopics(
  options: KafkaSourceOptions,
  open: () => Promise<TopicCluster>,
): Promise<Problem[]> {
  let cluster: TopicCluster;
  let topics: FoundTopics;
  try {
    cluster = await open();
    await cluster.describe();
    topics = await findTopics(cluster, options.tables);
  } catch (error) {
    return [problemOf(error, options.brokers.join(','))];
  }
  const problems = checkEntries(options, topics);
  for (const [topic, { tables }] of topics) {
    problems.push(...checkFormats(topic, tables));
    try {
      problems.push(...(await checkMessages(cluster, topic, tables, options)));
    } catch (error) {
      problems.push(problemOf(error, topic));
    }
  }
  return problems;
}

function checkEntries({ tables }: KafkaSourceOptions, topics: FoundTopics): Problem[] {
  if (tables.length === 0) {
    return [
      {
        code: 'CDC_KAFKA_TOPIC_NOT_FOUND',
        where: 'source.tables',
        message: 'no topic is named',
        remedy: '`cdc topics` lists what the cluster has, `cdc topics add <topic>` adds one.',
        severity: 'error',
      },
    ];
  }
  return tables.flatMap((entry): Problem[] => {
    const found = [...topics.keys()].some((topic) => matchesTopic(entry, topic));
    if (found) return [];
    const isPattern = isTopicPattern(entry.topic);
    return [
      {
        code: 'CDC_KAFKA_TOPIC_NOT_FOUND',
        where: entry.topic,
        message: isPattern
          ? `no topic matches that gives a table name for ${entry.table} yet`
          : 'the topic does not exist',
        remedy: 'Check the name; `cdc topics` lists what the cluster has.',
        severity: isPattern ? 'warning' : 'error',
      },
    ];
  });
}

/** How a table is found in a message, and which of them, is the same for all entries of a topic. */
function checkFormats(topic: string, tables: readonly TopicTable[]): Problem[] {
  const problems: Problem[] = [];
  const error = { code: 'CDC_CONFIG_INVALID', where: topic, severity: 'error' } as const;
  if (new Set(tables.map(({ format }) => format)).size > 1) {
    problems.push({ ...error, message: 'its entries in source.tables have several formats' });
  }
  if (tables.length > 1 && tables[0]?.format === 'json') {
    const message = 'it has several entries in source.tables, and its messages name no table';
    problems.push({ ...error, message });
  }
  const names = tables.map(({ table, entry }) => entry.messageTable ?? table);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    problems.push({ ...error, message: `two entries in source.tables are for ${twice}` });
  }
  return problems;
}

function problemOf(error: unknown, where: string): Problem {
  if (!(error instanceof CdcError)) throw error;
  const { code, message, remedy } = error;
  return { code, where, message, remedy, severity: 'error' };
}
