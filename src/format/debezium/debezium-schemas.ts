import type { Column, TableSchema } from '../../change/table-schema.ts';
import type { SourceDescription } from '../change-format.ts';
import { keyColumns } from '../column-encodings.ts';
import type { FormatOptions } from '../options.ts';
import { parseSourceType } from '../source-type.ts';
import { bitsOf } from '../value-code.ts';

/** Kafka Connect's description of a field, as its JSON converter writes it; the order of members counts. */
type Field = Readonly<Record<string, unknown>>;

const snapshotValues =
  'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental';

/** The `schema` halves of messages, as JSON text: constants for each schema of a table. */
export class DebeziumSchemas {
  readonly #decimals: FormatOptions['decimals'];
  readonly #source: SourceDescription;

  constructor({ decimals }: FormatOptions, source: SourceDescription) {
    this.#decimals = decimals;
    this.#source = source;
  }

  key(schema: TableSchema): string {
    const fields = keyColumns(schema).map((column) => this.#column(column));
    return JSON.stringify(struct(fields, false, this.#named(schema, 'Key')));
  }

  value(schema: TableSchema): string {
    const row = struct(
      schema.columns.map((column) => this.#column(column)),
      true,
      this.#named(schema, 'Value'),
    );
    const fields = [
      { ...row, field: 'before' },
      { ...row, field: 'after' },
      this.#sourceBlock(),
      { ...struct(transactionFields, true, 'event.block', 1), field: 'transaction' },
      field('string', false, 'op'),
      ...['ts_ms', 'ts_us', 'ts_ns'].map((name) => field('int64', true, name)),
    ];
    return JSON.stringify(struct(fields, false, this.#named(schema, 'Envelope'), 2));
  }

  schemaChangeKey(): string {
    const fields = [field('string', false, 'databaseName')];
    return JSON.stringify(struct(fields, false, this.#ours('SchemaChangeKey'), 1));
  }

  schemaChange(): string {
    const fields = [
      this.#sourceBlock(),
      field('int64', false, 'ts_ms'),
      ...['databaseName', 'schemaName', 'ddl'].map((name) => field('string', true, name)),
      { ...array(tableChange, false), field: 'tableChanges' },
    ];
    return JSON.stringify(struct(fields, false, this.#ours('SchemaChangeValue'), 1));
  }

  transactionKey(): string {
    return JSON.stringify(
      struct(
        [field('string', false, 'id')],
        false,
        'io.debezium.connector.common.TransactionMetadataKey',
        1,
      ),
    );
  }

  transaction(): string {
    const collection = [
      field('string', false, 'data_collection'),
      field('int64', false, 'event_count'),
    ];
    const fields = [
      field('string', false, 'status'),
      field('string', false, 'id'),
      field('int64', true, 'event_count'),
      {
        ...array(struct(collection, true, 'event.collection', 1), true),
        field: 'data_collections',
      },
      field('int64', false, 'ts_ms'),
    ];
    const name = 'io.debezium.connector.common.TransactionMetadataValue';
    return JSON.stringify(struct(fields, false, name, 1));
  }

  #named({ table }: TableSchema, part: string): string {
    return `${this.#source.name}.${table}.${part}`;
  }

  #ours(name: string): string {
    return `io.debezium.connector.${this.#source.connector}.${name}`;
  }

  #sourceBlock(): Field {
    const snapshot = {
      ...semantic('string', true, 'io.debezium.data.Enum', { allowed: snapshotValues }),
      default: 'false',
      field: 'snapshot',
    };
    const fields = [
      ...['version', 'connector', 'name'].map((name) => field('string', false, name)),
      field('int64', false, 'ts_ms'),
      snapshot,
      field('string', false, 'db'),
      field('string', true, 'sequence'),
      field('int64', true, 'ts_us'),
      field('int64', true, 'ts_ns'),
      field('string', true, 'table'),
      field('int64', false, 'server_id'),
      field('string', true, 'gtid'),
      field('string', false, 'file'),
      field('int64', false, 'pos'),
      field('int32', false, 'row'),
      field('int64', true, 'thread'),
      field('string', true, 'query'),
    ];
    return { ...struct(fields, false, this.#ours('Source'), 1), field: 'source' };
  }

  #column(column: Column): Field {
    return { ...this.#type(column), field: column.name };
  }

  #type(column: Column): Field {
    const { type, nullable } = column;
    const source = parseSourceType(column);
    if ('text' in type && type.text) return plain('string', nullable);
    switch (type.kind) {
      case 'int':
        return plain(integerType(type.bits, type.unsigned, source.name), nullable);
      case 'float':
        return plain(type.bits === 32 ? 'float' : 'double', nullable);
      case 'decimal':
        if (this.#decimals !== 'precise') {
          return plain(this.#decimals === 'double' ? 'double' : 'string', nullable);
        }
        return semantic('bytes', nullable, 'org.apache.kafka.connect.data.Decimal', {
          scale: String(type.scale),
          'connect.decimal.precision': String(type.precision),
        });
      case 'bit': {
        const bits = bitsOf(column);
        if (bits === 1) return plain('boolean', nullable);
        return semantic('bytes', nullable, 'io.debezium.data.Bits', { length: String(bits) });
      }
      case 'year':
        return semantic('int32', nullable, 'io.debezium.time.Year');
      case 'date':
        return semantic('int32', nullable, 'io.debezium.time.Date');
      case 'datetime':
        return semantic(
          'int64',
          nullable,
          `io.debezium.time.${type.fsp <= 3 ? 'Timestamp' : 'MicroTimestamp'}`,
        );
      case 'timestamp':
        return semantic('string', nullable, 'io.debezium.time.ZonedTimestamp');
      case 'time':
        return semantic('int64', nullable, 'io.debezium.time.MicroTime');
      case 'json':
        return semantic('string', nullable, 'io.debezium.data.Json');
      case 'binary':
        return plain('bytes', nullable);
      case 'geometry':
        return geometryType(nullable, source.name === 'point');
      case 'string': {
        const allowed = source.members.map((member) => member.replaceAll(',', '\\,')).join(',');
        if (source.name === 'enum') {
          return semantic('string', nullable, 'io.debezium.data.Enum', { allowed });
        }
        if (source.name === 'set') {
          return semantic('string', nullable, 'io.debezium.data.EnumSet', { allowed });
        }
        return plain('string', nullable);
      }
    }
  }
}

/** The smallest of Java's types that holds the values; mediumint fits an int32 also without sign. */
function integerType(bits: number, unsigned: boolean, name: string): string {
  if (bits === 8) return 'int16';
  if (bits === 16) return unsigned ? 'int32' : 'int16';
  if (bits === 32) return unsigned && name !== 'mediumint' ? 'int64' : 'int32';
  return 'int64';
}

function geometryType(nullable: boolean, isPoint: boolean): Field {
  const name = isPoint ? 'Point' : 'Geometry';
  const fields = [
    ...(isPoint ? [field('double', false, 'x'), field('double', false, 'y')] : []),
    field('bytes', isPoint, 'wkb'),
    field('int32', true, 'srid'),
  ];
  return {
    ...struct(fields, nullable, `io.debezium.data.geometry.${name}`, 1),
    doc: isPoint ? 'Geometry (POINT)' : 'Geometry',
  };
}

function plain(type: string, optional: boolean): Field {
  return { type, optional };
}

function field(type: string, optional: boolean, name: string): Field {
  return { type, optional, field: name };
}

function semantic(
  type: string,
  optional: boolean,
  name: string,
  parameters?: Readonly<Record<string, string>>,
): Field {
  return { type, optional, name, version: 1, ...(parameters && { parameters }) };
}

function struct(
  fields: readonly Field[],
  optional: boolean,
  name: string,
  version?: number,
): Field {
  return { type: 'struct', fields, optional, name, ...(version && { version }) };
}

function array(items: Field, optional: boolean): Field {
  return { type: 'array', items, optional };
}

const transactionFields = [
  field('string', false, 'id'),
  field('int64', false, 'total_order'),
  field('int64', false, 'data_collection_order'),
];

const changedColumn = struct(
  [
    field('string', false, 'name'),
    field('int32', false, 'jdbcType'),
    field('int32', true, 'nativeType'),
    field('string', false, 'typeName'),
    field('string', true, 'typeExpression'),
    field('string', true, 'charsetName'),
    field('int32', true, 'length'),
    field('int32', true, 'scale'),
    field('int32', false, 'position'),
    ...['optional', 'autoIncremented', 'generated'].map((name) => field('boolean', true, name)),
    field('string', true, 'comment'),
    field('string', true, 'defaultValueExpression'),
    { ...array(plain('string', false), true), field: 'enumValues' },
  ],
  false,
  'io.debezium.connector.schema.Column',
  1,
);

const changedTable = struct(
  [
    field('string', true, 'defaultCharsetName'),
    { ...array(plain('string', false), true), field: 'primaryKeyColumnNames' },
    { ...array(changedColumn, false), field: 'columns' },
    field('string', true, 'comment'),
  ],
  true,
  'io.debezium.connector.schema.Table',
  1,
);

const tableChange = struct(
  [
    field('string', false, 'type'),
    field('string', false, 'id'),
    { ...changedTable, field: 'table' },
  ],
  false,
  'io.debezium.connector.schema.Change',
  1,
);
