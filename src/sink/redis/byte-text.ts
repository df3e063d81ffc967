/*
 * Rows go through this sink as strings with one character for each byte of their UTF-8: they are cut out of
 * the engine's lines and copied into commands without being decoded, and JSON.parse takes them as they are.
 */

/** Text of people as bytes. */
export function bytesAsText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Back again, for people. */
export function textOfBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
