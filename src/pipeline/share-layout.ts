import type { TableId } from '../change/table-id.ts';
import { CdcError } from '../errors.ts';
import type { StateRow, StateTable, StoredState } from '../load/clickhouse/state-table.ts';
import { epochOf, firstVersionOf } from '../load/clickhouse/warehouse-catalog.ts';
import { allShares, offsetKey, progressKey, shareConsumer, shareOf } from './share-state.ts';

/** Scope and key of the number of shares that the loading is divided into now. */
export const layoutScope = 'layout';
export const layoutKey = 'shares';

const planKey = 'load/plan';
/** Keys `load/<what>/<table>`, or of a part of a table as `scopeOf` names it, go where their table goes. */
const tableKey = /^load\/[a-z]+\/(.+)$/s;

/**
 * Makes `load.shares` what the project file says. Shares of another number hold other tables, so each
 * begins where all the former ones stand; throws CDC_CONFIG_INVALID while these are at different places.
 */
export async function arrangeShares(table: StateTable, count: number): Promise<void> {
  await table.create();
  const { rows } = await table.read('');
  const layout = rows.find(({ scope, key }) => scope === layoutScope && key === layoutKey);
  const before = layout === undefined ? undefined : (JSON.parse(layout.value) as number);
  if (before === count) return;
  const version = (layout?.version ?? 0n) + 1n;
  const marker: StateRow = { scope: layoutScope, key: layoutKey, value: String(count), version };
  await table.write([marker, ...(before === undefined ? [] : divideAnew(rows, before, count))]);
}

function divideAnew(rows: readonly StoredState[], before: number, count: number): StateRow[] {
  const former = allShares(before).map((id) => {
    const own = rows.filter(({ scope }) => scope === shareConsumer(id));
    return new Map(own.filter(({ value }) => value !== '').map(({ key, value }) => [key, value]));
  });
  const plans = former.flatMap((share) => {
    const text = share.get(planKey);
    return text === undefined ? [] : [{ text, from: (JSON.parse(text) as { from: number }).from }];
  });
  const places = new Set(former.map((share) => share.get(offsetKey)));
  const offset = former[0]?.get(offsetKey);
  const isUnfinished = plans.some(({ from }) => String(from) === offset);
  if (places.size > 1 || isUnfinished) {
    throw new CdcError(
      'CDC_CONFIG_INVALID',
      `load.shares was ${before} and is ${count} now, and the ${before} shares are not at one place.`,
      {
        remedy: `Set load.shares to ${before}, run \`cdc run --until-current\`, then change it.`,
      },
    );
  }
  if (offset === undefined) return [];
  // Any finished plan that ends here says which position of the source this is.
  const plan = plans.find(({ text }) => String((JSON.parse(text) as { to: number }).to) === offset);
  const ofTables = former.flatMap((share) => [...share].filter(([key]) => tableKey.test(key)));
  return allShares(count).flatMap((id) => {
    const scope = shareConsumer(id);
    const stale = rows.filter((row) => row.scope === scope);
    const epoch = Math.max(0, ...stale.map(({ version }) => epochOf(version))) + 1;
    const values = new Map<string, string>(stale.map(({ key }) => [key, '']));
    values.set(offsetKey, offset);
    values.set(progressKey, former[0]?.get(progressKey) ?? '');
    values.set(planKey, plan?.text ?? '');
    for (const [key, value] of ofTables) {
      if (shareOf(tableOf(key), count) === id.number) values.set(key, value);
    }
    return [...values].map(([key, value], index) => ({
      scope,
      key,
      value,
      version: firstVersionOf(epoch) + BigInt(index),
    }));
  });
}

function tableOf(key: string): TableId {
  const scope = tableKey.exec(key)?.[1] ?? '';
  return scope.startsWith('[') ? String((JSON.parse(scope) as unknown[])[0]) : scope;
}

/** The place of every share of the present layout: its offset, or undefined before it was first loaded. */
export function shareOffsets(
  rows: readonly StoredState[],
  count: number,
): ReadonlyMap<string, number | undefined> {
  return new Map(
    allShares(count).map((id) => {
      const scope = shareConsumer(id);
      const row = rows.find((each) => each.scope === scope && each.key === offsetKey);
      return [scope, row === undefined || row.value === '' ? undefined : Number(row.value)];
    }),
  );
}
