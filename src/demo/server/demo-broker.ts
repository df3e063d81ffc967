import { LocalKafka } from './kafka-server.ts';

/** The broker that the demo's changes go through. Disposing ends it if it was started here. */
export interface DemoBroker extends AsyncDisposable {
  /** As a project file names it: `kafka://host:port`. */
  readonly address: string;
}

/** The broker named by CDC_DEMO_KAFKA_BROKERS (host:port,...), or one started here, fetched when needed. */
export async function openDemoBroker(report: (line: string) => void): Promise<DemoBroker> {
  const brokers = process.env['CDC_DEMO_KAFKA_BROKERS'];
  if (brokers) return { address: `kafka://${brokers}`, async [Symbol.asyncDispose]() {} };
  report('Starting a Kafka broker');
  const kafka = await LocalKafka.open({ report });
  return {
    address: `kafka://${kafka.address()}`,
    [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
  };
}
