import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import type { ColumnType } from '../../change/table-schema.ts';
import { incompatibleTable, rejectedRows } from '../sink-errors.ts';
import type { SinkColumn, SinkTable } from '../sink-table.ts';
import type { RedisValue, ScalarType } from './options.ts';
import { codecOf, isScalarType, type ScalarCodec } from './protobuf-scalar.ts';
import type { ValueForm } from './value-form.ts';

type ProtobufValue = Exclude<RedisValue, string | { template: string }>;

interface MessageField {
  readonly number: number;
  readonly name: string;
  readonly place: number;
  readonly type: ScalarType;
  readonly tag: number;
  readonly codec: ScalarCodec;
}

/** A protobuf message of scalar fields. A NULL is a field that is not there; every other value is written. */
export function protobufForm(table: SinkTable, value: ProtobufValue): ValueForm {
  const { columns, source } = table;
  const declared = 'fields' in value ? value.fields : fieldsOfFile(source, value);
  const fields = declared.map(({ number, column: name, type: asked }): MessageField => {
    const place = columns.findIndex((each) => each.name === name);
    const column = columns[place];
    if (column === undefined) throw incompatibleTable(source, `it has no column ${name}.`);
    const type = fieldType(source, column, asked);
    const codec = codecOf(type);
    return { number, name, place, type, tag: ((number << 3) | codec.wire) >>> 0, codec };
  });
  fields.sort((left, right) => left.number - right.number);
  for (const part of ['number', 'name'] as const) {
    if (new Set(fields.map((field) => field[part])).size < fields.length) {
      throw incompatibleTable(source, `two fields of its message have the same ${part}.`);
    }
  }
  const byNumber = new Map(fields.map((field) => [field.number, field]));
  const typeOf = new Map(fields.map(({ name, number, type }) => [name, `${number} ${type}`]));
  return {
    kind: 'string',
    version: 'none',
    columns: new Set(fields.map(({ name }) => name)),
    formOf: ({ name }) => typeOf.get(name) ?? '',
    write(texts) {
      const writer = protobuf.Writer.create();
      for (const { place, tag, codec, name } of fields) {
        const text = texts[place];
        if (text === null || text === undefined) continue;
        if (!codec.fits(text)) throw rejectedRows(source, `column ${name} does not fit its field`);
        codec.write(writer.uint32(tag), text);
      }
      return [Buffer.from(writer.finish()).toString('latin1')];
    },
    read([stored = '']) {
      const texts = new Map<string, string | null>(fields.map(({ name }) => [name, null]));
      try {
        const reader = protobuf.Reader.create(Buffer.from(stored, 'latin1'));
        while (reader.pos < reader.len) {
          const tag = reader.uint32();
          const field = byNumber.get(tag >>> 3);
          if (field?.tag === tag) texts.set(field.name, field.codec.read(reader));
          else reader.skipType(tag & 7);
        }
      } catch {
        return undefined; // no message: somebody else has written it
      }
      return { texts };
    },
  };
}

function fieldsOfFile(
  source: string,
  { protoFile, message }: Extract<ProtobufValue, { protoFile: string }>,
): { number: number; column: string; type: ScalarType }[] {
  const doing = `${message} in ${protoFile}`;
  try {
    const text = readFileSync(protoFile, 'utf8');
    const { fieldsArray } = protobuf.parse(text, { keepCase: true }).root.lookupType(message);
    return fieldsArray.map(({ id, name, type, repeated, map }) => {
      if (repeated || map || !isScalarType(type)) throw new TypeError(`field ${name} is no scalar`);
      return { number: id, column: name, type };
    });
  } catch (error) {
    throw incompatibleTable(source, `${doing}: ${(error as Error).message}.`, { cause: error });
  }
}

function fieldType(source: string, column: SinkColumn, asked: ScalarType | undefined): ScalarType {
  const possible = fieldTypes(column.type);
  const type = asked ?? (possible[0] as ScalarType);
  if (possible.includes(type)) return type;
  const why = `column ${column.name} cannot be ${type} without loss; it can be ${possible.join(', ')}.`;
  throw incompatibleTable(source, why);
}

const signed64 = ['int64', 'sint64', 'sfixed64'] as const;
const unsigned64 = ['uint64', 'fixed64'] as const;
const signed32 = ['int32', 'sint32', 'sfixed32'] as const;
const unsigned32 = ['uint32', 'fixed32'] as const;

/** Fields that hold every value of the type; the usual one first. */
function fieldTypes(type: ColumnType): readonly ScalarType[] {
  if ('text' in type && type.text) return ['string'];
  switch (type.kind) {
    case 'int': {
      const { bits, unsigned } = type;
      if (bits === 64) return [...(unsigned ? unsigned64 : signed64), 'string'];
      const small = unsigned ? unsigned32 : signed32;
      const more = unsigned && bits < 32 ? signed32 : [];
      const larger = unsigned ? [...signed64, ...unsigned64] : signed64;
      const truth = bits === 8 ? (['bool'] as const) : [];
      return [...small, ...more, ...larger, ...truth, 'double', 'string'];
    }
    case 'year':
      return [...unsigned32, ...signed32, 'string'];
    case 'bit':
      return [...unsigned64, 'string'];
    case 'float':
      return type.bits === 32 ? ['float', 'double', 'string'] : ['double', 'string'];
    case 'binary':
    case 'geometry':
      return ['bytes', 'string'];
    default:
      return ['string'];
  }
}
