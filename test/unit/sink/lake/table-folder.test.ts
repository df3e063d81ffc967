import { expect, test } from 'vitest';
import { folderName } from '../../../../src/sink/lake/table-folder.ts';

test.each([
  { target: 'orders', folder: 'orders' },
  { target: 'shop.orders-2', folder: 'shop.orders-2' },
  { target: '订单', folder: '订单' },
  { target: 'a/b', folder: 'a~2fb' },
  { target: '..', folder: '~2e.' },
  { target: '_removed', folder: '~5fremoved' },
  { target: "it's {a,b}*?~", folder: 'it~27s~20~7ba~2cb~7d~2a~3f~7e' },
])('the table $target of a lake lies in the folder $folder', ({ target, folder }) => {
  expect(folderName(target)).toBe(folder);
});
