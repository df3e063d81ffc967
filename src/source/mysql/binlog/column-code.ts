import type { Column } from '../../../change/table-schema.ts';
import {
  type ColumnCode,
  type Constants,
  call,
  copy,
  copyBytes,
  fixed,
  lengthBytesOf,
  shortText,
  sized,
  textual,
  writeInt64,
} from './code-parts.ts';
import { type DigitGroup, decimalBytes, decimalGroups } from './decimal.ts';
import { wireType } from './event-format.ts';
import type { WireColumn } from './table-map.ts';
import { emitDate, emitDatetime, emitTime, emitTimestamp, fractionBytes } from './temporal-code.ts';
import { emitString } from './text-code.ts';

/** The code for a column, undefined when its type cannot be decoded for certain. */
export function emitColumn(
  wire: WireColumn,
  column: Column,
  index: number,
  constants: Constants,
): ColumnCode | undefined {
  const { type } = column;
  switch (type.kind) {
    case 'int':
      return integer(wire, type.unsigned);
    case 'float':
      return fixed(type.bits / 8, copy(type.bits / 8), type.bits / 8);
    case 'decimal':
      return decimal(type.precision, type.scale, constants);
    case 'date':
      return type.text ? textual('V.dateText(w, b, p);', 3) : emitDate(index, constants);
    case 'datetime':
      return emitDatetime(type.fsp, type.text === true, index, constants);
    case 'timestamp':
      return emitTimestamp(type.fsp, type.text === true, index);
    case 'time':
      return emitTime(type.fsp, type.text === true);
    case 'year':
      return fixed(1, 'v = b[p]; if (v) v += 1900; o[q++] = v; o[q++] = v >> 8;', 2);
    case 'bit':
      return bit(wire.size);
    case 'string':
      return emitString(wire, column, index, constants);
    case 'json':
      return sized(wire.size, call(`V.json(w, b, p, n, ${index});`), 0);
    case 'binary':
    case 'geometry':
      return binary(wire, index);
  }
}

/** Moves `p` behind a value of a column that is not part of the schema. */
export function emitSkip(wire: WireColumn): string | undefined {
  switch (wire.type) {
    case wireType.tiny:
    case wireType.year:
      return 'p += 1;';
    case wireType.short:
      return 'p += 2;';
    case wireType.long:
    case wireType.float:
      return 'p += 4;';
    case wireType.longlong:
    case wireType.double:
      return 'p += 8;';
    case wireType.timestamp2:
      return `p += ${4 + fractionBytes(wire.size)};`;
    default:
      return undefined;
  }
}

const integerBytes: Readonly<Record<number, number>> = {
  [wireType.tiny]: 1,
  [wireType.short]: 2,
  [wireType.int24]: 3,
  [wireType.long]: 4,
  [wireType.longlong]: 8,
};

function integer(wire: WireColumn, unsigned: boolean): ColumnCode | undefined {
  const size = integerBytes[wire.type];
  if (size === undefined) return undefined;
  if (size !== 3) return fixed(size, copy(size), size);
  const top = unsigned ? '0' : '(b[p + 2] & 128 ? 255 : 0)';
  return fixed(3, `${copy(3)} o[q++] = ${top};`, 4);
}

/** Up to 15 digits are exact in a double; more go through BigInt. */
function decimal(precision: number, scale: number, constants: Constants): ColumnCode {
  const groups = decimalGroups(precision, scale);
  const size = precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;
  const bytes = decimalBytes(precision, scale);
  if (precision > 15) {
    const code = call(`V.decimal(w, b, p, ${constants.add(groups)}, ${size});`);
    return fixed(bytes, code, size);
  }
  const write =
    size === 4 ? 'd.setInt32(q, m ? -v : v, true); q += 4;' : `if (m) v = -v; ${writeInt64('v')}`;
  return fixed(bytes, `m = b[p] & 128 ? 0 : 255; ${sumGroups(groups)} ${write}`, size);
}

function sumGroups(groups: readonly DigitGroup[]): string {
  let offset = 0;
  return groups
    .map(({ digits, bytes }, place) => {
      const terms = Array.from({ length: bytes }, (_, index) => {
        const byte = `(b[p + ${offset + index}] ^ m${offset + index === 0 ? ' ^ 128' : ''})`;
        return index === bytes - 1 ? byte : `${byte} * ${256 ** (bytes - 1 - index)}`;
      }).join(' + ');
      offset += bytes;
      return place === 0 ? `v = ${terms};` : `v = v * ${10 ** digits} + ${terms};`;
    })
    .join(' ');
}

/** Bytes of the bits, highest first. */
function bit(bits: number): ColumnCode {
  const size = (bits + 7) >> 3;
  const moves = Array.from({ length: 8 }, (_, index) =>
    index < size ? `o[q + ${index}] = b[p + ${size - 1 - index}];` : `o[q + ${index}] = 0;`,
  );
  return fixed(size, `${moves.join(' ')} q += 8;`, 8);
}

function binary(wire: WireColumn, index: number): ColumnCode | undefined {
  switch (wire.type) {
    case wireType.string:
      return sized(lengthBytesOf(wire), call(`V.padded(w, b, p, n, ${wire.size});`), 0);
    case wireType.varchar:
    case wireType.varString:
    case wireType.blob:
    case wireType.geometry:
      return sized(lengthBytesOf(wire), copyBytes, shortText + 1);
    case wireType.varcharCompressed:
    case wireType.blobCompressed:
      return sized(
        lengthBytesOf(wire),
        call(`x = V.inflated(b, p, n, ${index}); V.bytes(w, x, 0, x.length);`),
        0,
      );
    default:
      return undefined;
  }
}
