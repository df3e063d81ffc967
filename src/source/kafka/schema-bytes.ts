/** Finding, without parsing a message, the part of it that describes its columns. */

const schemaStart = Buffer.from('{"schema":');
const payloadStart = Buffer.from(',"payload":');
const typesStart = Buffer.from('"mysqlType":{');

/**
 * `{"schema":{...},"payload":` at the begin of a message of Kafka Connect's JsonConverter; undefined when it
 * does not begin so. The row or envelope is what follows, up to the last byte.
 */
export function connectPrefix(value: Buffer): Buffer | undefined {
  if (!standsAt(value, schemaStart, 0)) return undefined;
  const end = endOfValue(value, schemaStart.length);
  if (end === undefined || !standsAt(value, payloadStart, end)) return undefined;
  return value.subarray(0, end + payloadStart.length);
}

/** The payload of a message that begins with `prefix`; blank space may follow the message. */
export function payloadAfter(prefix: Buffer, value: Buffer): Buffer {
  let end = value.length - 1;
  while (end > prefix.length && (value[end] ?? 0) <= 0x20) end--;
  return value.subarray(prefix.length, end);
}

/** Where `"mysqlType":{...}` of a message of Canal begins. Values there are text, so the name stands nowhere else. */
export function canalTypesStart(value: Buffer): number {
  return value.indexOf(typesStart);
}

/** `"mysqlType":{...}`, which begins at `start`. */
export function canalTypes(value: Buffer, start: number): Buffer | undefined {
  const end = endOfValue(value, start + typesStart.length - 1);
  return end === undefined ? undefined : value.subarray(start, end);
}

/** Whether `part` stands in `value` at `start`. */
export function standsAt(value: Buffer, part: Buffer, start: number): boolean {
  const end = start + part.length;
  return end <= value.length && value.compare(part, 0, part.length, start, end) === 0;
}

/** The place after the JSON object or `null` that begins at `from`; undefined when there is none. */
function endOfValue(bytes: Buffer, from: number): number | undefined {
  if (bytes[from] === code('n')) return from + 'null'.length;
  let depth = 0;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === code('"')) at = endOfText(bytes, at);
    else if (byte === code('{')) depth++;
    else if (byte === code('}')) depth--;
    if (depth === 0) return byte === code('}') ? at + 1 : undefined;
  }
  return undefined;
}

/** The place of the quote that ends the text beginning at `from`. */
function endOfText(bytes: Buffer, from: number): number {
  let at = from + 1;
  while (at < bytes.length && bytes[at] !== code('"')) at += bytes[at] === code('\\') ? 2 : 1;
  return at;
}

function code(character: string): number {
  return character.charCodeAt(0);
}
