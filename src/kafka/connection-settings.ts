import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { ConnectionsSettings } from './kafka-connections.ts';
import type { KafkaConnection } from './options.ts';

const connectionTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;

/** The options of a project file as kafkajs and Node want them. Throws CDC_CONFIG_INVALID for a file that cannot be read. */
export async function connectionSettings(
  connection: KafkaConnection,
  context: { readonly clientId: string; readonly logger: Logger },
): Promise<ConnectionsSettings> {
  const { brokers, ssl, sasl } = connection;
  return {
    ...context,
    ...{ brokers, connectionTimeoutMs, requestTimeoutMs },
    ...(ssl && { ssl: await tlsOptions(ssl) }),
    ...(sasl && { sasl: { ...sasl, password: sasl.password.reveal() } }),
  };
}

async function tlsOptions(ssl: NonNullable<KafkaConnection['ssl']>): Promise<ConnectionOptions> {
  const options: ConnectionOptions = { rejectUnauthorized: ssl.rejectUnauthorized };
  for (const name of ['ca', 'cert', 'key'] as const) {
    const path = ssl[name];
    if (path !== undefined) options[name] = await readPem(path, `ssl.${name}`);
  }
  return options;
}

async function readPem(path: string, option: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CdcError('CDC_CONFIG_INVALID', `Reading the file of ${option}: ${reason}.`, {
      cause: error,
      remedy: `Correct ${option} in the project file.`,
    });
  }
}
