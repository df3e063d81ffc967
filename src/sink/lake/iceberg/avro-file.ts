import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import avsc, { type Schema } from 'avsc';

/** An Avro container file. The schema stands in its head word for word, because Iceberg finds columns by the ids in it. */
export async function encodeAvro(
  schema: Schema,
  records: readonly unknown[],
  metadata: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const encoder = new avsc.streams.BlockEncoder(schema, {
    codec: 'deflate',
    syncMarker: randomBytes(16),
    writeHeader: true,
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value)]),
    ),
  } as ConstructorParameters<typeof avsc.streams.BlockEncoder>[1]);
  const bytes = buffer(encoder);
  for (const record of records) encoder.write(record);
  encoder.end();
  return bytes;
}

export async function decodeAvro<T>(file: Buffer): Promise<T[]> {
  const decoder = new avsc.streams.BlockDecoder();
  const records: T[] = [];
  const read = (async () => {
    for await (const record of decoder) records.push(record as T);
  })();
  decoder.end(file);
  await read;
  return records;
}
