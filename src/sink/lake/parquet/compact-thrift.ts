/**
 * Thrift's compact protocol, as much as the footer of a Parquet file needs.
 *
 *     struct   fields, then 0x00
 *     field    (id - id before) << 4 | type; or type alone, then the id as zigzag varint
 *     integer  zigzag varint        binary   length as varint, bytes
 *     list     count << 4 | type of the elements; from 15 on 0xF0 | type, then the count as varint
 *     boolean  in a field the type says it (1 true, 2 false); as an element a byte
 */
export const thriftType = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const;

export interface ThriftField {
  readonly id: number;
  readonly type: number;
  readonly value: ThriftValue;
}

export interface ThriftList {
  readonly elementType: number;
  readonly items: readonly ThriftValue[];
}

/** Integers as bigint; a boolean of a field has its value in the type. */
export type ThriftValue = bigint | boolean | Buffer | ThriftList | readonly ThriftField[];

export class ThriftReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  /** The head of the next field of a struct; undefined at its end. */
  fieldHead(before: number): { readonly id: number; readonly type: number } | undefined {
    const head = this.#byte();
    if (head === 0) return undefined;
    const type = head & 15;
    const step = head >> 4;
    return { id: step === 0 ? Number(this.#zigzag()) : before + step, type };
  }

  value(type: number): ThriftValue {
    switch (type) {
      case thriftType.true:
        return true;
      case thriftType.false:
        return false;
      case thriftType.byte:
        return BigInt(this.#byte());
      case thriftType.i16:
      case thriftType.i32:
      case thriftType.i64:
        return this.#zigzag();
      case thriftType.double:
        return this.#take(8);
      case thriftType.binary:
        return this.#take(Number(this.#varint()));
      case thriftType.list:
      case thriftType.set:
        return this.#list();
      case thriftType.struct:
        return this.#struct();
      default:
        throw new RangeError(`Thrift type ${type} at byte ${this.#at} is not known`);
    }
  }

  #struct(): ThriftField[] {
    const fields: ThriftField[] = [];
    let id = 0;
    for (let head = this.fieldHead(id); head !== undefined; head = this.fieldHead(id)) {
      id = head.id;
      fields.push({ ...head, value: this.value(head.type) });
    }
    return fields;
  }

  #list(): ThriftList {
    const head = this.#byte();
    const elementType = head & 15;
    const count = head >> 4 === 15 ? Number(this.#varint()) : head >> 4;
    const isBoolean = elementType === thriftType.true || elementType === thriftType.false;
    const items = Array.from({ length: count }, () =>
      isBoolean ? this.#byte() === 1 : this.value(elementType),
    );
    return { elementType, items };
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new RangeError('the footer ends too early');
    this.#at += 1;
    return byte;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('the footer ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }
}

export function encodeList({ elementType, items }: ThriftList): Buffer {
  const count = items.length;
  const head = count < 15 ? [(count << 4) | elementType] : [0xf0 | elementType];
  const parts = items.map((item) =>
    typeof item === 'boolean' ? Buffer.of(item ? 1 : 2) : encodeValue(elementType, item),
  );
  return Buffer.concat([Buffer.from(head), count < 15 ? noBytes : varint(BigInt(count)), ...parts]);
}

const noBytes = Buffer.alloc(0);

function encodeValue(type: number, value: ThriftValue): Buffer {
  if (typeof value === 'boolean') return noBytes;
  if (typeof value === 'bigint') {
    return type === thriftType.byte ? Buffer.of(Number(value)) : zigzag(value);
  }
  if (Buffer.isBuffer(value)) {
    return type === thriftType.double
      ? value
      : Buffer.concat([varint(BigInt(value.length)), value]);
  }
  return 'items' in value ? encodeList(value) : encodeStruct(value);
}

function encodeStruct(fields: readonly ThriftField[]): Buffer {
  const parts: Buffer[] = [];
  let before = 0;
  for (const { id, type, value } of fields) {
    const step = id - before;
    const isShort = step > 0 && step < 16;
    parts.push(
      isShort
        ? Buffer.of((step << 4) | type)
        : Buffer.concat([Buffer.of(type), zigzag(BigInt(id))]),
    );
    parts.push(encodeValue(type, value));
    before = id;
  }
  return Buffer.concat([...parts, Buffer.of(0)]);
}

function zigzag(value: bigint): Buffer {
  return varint(value < 0n ? -value * 2n - 1n : value * 2n);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.of(...bytes, Number(rest));
}
