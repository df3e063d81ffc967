import { expect, test } from 'vitest';
import { StateFiles, type TableState } from '../../../../src/sink/hive/table-state.ts';
import { LocalStore } from '../../../../src/sink/lake/store/local-store.ts';
import { openTempFolder } from '../../../support/temp-folder.ts';

const state = (sequence: number): TableState => ({
  ...{ source: 'shop.orders', key: ['id'], columns: [], parts: [], nextPart: 1 },
  ...{ begun: [], retired: [], progress: { sequence, value: '{}' } },
});

test('of two processes that go on from the same state of a table, the second is refused', async () => {
  await using folder = await openTempFolder();
  const [one, two] = [0, 0].map(() => new StateFiles(new LocalStore(folder.path)));
  const first = await one?.write('orders', state(1), 0);
  expect(first).toMatchObject({ revision: 1 });
  expect(await two?.write('orders', state(9), 0)).toBeUndefined();
  expect(await one?.write('orders', state(2), 1)).toMatchObject({ revision: 2 });
  expect((await two?.read('orders'))?.state.progress?.sequence).toBe(2);
});

test('a process that is far behind is refused although the state it goes on from is deleted', async () => {
  await using folder = await openTempFolder();
  const states = new StateFiles(new LocalStore(folder.path));
  for (let revision = 0; revision < 5; revision++) {
    await states.write('orders', state(revision), revision);
  }
  expect(await states.write('orders', state(99), 2)).toBeUndefined();
  expect(await states.read('orders')).toMatchObject({ revision: 5, state: state(4) });
  expect(await states.targets()).toEqual(['orders']);
});
