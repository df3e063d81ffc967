import type { Column, ColumnType, TableSchema } from '../../src/change/table-schema.ts';

/** A row of row bytes, its values as text in the form MySQL prints them (binary and geometry as hex). */
export interface DecodedRow {
  readonly values: Readonly<Record<string, string | null>>;
  readonly version: bigint;
  readonly deleted: boolean;
  /** The row before an update. */
  readonly isBefore?: true;
}

/** Reads row bytes by the table in change/table-schema.ts, plainly and value by value. */
export function decodeRows(schema: TableSchema, bytes: Buffer): DecodedRow[] {
  const rows: DecodedRow[] = [];
  const reader = new Reader(bytes);
  while (!reader.atEnd) {
    const values = Object.fromEntries(
      schema.columns.map((column) => [column.name, readColumn(reader, column)]),
    );
    const version = reader.integer(8, false);
    const flag = reader.integer(1, false);
    rows.push({ values, version, deleted: flag === 1n, ...(flag === 2n && { isBefore: true }) });
  }
  return rows;
}

class Reader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  take(size: number): Buffer {
    if (this.#offset + size > this.#bytes.length) throw new Error('row bytes end inside a value');
    this.#offset += size;
    return this.#bytes.subarray(this.#offset - size, this.#offset);
  }

  integer(size: number, signed: boolean): bigint {
    const value = BigInt(`0x${Buffer.from(this.take(size)).reverse().toString('hex')}`);
    return signed ? BigInt.asIntN(size * 8, value) : value;
  }

  counted(): Buffer {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.take(1)[0] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return this.take(length);
    }
  }
}

function readColumn(reader: Reader, { type, nullable }: Column): string | null {
  if (nullable && reader.integer(1, false) === 1n) return null;
  return readValue(reader, type);
}

function readValue(reader: Reader, type: ColumnType): string {
  if ('text' in type && type.text) return reader.counted().toString();
  switch (type.kind) {
    case 'int':
      return String(reader.integer(type.bits / 8, !type.unsigned));
    case 'float':
      return renderFloat(reader.take(type.bits / 8));
    case 'decimal':
      return renderScaled(reader.integer(decimalBytes(type.precision), true), type.scale);
    case 'date':
      return renderDay(Number(reader.integer(4, true)));
    case 'datetime':
    case 'timestamp':
      return renderDatetime(reader.integer(8, true), type.fsp);
    case 'time':
      return renderTime(reader.integer(8, true), type.fsp);
    case 'year':
      return String(reader.integer(2, false)).padStart(4, '0');
    case 'bit':
      return String(reader.integer(8, false));
    case 'string':
    case 'json':
      return reader.counted().toString();
    case 'binary':
    case 'geometry':
      return reader.counted().toString('hex');
  }
}

function renderFloat(bytes: Buffer): string {
  const value = bytes.length === 4 ? bytes.readFloatLE() : bytes.readDoubleLE();
  return Object.is(value, -0) ? '-0' : String(value);
}

function decimalBytes(precision: number): number {
  if (precision <= 9) return 4;
  if (precision <= 18) return 8;
  return precision <= 38 ? 16 : 32;
}

function renderScaled(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${value < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`;
}

function renderDay(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, 10);
}

function renderDatetime(ticks: bigint, fsp: number): string {
  const scale = 10n ** BigInt(fsp);
  const fraction = ((ticks % scale) + scale) % scale;
  const seconds = Number((ticks - fraction) / scale);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return text + (fsp > 0 ? `.${String(fraction).padStart(fsp, '0')}` : '');
}

function renderTime(ticks: bigint, fsp: number): string {
  const scale = 10n ** BigInt(fsp);
  const size = ticks < 0n ? -ticks : ticks;
  const seconds = Number(size / scale);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const text = [hours, minutes, seconds % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const fraction = fsp > 0 ? `.${String(size % scale).padStart(fsp, '0')}` : '';
  return `${ticks < 0n ? '-' : ''}${text}${fraction}`;
}
