import type { ValueEncoding } from '../change/message-layout.ts';
import { type Column, type ColumnType, decimalBytes, valueBytes } from '../change/table-schema.ts';
import { type JsonCode, reload } from './json-code.ts';

/** How a format writes numbers: Canal has only strings. */
export interface ValueStyle {
  readonly quotesNumbers: boolean;
  readonly quotesDecimals: boolean;
  /** Decimals as the nearest double. */
  readonly roundsDecimals?: boolean;
}

/** Adds what writes a value that is not NULL; `p` is its place and `n` its length, where it has one. */
export function addValue(
  code: JsonCode,
  column: Column,
  encoding: ValueEncoding,
  style: ValueStyle,
): void {
  const { type } = column;
  switch (encoding) {
    case 'epochDays':
      code.run('q = writeInt32(o, q, v.getInt32(p, true));', 11);
      return;
    case 'epochMillis':
      addTicks(code, 3 - fspOf(type));
      return;
    case 'epochMicros':
      addTicks(code, 6 - fspOf(type));
      return;
    case 'iso':
      quoted(code, () => addDatetime(code, fspOf(type), 'T').text('Z'));
      return;
    case 'base64':
      quoted(code, () => code.run('q = writeBase64(o, q, b, p, p + n);', 8));
      return;
    case 'latin1':
      quoted(code, () => code.call('writeLatin1(w, b, p, p + n, r);'));
      return;
    case 'unscaledBase64':
      quoted(code, () => code.run(`q = writeUnscaled(o, q, b, p, ${valueBytes(type)});`, 48));
      return;
    case 'bits':
      quoted(code, () =>
        code.run(`q = writeBase64(o, q, b, p, p + usedBytes(b, p, ${bitBytes(column)}));`, 16),
      );
      return;
    case 'boolean':
      addBoolean(code);
      return;
    case 'geometry':
      code.run(
        `q = writeGeometry(o, q, b, p, p + n, ${/^point\b/i.test(column.sourceType)});`,
        128,
      );
      return;
    case 'value':
      code.run('q = copyBytes(o, q, b, p, p + n);');
      return;
    default:
      addText(code, type, style);
  }
}

function addText(code: JsonCode, type: ColumnType, style: ValueStyle): void {
  if (valueBytes(type) === undefined) {
    quoted(code, () =>
      code.run(
        `y = copyPlain(o, d, q, b, v, p, p + n);
        if (y - q === n) q = y;
        else { w.offset = y; writeEscaped(w, b, p + y - q, p + n, r); ${reload} }`,
      ),
    );
    return;
  }
  const isDecimal = type.kind === 'decimal';
  const isNumber = isDecimal || ['int', 'float', 'year', 'bit'].includes(type.kind);
  const quotes = isDecimal ? style.quotesDecimals : !isNumber || style.quotesNumbers;
  const add = () => addFixedText(code, type, style);
  if (quotes) quoted(code, add);
  else add();
}

function addFixedText(code: JsonCode, type: ColumnType, style: ValueStyle): void {
  switch (type.kind) {
    case 'int':
      code.run(integer(type.bits, type.unsigned), 20);
      return;
    case 'float':
      addFloat(code, type.bits, style.quotesNumbers);
      return;
    case 'decimal':
      addDecimal(code, type.precision, type.scale, style.roundsDecimals === true);
      return;
    case 'year':
      code.run(
        style.quotesNumbers
          ? 'q = writePadded(o, q, v.getUint16(p, true), 4);'
          : 'q = writeSmall(o, q, v.getUint16(p, true));',
        5,
      );
      return;
    case 'bit':
      code.run(integer(64, true), 20);
      return;
    case 'date':
      code.run('q = writeDate(o, q, v.getInt32(p, true));', 10);
      return;
    case 'time':
      code.run(`q = writeTime(o, q, ${halves}, ${type.fsp});`, 24);
      return;
    case 'datetime':
    case 'timestamp':
      addDatetime(code, type.fsp, ' ');
  }
}

const halves = 'v.getInt32(p, true), v.getInt32(p + 4, true)';

function integer(bits: 8 | 16 | 32 | 64, unsigned: boolean): string {
  if (bits === 64) return `q = write${unsigned ? 'Uint' : 'Int'}64(o, q, ${halves});`;
  if (bits === 32) return `q = write${unsigned ? 'Uint' : 'Int'}32(o, q, v.getInt32(p, true));`;
  if (bits === 16) {
    return unsigned
      ? 'q = writeSmall(o, q, v.getUint16(p, true));'
      : 'q = writeInt32(o, q, v.getInt16(p, true));';
  }
  return unsigned ? 'q = writeSmall(o, q, b[p]);' : 'q = writeInt32(o, q, v.getInt8(p));';
}

/** A source has only finite ones, a model may compute others. */
function addFloat(code: JsonCode, bits: 32 | 64, isQuoted: boolean): void {
  const value = `v.getFloat${bits}(p, true)`;
  const write = `q = writeFloat${bits}(o, q, ${value});`;
  if (isQuoted) code.run(write, 32);
  else
    code.run(
      `if (Number.isFinite(${value})) ${write} else q = writeNotFinite(o, q, ${value});`,
      32,
    );
}

/** Up to 15 digits are exact in a double. */
function addDecimal(code: JsonCode, precision: number, scale: number, rounds: boolean): void {
  const size = decimalBytes(precision);
  if (rounds) {
    code.run(`q = writeRounded(o, q, b, p, ${size}, ${scale});`, 32);
  } else if (size === 4) {
    code.run(`q = writeScaled(o, q, v.getInt32(p, true), ${scale});`, 13);
  } else if (precision <= 15) {
    const value = 'v.getInt32(p + 4, true) * 4294967296 + v.getUint32(p, true)';
    code.run(`q = writeScaled(o, q, ${value}, ${scale});`, 20);
  } else {
    code.run(`q = writeDecimal(o, q, b, p, ${size}, ${scale});`, 84);
  }
}

function addTicks(code: JsonCode, zeros: number): void {
  code.run(
    zeros === 0 ? `q = writeInt64(o, q, ${halves});` : `q = writeTicks(o, q, ${halves}, ${zeros});`,
    27,
  );
}

function addDatetime(code: JsonCode, fsp: number, separator: string): JsonCode {
  return code.run(`q = writeDatetime(o, q, ${halves}, ${fsp}, ${separator.charCodeAt(0)});`, 28);
}

function quoted(code: JsonCode, add: () => unknown): void {
  code.text('"');
  add();
  code.text('"');
}

function fspOf(type: ColumnType): number {
  return 'fsp' in type ? type.fsp : 0;
}

/** A wider value, which came with a schema that is not this one any more, is a number: no boolean holds it. */
function addBoolean(code: JsonCode): void {
  const inner = () => code.inner();
  const either = inner().choose('b[p] === 0', inner().text('false'), inner().text('true'));
  const number = inner().run(integer(64, true), 20);
  code.choose('b[p] < 2 && usedBytes(b, p, 1) === 1', either, number);
}

/** How many bits a bit column has; its column type does not say, nor the version of its schema. */
export function bitsOf({ sourceType }: Column): number {
  return Number(/^bit\((\d+)\)/i.exec(sourceType)?.[1] ?? 1);
}

function bitBytes(column: Column): number {
  return (bitsOf(column) + 7) >> 3;
}
