import type { ValueEncoding } from '../../../src/change/message-layout.ts';
import type { RowValue } from '../../../src/change/row-codec.ts';
import type { Column, ColumnType } from '../../../src/change/table-schema.ts';
import type { ExactValue } from './exact-json.ts';

/** The value of a message as row-codec.ts has it: the reverse of what a format writes, plainly. */
export function readValue({ type }: Column, encoding: ValueEncoding, value: ExactValue): RowValue {
  if (value === null) return null;
  switch (encoding) {
    case 'epochDays':
      return Number(token(value));
    case 'epochMillis':
      return scaled(BigInt(token(value)), 3, type);
    case 'epochMicros':
      return scaled(BigInt(token(value)), 6, type);
    case 'base64':
      return Buffer.from(text(value), 'base64');
    case 'latin1':
      return Buffer.from(text(value), 'latin1');
    case 'unscaledBase64':
      return signed(Buffer.from(text(value), 'base64'));
    case 'bits':
      return unsigned(Buffer.from(text(value), 'base64').toReversed());
    case 'boolean':
      return value === true ? 1n : 0n;
    case 'geometry': {
      const { wkb, srid } = value as { wkb: ExactValue; srid: ExactValue };
      const head = Buffer.alloc(4);
      head.writeInt32LE(srid === null ? 0 : Number(token(srid)));
      return Buffer.concat([head, Buffer.from(text(wkb), 'base64')]);
    }
    case 'value':
      return JSON.stringify(value);
    default:
      return readText(type, typeof value === 'string' ? value : token(value));
  }
}

function readText(type: ColumnType, value: string): RowValue {
  if ('text' in type && type.text) return value;
  switch (type.kind) {
    case 'int':
      return type.bits === 64 ? BigInt(value) : Number(value);
    case 'year':
      return Number(value);
    case 'float':
      return type.bits === 32 ? Math.fround(Number(value)) : Number(value);
    case 'bit':
      return BigInt(value);
    case 'decimal':
      return BigInt(value.replace('.', ''));
    case 'date':
      return Date.parse(`${value}T00:00:00Z`) / 86_400_000;
    case 'datetime':
    case 'timestamp': {
      const [seconds = '', fraction = ''] = value.replace('Z', '').split('.');
      const whole = BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`) / 1000);
      return whole * 10n ** BigInt(type.fsp) + BigInt(fraction);
    }
    case 'time': {
      const [, sign = '', hours = '', minutes = '', seconds = '', fraction = ''] =
        /^(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$/.exec(value) ?? [];
      const whole = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds);
      const ticks = whole * 10n ** BigInt(type.fsp) + BigInt(fraction);
      return sign === '-' ? -ticks : ticks;
    }
    default:
      return value;
  }
}

function token(value: ExactValue): string {
  if (value !== null && typeof value === 'object' && 'number' in value) return String(value.number);
  throw new TypeError(`not a number: ${JSON.stringify(value)}`);
}

function text(value: ExactValue): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`not a string: ${JSON.stringify(value)}`);
}

function scaled(ticks: bigint, digits: number, type: ColumnType): bigint {
  return ticks / 10n ** BigInt(digits - ('fsp' in type ? type.fsp : 0));
}

function unsigned(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function signed(bytes: Buffer): bigint {
  return BigInt.asIntN(bytes.length * 8, unsigned(bytes));
}
