import type { Section, TransactionMark } from '../../change/change-batch.ts';
import {
  defaultEncoding,
  type MessageLayout,
  type ValueEncoding,
} from '../../change/message-layout.ts';
import type { Column, TableSchema } from '../../change/table-schema.ts';
import type {
  ChangeEncoder,
  ChangeFormat,
  ChangePlace,
  EventMessage,
  SourceDescription,
} from '../change-format.ts';
import { keyColumns, layoutOf } from '../column-encodings.ts';
import type { JsonCode } from '../json-code.ts';
import type { FormatOptions } from '../options.ts';
import { PlaceText } from '../place-text.ts';
import { RowCode } from '../row-code.ts';
import { type MessageCode, RowEncoder } from '../row-encoder.ts';
import { bitsOf } from '../value-code.ts';
import { addEnvelope } from './debezium-envelope.ts';
import { DebeziumEvents } from './debezium-events.ts';
import { DebeziumSchemas } from './debezium-schemas.ts';

/** Debezium's JSON for MySQL and MariaDB: `{before, after, source, transaction, op, ts_ms, ts_us, ts_ns}`. */
export class DebeziumFormat implements ChangeFormat {
  readonly name = 'debezium';
  readonly #options: FormatOptions;
  readonly #source: SourceDescription;
  readonly #schemas: DebeziumSchemas;
  readonly #events: DebeziumEvents;
  readonly #place = new PlaceText();

  constructor(options: FormatOptions, source: SourceDescription) {
    this.#options = options;
    this.#source = source;
    this.#schemas = new DebeziumSchemas(options, source);
    this.#events = new DebeziumEvents(options, source, this.#schemas);
  }

  layout(schema: TableSchema): MessageLayout {
    const layout = layoutOf('debezium', schema, (column) => this.#encoding(column));
    return { ...layout, ...(this.#options.schema && { hasSchemaBlock: true }) };
  }

  encoder(schema: TableSchema): ChangeEncoder {
    const { decimals } = this.#options;
    const rows = new RowCode({
      schema,
      style: {
        quotesNumbers: false,
        quotesDecimals: decimals === 'string',
        roundsDecimals: decimals === 'double',
      },
      encoding: (column) => this.#encoding(column),
    });
    const image = rows.addObject(schema.columns);
    const keyImage = rows.addObject(keyColumns(schema));
    const key = this.#enclosed(rows.code(), this.#schemas.key(schema), (code) =>
      code.call(`${keyImage.name}(w, b, v, s, r);`, keyImage.room),
    );
    const value = this.#enclosed(rows.code(), this.#schemas.value(schema), (code) =>
      addEnvelope(code, image, this.#source, schema.table),
    );
    const code = rows.compile<MessageCode>({
      walk: rows.addWalk(),
      key: rows.addFunction('w, b, v, s, r', key),
      value: rows.addFunction('w, b, v, s, t, r, g, P', value),
    });
    return new RowEncoder(schema, code, Math.max(key.room, value.room), this.#place);
  }

  events(section: Section, schema: TableSchema | undefined, place: ChangePlace): EventMessage[] {
    return this.#events.of(section, schema, place);
  }

  transactionBegin(mark: TransactionMark): EventMessage {
    return this.#events.begin(mark);
  }

  transactionEnd(mark: TransactionMark, changes: ReadonlyMap<string, number>): EventMessage {
    return this.#events.end(mark, changes);
  }

  #encoding(column: Column): ValueEncoding {
    const { type } = column;
    if (type.kind === 'decimal' && this.#options.decimals === 'precise') return 'unscaledBase64';
    if (type.kind === 'bit' && bitsOf(column) === 1) return 'boolean';
    return defaultEncoding('debezium', type);
  }

  /** `{"schema":...,"payload":...}` where asked for. */
  #enclosed(code: JsonCode, schema: string, add: (code: JsonCode) => void): JsonCode {
    if (this.#options.schema) code.text(`{"schema":${schema},"payload":`);
    add(code);
    return this.#options.schema ? code.text('}') : code;
  }
}
