import { crc32 } from 'node:zlib';
import { CdcError } from '../errors.ts';
import type {
  ChangeBatch,
  MessagesSection,
  RowsSection,
  Section,
  TransactionMark,
} from './change-batch.ts';

/**
 * A change batch as bytes:
 *
 *     UInt8   format, 1
 *     UInt32  CRC-32 of everything after it
 *     UInt32  length of the header
 *     header  UTF-8 JSON: the batch; sections with `length` in place of their bytes, versions as text
 *     rows    the bytes of the sections, one after another
 *
 * Numbers are little endian. Rows are copied once when encoded and not at all when decoded.
 */
const format = 1;
const prefixBytes = 9;

interface Header extends Omit<ChangeBatch, 'sections' | 'marks'> {
  readonly sections: readonly HeaderSection[];
  readonly marks?: readonly HeaderMark[];
}

type BytesSection = RowsSection | MessagesSection;
type HeaderMark = Omit<TransactionMark, 'end'> & { readonly end: string };

type HeaderSection =
  | (DistributiveOmit<BytesSection, 'bytes'> & { readonly length: number })
  | (DistributiveOmit<Exclude<Section, BytesSection>, 'version'> & { readonly version: string });

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export function encodeBatch(batch: ChangeBatch): Buffer {
  const { sections, marks, ...rest } = batch;
  const header: Header = {
    ...rest,
    sections: sections.map(headerSection),
    ...(marks && { marks: marks.map((mark) => ({ ...mark, end: mark.end.toString() })) }),
  };
  const json = JSON.stringify(header);
  const jsonBytes = Buffer.byteLength(json);
  const bodies = sections.flatMap((section) => ('bytes' in section ? [section.bytes] : []));
  const bodyBytes = bodies.reduce((sum, body) => sum + body.length, 0);

  const bytes = Buffer.allocUnsafeSlow(prefixBytes + jsonBytes + bodyBytes);
  let offset = prefixBytes + bytes.write(json, prefixBytes);
  for (const body of bodies) offset += body.copy(bytes, offset);
  bytes.writeUInt8(format, 0);
  bytes.writeUInt32LE(jsonBytes, 5);
  bytes.writeUInt32LE(crc32(bytes.subarray(5)), 1);
  return bytes;
}

/**
 * The batch in `bytes`; its rows are views of `bytes`, which must stay as they are. `where` names
 * the place in errors. Throws CDC_LOG_CORRUPT when the bytes are not what was written.
 */
export function decodeBatch(bytes: Buffer, where: string): ChangeBatch {
  if (bytes.length < prefixBytes) throw corrupt(where, `it has only ${bytes.length} bytes`);
  const found = bytes.readUInt8(0);
  if (found !== format)
    throw corrupt(where, `its format is ${found}, this version reads ${format}`);
  if (crc32(bytes.subarray(5)) !== bytes.readUInt32LE(1))
    throw corrupt(where, 'its checksum differs');

  let offset = prefixBytes + bytes.readUInt32LE(5);
  const header = JSON.parse(bytes.toString('utf8', prefixBytes, offset)) as Header;
  const sections = header.sections.map((section): Section => {
    if (!('length' in section)) return { ...section, version: BigInt(section.version) };
    const { length, ...rest } = section;
    offset += length;
    return { ...rest, bytes: bytes.subarray(offset - length, offset) };
  });
  const { marks, ...batch } = header;
  const known = marks?.map((mark) => ({ ...mark, end: BigInt(mark.end) }));
  return { ...batch, sections, ...(known && { marks: known }) };
}

function headerSection(section: Section): HeaderSection {
  if (!('bytes' in section)) return { ...section, version: section.version.toString() };
  const { bytes, ...rest } = section;
  return { ...rest, length: bytes.length };
}

function corrupt(where: string, why: string): CdcError {
  return new CdcError('CDC_LOG_CORRUPT', `Reading ${where}: ${why}.`);
}
