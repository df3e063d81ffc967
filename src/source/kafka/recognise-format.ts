import { asObject, type JsonObject } from './json-object.ts';
import type { TopicFormat } from './options.ts';

/** A message whose writer was recognised. */
export interface RecognisedMessage {
  readonly format: TopicFormat;
  /** The envelope or row; without a schema block around it. */
  readonly message: JsonObject;
  readonly hasSchemaBlock: boolean;
  /** `database.table` as it names it. */
  readonly table: string | undefined;
}

/** What wrote a message, by the fields that only this tool writes; any other object is an application's. */
export function recogniseMessage(value: JsonObject): RecognisedMessage {
  const payload = 'schema' in value ? asObject(value['payload']) : undefined;
  const message = payload ?? value;
  const hasSchemaBlock = payload !== undefined && asObject(value['schema']) !== undefined;
  const format = formatOf(message);
  const table = tableOf(message, format);
  return { format, message, hasSchemaBlock, table };
}

function formatOf(message: JsonObject): TopicFormat {
  const { op, type, data, isDdl, database, table } = message;
  if (typeof op === 'string' && asObject(message['source']) && 'after' in message)
    return 'debezium';
  if (typeof isDdl === 'boolean' && 'mysqlType' in message) return 'canal';
  if (typeof database === 'string' && typeof type === 'string' && asObject(data) && table) {
    return 'maxwell';
  }
  const isBeat = asObject(message['agent']) ?? asObject(message['@metadata']);
  return '@timestamp' in message && 'message' in message && isBeat ? 'filebeat' : 'json';
}

function tableOf(message: JsonObject, format: TopicFormat): string | undefined {
  if (format === 'json' || format === 'filebeat') return undefined;
  const place = format === 'debezium' ? asObject(message['source']) : message;
  const first = place?.['schema'] ?? place?.['database'] ?? place?.['db'];
  const table = place?.['table'];
  return typeof first === 'string' && typeof table === 'string' ? `${first}.${table}` : undefined;
}
