import { type BlockField, columnsOfBlock } from './debezium-schema.ts';
import { asObject, parseObject } from './json-object.ts';
import type { MessageSchema } from './message-schema.ts';

/** A message that describes its columns, in parts. */
export interface DescribedMessage {
  /** The bytes that describe, as schema-bytes.ts finds them. */
  readonly description: Buffer;
  readonly key: Buffer | null;
  /** The envelope or row. */
  readonly value: Buffer;
}

/** Columns from the schema block of Kafka Connect; undefined when the block is null. */
export function readBlockSchema(
  table: string,
  message: DescribedMessage,
): MessageSchema | undefined {
  const block = parseObject(Buffer.concat([message.description, nullAndBrace]))?.['schema'];
  if (asObject(block) === undefined) return undefined;
  const value = parseObject(message.value);
  const row = asObject(value?.['after']) ?? asObject(value?.['before']) ?? value;
  return { columns: columnsOfBlock(table, block as BlockField, row), key: keyOf(message.key) };
}

/** Names in the message key, with or without a schema block; undefined for one that is no object. */
export function keyOf(key: Buffer | null): string[] | undefined {
  const parsed = parseObject(key);
  const fields = asObject(parsed?.['schema'])?.['fields'];
  if (Array.isArray(fields)) return (fields as BlockField[]).map(({ field }) => field ?? '');
  return parsed === undefined ? undefined : Object.keys(asObject(parsed['payload']) ?? parsed);
}

const nullAndBrace = Buffer.from('null}');
