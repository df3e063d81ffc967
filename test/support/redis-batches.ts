import { redisTable, type VersionedRow } from './redis-table.ts';

/** With two indexes, so that a batch is many commands. */
export const crashTable = redisTable(
  { id: 'int', student_id: 'int', note: 'text' },
  {
    indexes: [
      { key: 'by:student_id:{student_id}' },
      { key: 'ranked:{note}', member: '{id}', score: 'student_id' },
    ],
  },
);

/** Rows of the batch with this sequence in the tests that kill; more than one script takes. */
export function crashRows(sequence: number): VersionedRow[] {
  const ids = new Set(Array.from({ length: 500 }, (_, at) => (sequence * 7 + at * at * 5) % 900));
  return [...ids].map((id, at) => {
    const version = sequence * 1000 + at;
    if ((id + sequence) % 5 === 0) return [-version, String(id), null, null];
    return [version, String(id), String((id + sequence) % 7), `note ${sequence % 3}`];
  });
}

/** What is read back after that many of those batches, sorted. */
export function crashState(batches: number): string[] {
  const state = new Map<string, string>();
  for (let sequence = 1; sequence <= batches; sequence++) {
    for (const [version, id = '', student, note] of crashRows(sequence)) {
      if (version < 0) state.delete(id as string);
      else state.set(id as string, [id, student, note, version].join('\t'));
    }
  }
  return [...state.values()].sort();
}
