import type { Column } from '../../../change/table-schema.ts';
import { decodeText, type TextDecoding, textDecodingOf } from './charset.ts';
import {
  type ColumnCode,
  type Constants,
  call,
  copyBytes,
  fixed,
  lengthBytesOf,
  shortText,
  sized,
} from './code-parts.ts';
import { binaryCollation, wireType } from './event-format.ts';
import { renderInet4, renderInet6, renderUuid } from './network-text.ts';
import type { WireColumn } from './table-map.ts';

/** The code for a column of kind `string`, undefined when its text cannot be decoded for certain. */
export function emitString(
  wire: WireColumn,
  column: Column,
  index: number,
  constants: Constants,
): ColumnCode | undefined {
  const network = networkTypes[column.sourceType.toLowerCase()];
  if (network !== undefined && wire.type === wireType.string) {
    const render = constants.add(network.render);
    return sized(1, call(`V.rendered(w, b, p, n, ${network.width}, ${render});`), 0);
  }
  const decoding = wire.collation === undefined ? undefined : textDecodingOf(wire.collation);
  if (decoding === undefined || wire.collation === binaryCollation) return undefined;
  switch (wire.type) {
    case wireType.enum:
      return enumeration(wire, index, decoding, constants);
    case wireType.set:
      return set(wire, decoding, constants);
    case wireType.string:
    case wireType.varchar:
    case wireType.varString:
    case wireType.blob:
      return text(wire, decoding, index, constants);
    case wireType.varcharCompressed:
    case wireType.blobCompressed:
      return compressedText(wire, decoding, index, constants);
    default:
      return undefined;
  }
}

/** MariaDB types that a TABLE_MAP shows as char in the binary character set. */
export const networkTypes: Readonly<
  Record<string, { readonly width: number; readonly render: (bytes: Buffer) => string }>
> = {
  uuid: { width: 16, render: renderUuid },
  inet4: { width: 4, render: renderInet4 },
  inet6: { width: 16, render: renderInet6 },
};

function text(
  wire: WireColumn,
  decoding: TextDecoding,
  index: number,
  constants: Constants,
): ColumnCode {
  const lengthBytes = lengthBytesOf(wire);
  if (decoding.kind === 'utf8') return sized(lengthBytes, copyBytes, shortText + 1);
  return sized(lengthBytes, call(convert('b, p, n', decoding, index, constants)), 0);
}

function convert(
  value: string,
  decoding: TextDecoding,
  index: number,
  constants: Constants,
): string {
  if (decoding.kind === 'utf8') return `V.bytes(w, ${value});`;
  if (decoding.kind === 'singleByte') {
    return `V.singleByte(w, ${value}, ${constants.add(decoding.utf8)});`;
  }
  return `V.multiByte(w, ${value}, ${constants.add(decoding.decode)}, ${index});`;
}

function compressedText(
  wire: WireColumn,
  decoding: TextDecoding,
  index: number,
  constants: Constants,
): ColumnCode {
  const code = convert('x, 0, x.length', decoding, index, constants);
  return sized(lengthBytesOf(wire), call(`x = V.inflated(b, p, n, ${index}); ${code}`), 0);
}

/** A number from 1; 0 stands for a value that was no member, which the server shows as ''. */
function enumeration(
  wire: WireColumn,
  index: number,
  decoding: TextDecoding,
  constants: Constants,
): ColumnCode {
  const values = [Buffer.alloc(0), ...wire.members].map((member) => {
    const utf8 = Buffer.from(decodeText(decoding, member), 'utf8');
    return Buffer.concat([lengthPrefix(utf8.length), utf8]);
  });
  const number = wire.size === 1 ? 'b[p]' : 'b[p] | b[p + 1] << 8';
  return fixed(
    wire.size,
    `v = ${number}; if (v > ${wire.members.length}) V.reject(${index}, 'an enum number without a member');
    x = ${constants.add(values)}[v]; for (e = 0; e < x.length; ) o[q++] = x[e++];`,
    Math.max(...values.map((value) => value.length)),
  );
}

function lengthPrefix(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function set(wire: WireColumn, decoding: TextDecoding, constants: Constants): ColumnCode {
  const members = constants.add(wire.members.map((member) => decodeText(decoding, member)));
  const known = constants.add(new Map<string, string>());
  const part = (from: number) =>
    Array.from({ length: Math.max(0, Math.min(4, wire.size - from)) }, (_, index) =>
      index === 0 ? `b[p + ${from}]` : `b[p + ${from + index}] * ${256 ** index}`,
    ).join(' + ') || '0';
  return fixed(wire.size, call(`V.set(w, ${members}, ${known}, ${part(0)}, ${part(4)});`), 0);
}
