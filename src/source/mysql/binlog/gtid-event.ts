/**
 * The commit time in a GTID event of MySQL 8 (libs/mysql/binlog/event/control_events.h), in
 * milliseconds since 1970; undefined in events of older servers.
 *
 *   flags(1) source uuid(16) number(8) logical clock: type(1) last committed(8) sequence(8)
 *   immediate commit time(7, microseconds; highest bit: another 7 bytes follow)
 */
export function readCommitTime(buffer: Buffer, body: number, end: number): number | undefined {
  const at = body + 42;
  if (at + 7 > end || buffer[body + 25] !== logicalClockType) return undefined;
  const low = buffer.readUInt32LE(at);
  const high = buffer.readUIntLE(at + 4, 3) & 0x7fffff;
  return Math.floor((high * 2 ** 32 + low) / 1000);
}

const logicalClockType = 2;
