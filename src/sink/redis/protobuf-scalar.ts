import type { Reader, Writer } from 'protobufjs';
import { parseFloatText } from './float-text.ts';
import type { ScalarType } from './options.ts';

/** How the text of a value becomes a field, and the other way. */
export interface ScalarCodec {
  /** Wire type: 0 varint, 1 eight bytes, 2 with a length, 5 four bytes. */
  readonly wire: 0 | 1 | 2 | 5;
  fits(text: string): boolean;
  write(writer: Writer, text: string): void;
  read(reader: Reader): string;
}

type NumberMethod = 'int32' | 'uint32' | 'sint32' | 'fixed32' | 'sfixed32' | 'float' | 'double';
type LongMethod = 'int64' | 'uint64' | 'sint64' | 'fixed64' | 'sfixed64';

const always = () => true;

function numberCodec(method: NumberMethod, wire: 0 | 1 | 5): ScalarCodec {
  return {
    wire,
    fits: always,
    write: (writer, text) => writer[method](parseFloatText(text)),
    read: (reader) => textOfNumber(reader[method]()),
  };
}

function longCodec(method: LongMethod, wire: 0 | 1): ScalarCodec {
  const unsigned = method === 'uint64' || method === 'fixed64';
  return {
    wire,
    fits: always,
    write(writer, text) {
      const bits = BigInt.asUintN(64, BigInt(text));
      const low = Number(bits & 0xffffffffn) | 0;
      // What the writer takes is a Long, or anything of its shape.
      writer[method]({ low, high: Number(bits >> 32n) | 0, unsigned } as never);
    },
    read: (reader) => String(reader[method]()),
  };
}

const codecs: Readonly<Record<ScalarType, ScalarCodec>> = {
  double: numberCodec('double', 1),
  float: numberCodec('float', 5),
  int32: numberCodec('int32', 0),
  uint32: numberCodec('uint32', 0),
  sint32: numberCodec('sint32', 0),
  fixed32: numberCodec('fixed32', 5),
  sfixed32: numberCodec('sfixed32', 5),
  int64: longCodec('int64', 0),
  uint64: longCodec('uint64', 0),
  sint64: longCodec('sint64', 0),
  fixed64: longCodec('fixed64', 1),
  sfixed64: longCodec('sfixed64', 1),
  bool: {
    wire: 0,
    fits: (text) => text === '0' || text === '1',
    write: (writer, text) => writer.bool(text === '1'),
    read: (reader) => (reader.bool() ? '1' : '0'),
  },
  string: {
    wire: 2,
    fits: always,
    write: (writer, text) => writer.bytes(Buffer.from(text, 'latin1')),
    read: (reader) => Buffer.from(reader.bytes()).toString('latin1'),
  },
  bytes: {
    wire: 2,
    fits: always,
    write: (writer, text) => writer.bytes(Buffer.from(text, 'base64')),
    read: (reader) => Buffer.from(reader.bytes()).toString('base64'),
  },
};

export function isScalarType(name: string): name is ScalarType {
  return Object.hasOwn(codecs, name);
}

export function codecOf(type: ScalarType): ScalarCodec {
  return codecs[type];
}

function textOfNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
