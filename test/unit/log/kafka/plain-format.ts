import type { ChangeBatch } from '../../../../src/change/change-batch.ts';
import { decodeRows, encodeRows, type Row } from '../../../../src/change/row-codec.ts';
import type { TableSchema } from '../../../../src/change/table-schema.ts';
import type { ChangeEncoder, ChangeFormat } from '../../../../src/format/change-format.ts';

/** The plainest format: the key is the first column, the value an object of all columns. */
export const plainFormat: ChangeFormat = {
  name: 'json',
  layout: () => ({ format: 'json', version: 'line' }),
  encoder: (schema) => new PlainEncoder(schema),
  events: (section) =>
    section.kind === 'truncate'
      ? [{ to: 'table', key: null, value: Buffer.from('{"truncate":true}') }]
      : section.kind === 'schema'
        ? [{ to: 'schema', key: null, value: Buffer.from(`{"schema":"${section.table}"}`) }]
        : [],
};

class PlainEncoder implements ChangeEncoder {
  operation: ChangeEncoder['operation'] = 'insert';
  versionHigh = 0;
  versionLow = 0;
  readonly #schema: TableSchema;
  #row: Row | undefined;

  constructor(schema: TableSchema) {
    this.#schema = schema;
  }

  read(rows: Buffer, at: number): number {
    const row = decodeRows(this.#schema, rows.subarray(at))[0];
    if (row === undefined) throw new RangeError('there is no row');
    this.#row = row;
    this.operation = row.deleted ? 'delete' : 'insert';
    this.versionHigh = Number(row.version >> 32n);
    this.versionLow = Number(row.version & 0xffffffffn);
    return at + encodeRows(this.#schema, [row]).length;
  }

  writeKey(to: Parameters<ChangeEncoder['writeKey']>[0]): void {
    this.#put(to, String(this.#row?.values[0]));
  }

  writeValue(to: Parameters<ChangeEncoder['writeValue']>[0]): void {
    this.#put(to, JSON.stringify({ values: this.#row?.values, deleted: this.#row?.deleted }));
  }

  #put(to: Parameters<ChangeEncoder['writeKey']>[0], text: string): void {
    to.reserve(text.length * 3);
    to.offset += to.buffer.write(text, to.offset);
  }
}

/** Versions in the lines of the messages of an entry, by table. */
export function versionsIn(batch: ChangeBatch): bigint[] {
  return batch.sections.flatMap((section) =>
    section.kind === 'messages'
      ? section.bytes
          .toString()
          .split('\n')
          .filter(Boolean)
          .map((line) => BigInt(/^\{"v":(\d+)/.exec(line)?.[1] ?? -1))
      : [],
  );
}
