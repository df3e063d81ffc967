import { describe, expect, test } from 'vitest';
import { type PendingBatch, ProducerPartition } from '../../../src/kafka/producer-partition.ts';
import { batchField } from '../../../src/kafka/record-batch.ts';

const identity = { producerId: 7n, producerEpoch: 1 };
const lost = new Error('lost');

/** A partition, and what became of the batches given to it, by name. */
function aPartition() {
  const partition = new ProducerPartition('orders', 3);
  const outcomes: [string, number | string][] = [];
  const add = (name: string, recordCount = 10): PendingBatch => {
    const batch: PendingBatch = {
      bytes: Buffer.alloc(batchField.records),
      recordCount,
      firstSequence: undefined,
      isInDoubt: false,
      resolve: (offset) => outcomes.push([name, offset]),
      reject: (error) => outcomes.push([name, error.message]),
    };
    partition.add(batch);
    return batch;
  };
  /** Sends what may be sent; the sequence numbers it goes out with. */
  const send = (again = false): number[] => {
    const sequences: number[] = [];
    for (let batch = partition.next(again); batch !== undefined; batch = partition.next(again)) {
      partition.markSent(batch, identity);
      sequences.push(batch.bytes.readInt32BE(batchField.baseSequence));
    }
    return sequences;
  };
  return { partition, outcomes, add, send };
}

/** One that has stored a batch of 10 at offset 100, so that others may follow one another. */
function aProvenPartition() {
  const all = aPartition();
  const first = all.add('first');
  all.send();
  all.partition.markStored(first, 100);
  return all;
}

describe('a partition of the producer', () => {
  test('sends its first batch alone, then any number in order', () => {
    const { partition, outcomes, add, send } = aPartition();
    const [a, b, c] = [add('a'), add('b', 5), add('c')];
    expect(send()).toEqual([0]);
    partition.markStored(a, 40);
    expect(send()).toEqual([10, 15]);
    partition.markStored(b, 50);
    partition.markStored(c, 55);
    expect(outcomes).toEqual([
      ['a', 40],
      ['b', 50],
      ['c', 55],
    ]);
    expect(partition.end).toBe(65);
  });

  test('sends all again in order, the first alone, once everything on the wire is answered', () => {
    const { partition, outcomes, add, send } = aProvenPartition();
    const [a, b, c] = [add('a'), add('b'), add('c')];
    send();
    add('d');
    partition.markRefused({ batch: a, verdict: 'retry', error: lost });
    partition.markRefused({ batch: b, verdict: 'gap', error: lost });
    expect(send()).toEqual([]);
    partition.markRefused({ batch: c, verdict: 'gap', error: lost });
    expect(partition.takeTrouble()).toMatchObject({ batch: a, verdict: 'retry' });
    expect(partition.takeTrouble()).toBeUndefined();
    expect(send()).toEqual([10]);
    partition.markStored(a, 110);
    expect(send()).toEqual([20, 30, 40]);
    expect(outcomes.slice(1)).toEqual([['a', 110]]);
  });

  test('keeps what was stored behind a lost batch out of the next round', () => {
    const { partition, add, send } = aProvenPartition();
    const [a, b] = [add('a'), add('b')];
    send();
    partition.markRefused({ batch: a, verdict: 'retry', error: lost });
    partition.markStored(b, 120);
    expect(partition.pending).toEqual([a]);
    expect(send()).toEqual([10]);
  });

  test('gives up everything behind a refused batch, and uses its sequence number again', () => {
    const { partition, outcomes, add, send } = aProvenPartition();
    const [a, b] = [add('a'), add('b')];
    send();
    add('c');
    const result = { topic: 'orders', partition: 3, errorCode: 10, baseOffset: -1 };
    partition.markRefused({ batch: a, verdict: 'refused', error: lost, result });
    partition.markRefused({ batch: b, verdict: 'gap', error: lost });
    partition.rejectAll(new Error('too large'));
    expect(outcomes.slice(1)).toEqual(['a', 'b', 'c'].map((name) => [name, 'too large']));
    add('d');
    expect(send()).toEqual([10]);
  });

  test('uses no sequence number again under which a batch may be stored', () => {
    const { partition, add, send } = aProvenPartition();
    const a = add('a');
    send();
    partition.markRefused({ batch: a, verdict: 'retry', error: lost });
    partition.rejectAll(new Error('not allowed any more'));
    add('b');
    expect(send()).toEqual([20]);
  });

  test('sends only what was sent before while it is asked to', () => {
    const { partition, add, send } = aProvenPartition();
    const a = add('a');
    send();
    add('b');
    partition.markRefused({ batch: a, verdict: 'retry', error: lost });
    expect(partition.hasUnsettled).toBe(true);
    expect(send(true)).toEqual([10]);
    partition.markStored(a, 110);
    expect(send(true)).toEqual([]);
    expect(partition.hasUnsettled).toBe(false);
  });

  test('starts at sequence number 0 under another identity, its first batch alone', () => {
    const { partition, add, send } = aProvenPartition();
    add('a');
    add('b');
    partition.renew();
    expect(send()).toEqual([0]);
  });

  test('counts on from 0 after the largest sequence number', () => {
    const { partition, add, send } = aPartition();
    partition.markStored(sendOne(add('a', 2 ** 31 - 5)), 0);
    partition.markStored(sendOne(add('b', 10)), 0);
    add('c');
    expect(send()).toEqual([5]);

    function sendOne(batch: PendingBatch): PendingBatch {
      send();
      return batch;
    }
  });
});
