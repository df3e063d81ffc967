import { describe, expect, test } from 'vitest';
import { CdcError } from '../../src/errors.ts';
import { LayersWorld, never, type WorldTable } from '../support/layers-world.ts';
import { Random } from '../support/random.ts';

/**
 * The money-transfer example of "internal consistency": money only moves, so every total that a reader
 * sees at a published cut is the money there was at the beginning, whatever moved since.
 */
const tables: Readonly<Record<string, WorldTable>> = {
  'bank.accounts': {
    columns: { id: 'Int64', branch_id: 'Nullable(Int64)', start: 'Int64', balance: 'Int64' },
    key: ['id'],
  },
  'bank.branches': { columns: { id: 'Int64', name: 'String' }, key: ['id'] },
  'bank.transfers': {
    columns: { id: 'Int64', payer_id: 'Int64', payee_id: 'Int64', amount: 'Int64' },
    key: ['id'],
  },
};

const models: Readonly<Record<string, string>> = {
  'dwd.movements': `SELECT id, payer_id AS account_id, -amount AS amount FROM bank.transfers
UNION ALL SELECT id, payee_id AS account_id, amount FROM bank.transfers`,
  'dwd.account_wide': `-- key: id
SELECT a.id, a.start, a.balance, b.name AS branch
FROM bank.accounts AS a LEFT JOIN bank.branches AS b ON b.id = a.branch_id`,
  'dws.moved': 'SELECT account_id, sum(amount) AS moved FROM dwd.movements GROUP BY account_id',
  'dws.branch_money': `SELECT branch, sum(balance) AS money, count() AS accounts
FROM dwd.account_wide GROUP BY branch`,
  'ads.total': 'SELECT sum(money) AS money FROM dws.branch_money',
  'ads.moved_total': 'SELECT sum(moved) AS moved FROM dws.moved',
  // The same money twice: as the accounts say it, and as the transfers say it.
  'ads.mismatch': `SELECT a.id, a.balance, a.start + ifNull(m.moved, 0) AS by_transfers
FROM dwd.account_wide AS a LEFT JOIN dws.moved AS m ON m.account_id = a.id
WHERE a.balance != a.start + ifNull(m.moved, 0)`,
};

const accountCount = 12;
const startMoney = 100;

/** Transactions of a bank: whole ones, so that money is never on its way. */
class Bank {
  readonly #world: LayersWorld;
  readonly #random: Random;
  readonly #accounts = new Map<
    number,
    { id: number; branch_id: number; start: number; balance: number }
  >();
  #transfers = 0;

  constructor(world: LayersWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  async open(): Promise<void> {
    for (let id = 1; id <= accountCount; id += 1) {
      const branch_id = this.#random.between(1, 4);
      this.#accounts.set(id, { id, branch_id, start: startMoney, balance: startMoney });
    }
    await this.#world.write('bank.accounts', [...this.#accounts.values()]);
    await this.#world.write(
      'bank.branches',
      [1, 2, 3].map((id) => ({ id, name: `branch ${id}` })),
    );
  }

  /** Money moves, accounts move to other branches, branches get other names. */
  async trade(): Promise<void> {
    for (let count = this.#random.between(1, 4); count > 0; count -= 1) await this.#transfer();
    if (this.#random.between(1, 3) === 1) {
      const account = this.#account();
      account.branch_id = this.#random.between(1, 4);
      await this.#world.write('bank.accounts', [account]);
    }
    if (this.#random.between(1, 3) === 1) {
      const name = `branch ${this.#random.between(1, 4)}`;
      await this.#world.write('bank.branches', [{ id: this.#random.between(1, 4), name }]);
    }
  }

  async #transfer(): Promise<void> {
    const [payer, payee] = [this.#account(), this.#account()];
    const amount = this.#random.between(1, 50);
    payer.balance -= amount;
    payee.balance += amount;
    this.#transfers += 1;
    const transfer = { id: this.#transfers, payer_id: payer.id, payee_id: payee.id, amount };
    await this.#world.write('bank.transfers', [transfer]);
    await this.#world.write('bank.accounts', [payer, payee]);
  }

  #account() {
    return this.#random.pick([...this.#accounts.values()]);
  }
}

async function openBank(seed: number) {
  const world = await LayersWorld.open(tables, models);
  const random = new Random(seed);
  const bank = new Bank(world, random);
  await bank.open();
  const layers = await world.openLayers();
  await layers.apply(never);
  const close = () => world[Symbol.asyncDispose]();
  return { world, random, bank, layers, [Symbol.asyncDispose]: close };
}

async function published(world: LayersWorld) {
  const { engine } = world;
  const [total] = await engine.rows('SELECT money FROM ads.total');
  const [branches] = await engine.rows('SELECT sum(money) AS money FROM dws.branch_money');
  const [accounts] = await engine.rows('SELECT sum(balance) AS money FROM dwd.account_wide');
  const [moved] = await engine.rows('SELECT moved FROM ads.moved_total');
  const mismatches = await engine.rows('SELECT * FROM ads.mismatch');
  return { total, branches, accounts, moved: Number(moved?.['moved'] ?? 0), mismatches };
}

const money = { money: String(accountCount * startMoney) };
const consistent = { total: money, branches: money, accounts: money, moved: 0, mismatches: [] };

describe('money that only moves', () => {
  test('is all there in every layer at every published cut', async () => {
    await using opened = await openBank(7);
    const { world, bank, layers } = opened;
    expect(await published(world)).toEqual(consistent);
    for (let cut = 1; cut <= 15; cut += 1) {
      await bank.trade();
      await world.refresh(layers);
      expect(await published(world), `cut ${cut}`).toEqual(consistent);
    }
    expect(await world.differences(layers)).toEqual([]);
  });

  test('is all there at the cut after refreshes that broke off', async () => {
    await using opened = await openBank(8);
    const { world, bank, random } = opened;
    let broken = 0;
    for (let cut = 1; cut <= 10; cut += 1) {
      await bank.trade();
      let left = random.between(1, 12);
      world.engine.beforeStatement = (sql) => {
        if (!/^(INSERT|EXCHANGE)/.test(sql)) return;
        left -= 1;
        if (left <= 0)
          throw new CdcError('CDC_ENGINE_UNREACHABLE', 'The test has killed the engine.');
      };
      const error = await world.refresh(await world.openLayers()).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      world.engine.beforeStatement = undefined;
      if (error !== undefined) {
        expect(error).toMatchObject({ kind: 'transient' });
        broken += 1;
        await bank.trade();
        await world.refresh(await world.openLayers());
      }
      expect(await published(world), `cut ${cut}`).toEqual(consistent);
    }
    expect(broken).toBeGreaterThan(3);
  });
});
