import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import type { QueryBatch } from '../sink.ts';

/** Halvings that tell any two keys apart. */
const mostHalvings = 40;
/** Bad rows of one batch before it is not worth going on. */
const mostRefused = 100;

/**
 * Writes a batch that the store has refused: its keys are halved by their hash, which stays the same while rows change, until each
 * bad row stands alone. Those become dead letters.
 */
export async function siftRows(
  batch: QueryBatch,
  write: (part: QueryBatch) => Promise<void>,
): Promise<void> {
  const key = batch.table.key.map(quoteIdentifier).join(', ');
  const letters: string[] = [];
  const sift = async (halvings: number, rest: bigint): Promise<void> => {
    const condition = `cityHash64(${key}) % ${2n ** BigInt(halvings)} = ${rest}`;
    const select = `SELECT * FROM (${batch.select}) WHERE ${condition}`;
    try {
      await write({ ...batch, select });
    } catch (error) {
      if (!isRejection(error) || halvings === mostHalvings) throw error;
      const [found] = await batch.engine.rows<{ rows: string }>(
        `SELECT count() AS rows FROM (${select})`,
      );
      if (found?.rows !== '1') {
        await sift(halvings + 1, rest);
        await sift(halvings + 1, rest + 2n ** BigInt(halvings));
        return;
      }
      letters.push(letterOf(batch, select, error.message));
      if (letters.length > mostRefused) throw error;
    }
  };
  await sift(0, 0n);
  if (letters.length > 0) await batch.refuse(letters.join(' UNION ALL '));
}

export function isRejection(error: unknown): error is CdcError {
  return error instanceof CdcError && error.code === 'CDC_SINK_REJECTED';
}

function letterOf({ table }: QueryBatch, select: string, reason: string): string {
  const isText = new Set(
    table.columns.filter(({ engineType }) => engineType === 'String').map(({ name }) => name),
  );
  const texts = table.key.map(
    (name) => `${isText.has(name) ? 'hex' : 'toString'}(${quoteIdentifier(name)})`,
  );
  return (
    `SELECT toJSONString([${texts.join(', ')}]) AS key, _version AS version, ` +
    `${quoteString(reason)} AS reason FROM (${select})`
  );
}
