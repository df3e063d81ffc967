import type { ValueEncoding } from '../../src/change/message-layout.ts';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { ColumnType } from '../../src/change/table-schema.ts';

/** A value as a tool writes it into JSON, by none of the product's code: JSON text. */
export function writeValue(type: ColumnType, value: RowValue, encoding: ValueEncoding): string {
  if (value === null) return 'null';
  switch (encoding) {
    case 'text':
      return textOf(type, value);
    case 'iso':
      return JSON.stringify(`${serverText(type, value).replace(' ', 'T')}Z`);
    case 'epochDays':
      return String(typeof value === 'string' ? Date.parse(value) / 86_400_000 : value);
    case 'epochMillis':
    case 'epochMicros':
    case 'epochNanos':
      return String(ticksOf(type, value) * 10n ** BigInt(unitOf(encoding) - fspOf(type)));
    case 'base64':
      return JSON.stringify(bytesOf(value).toString('base64'));
    case 'latin1':
      return JSON.stringify(bytesOf(value).toString('latin1'));
    case 'unscaledBase64':
      return JSON.stringify(twosComplement(BigInt(value as bigint)).toString('base64'));
    case 'bits':
      return JSON.stringify(littleEndian(BigInt(value as bigint)).toString('base64'));
    case 'boolean':
      return BigInt(value as bigint) === 0n ? 'false' : 'true';
    case 'geometry': {
      const bytes = bytesOf(value);
      const srid = bytes.readUInt32LE(0);
      const wkb = bytes.subarray(4).toString('base64');
      return JSON.stringify({ srid: srid === 0 ? null : srid, wkb });
    }
    case 'value':
      return String(value);
  }
}

function textOf(type: ColumnType, value: RowValue): string {
  const text = serverText(type, value);
  const isNumber = ['int', 'float', 'bit', 'year'].includes(type.kind);
  return isNumber ? text : JSON.stringify(text);
}

/** As the server itself prints it. */
export function serverText(type: ColumnType, value: RowValue): string {
  if (typeof value === 'string') return value;
  switch (type.kind) {
    case 'decimal':
      return decimalText(BigInt(value as bigint), type.scale);
    case 'date':
      return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    case 'datetime':
    case 'timestamp': {
      const { whole, fraction } = split(BigInt(value as bigint), type.fsp);
      const iso = new Date(Number(whole) * 1000).toISOString();
      return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction}`;
    }
    case 'time': {
      const ticks = BigInt(value as bigint);
      const { whole, fraction } = split(ticks < 0n ? -ticks : ticks, type.fsp);
      const parts = [whole / 3600n, (whole / 60n) % 60n, whole % 60n];
      const text = parts.map((part) => String(part).padStart(2, '0')).join(':');
      return `${ticks < 0n ? '-' : ''}${text}${fraction}`;
    }
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

function decimalText(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const sign = value < 0n ? '-' : '';
  return scale === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-scale)}`;
}

function split(ticks: bigint, fsp: number): { whole: bigint; fraction: string } {
  const unit = 10n ** BigInt(fsp);
  const rest = ((ticks % unit) + unit) % unit;
  const fraction = fsp === 0 ? '' : `.${String(rest).padStart(fsp, '0')}`;
  return { whole: (ticks - rest) / unit, fraction };
}

/** Of a text `YYYY-MM-DD hh:mm:ss[.f]` or `[-]hhh:mm:ss[.f]`, or of the ticks themselves. */
function ticksOf(type: ColumnType, value: RowValue): bigint {
  if (typeof value !== 'string') return BigInt(value as bigint);
  const unit = 10n ** BigInt(fspOf(type));
  const fraction = BigInt(value.split('.')[1] ?? 0);
  const [head = ''] = value.split('.');
  if (type.kind !== 'time') {
    return (BigInt(Date.parse(`${head.replace(' ', 'T')}Z`)) / 1000n) * unit + fraction;
  }
  const [hours = 0n, minutes = 0n, seconds = 0n] = head.replace('-', '').split(':').map(BigInt);
  const ticks = (hours * 3600n + minutes * 60n + seconds) * unit + fraction;
  return head.startsWith('-') ? -ticks : ticks;
}

function unitOf(encoding: 'epochMillis' | 'epochMicros' | 'epochNanos'): number {
  return { epochMillis: 3, epochMicros: 6, epochNanos: 9 }[encoding];
}

export function fspOf(type: ColumnType): number {
  return 'fsp' in type ? type.fsp : 0;
}

function bytesOf(value: RowValue): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
}

/** The shortest, as Java's BigInteger gives it. */
function twosComplement(value: bigint): Buffer {
  let bytes = 1;
  while (BigInt.asIntN(bytes * 8, value) !== value) bytes++;
  const hex = BigInt.asUintN(bytes * 8, value)
    .toString(16)
    .padStart(bytes * 2, '0');
  return Buffer.from(hex, 'hex');
}

function littleEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  const last = bytes.findLastIndex((byte) => byte !== 0);
  return bytes.subarray(0, Math.max(1, last + 1));
}
