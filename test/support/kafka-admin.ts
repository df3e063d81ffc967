import kafkajs from 'kafkajs';

const { Kafka, logLevel } = kafkajs;

/** What an administrator does to a cluster behind our back, with plain kafkajs. */
export async function administer<T>(
  brokers: readonly string[],
  work: (admin: kafkajs.Admin) => Promise<T>,
): Promise<T> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
