/** The text form of bytes in Delta's log: ZeroMQ's base 85 (rfc.zeromq.org/spec/32), 4 bytes in 5 characters. */
const digits =
  '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** Of a length that is no multiple of 4 the end is filled with zeros. */
export function encodeZ85(bytes: Buffer): string {
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  let text = '';
  for (let at = 0; at < padded.length; at += 4) {
    let rest = padded.readUInt32BE(at);
    let group = '';
    for (let digit = 0; digit < 5; digit += 1) {
      group = digits.charAt(rest % 85) + group;
      rest = Math.floor(rest / 85);
    }
    text += group;
  }
  return text;
}

export function decodeZ85(text: string): Buffer {
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let group = 0; group * 5 < text.length; group += 1) {
    let value = 0;
    for (const digit of text.slice(group * 5, group * 5 + 5)) {
      value = value * 85 + digits.indexOf(digit);
    }
    bytes.writeUInt32BE(value, group * 4);
  }
  return bytes;
}
