import { incompatibleTable } from '../sink-errors.ts';
import { textOfBytes } from './byte-text.ts';
import { scanKeys } from './key-scan.ts';
import type { Argument, RedisConnection, Reply } from './redis-connection.ts';
import { versionKey } from './row-writer.ts';
import type { IndexLayout, TableLayout } from './table-layout.ts';

/** Looks whether the indexes of a table are what its rows say. */
export class IndexCheck {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #layout: TableLayout;

  constructor(connection: RedisConnection, prefix: string, layout: TableLayout) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#layout = layout;
  }

  /** Whether each row, with the entries that its values ask for, is in every index that it belongs to. */
  async areListed(rows: readonly { key: string; entries: string }[]): Promise<boolean[]> {
    const asked = rows.flatMap(({ key, entries }, row) =>
      entries
        .split('\n')
        .slice(1)
        .map((entry) => {
          const [kind = '', index = '', member = ''] = entry.split('\t');
          return {
            row,
            score: kind.slice(1),
            isSorted: kind.startsWith('z'),
            index,
            member: member || key,
          };
        }),
    );
    const replies = await this.#all(
      asked.map(({ isSorted, index, member }) => [
        isSorted ? 'ZSCORE' : 'SISMEMBER',
        index,
        member,
      ]),
    );
    const listed = rows.map(() => true);
    for (const [at, { row, isSorted, score }] of asked.entries()) {
      const reply = replies[at];
      const isRight = isSorted ? reply !== null && Number(reply) === Number(score) : reply === 1;
      if (!isRight) listed[row] = false;
    }
    return listed;
  }

  /** Throws CDC_SINK_INCOMPATIBLE when an index has a member that no row asks for. */
  async assertNoStrangers(): Promise<void> {
    for (const index of this.#layout.indexes) {
      for await (const keys of scanKeys(this.#connection, this.#prefix, index.key)) {
        for (const key of keys) await this.#assertMembers(key, index);
      }
    }
  }

  async #assertMembers(key: string, index: IndexLayout): Promise<void> {
    const isSorted = index.score !== undefined;
    const step = isSorted ? 2 : 1;
    let cursor = '0';
    do {
      const args = [isSorted ? 'ZSCAN' : 'SSCAN', key, cursor, 'COUNT', '1000'];
      const reply = (await this.#send(args)) as readonly [string, string[]];
      cursor = reply[0];
      const members = reply[1].filter((_, at) => at % step === 0);
      const records = await this.#all(
        members.map((member) => ['GET', this.#beside(index, member)]),
      );
      const strange = members.filter(
        (member, at) => !isEntry(records[at] ?? null, key, index, member),
      );
      for (const member of strange) await this.#assertGone(key, index, member);
    } while (cursor !== '0');
  }

  /** A row may have moved between the two looks. */
  async #assertGone(key: string, index: IndexLayout, member: string): Promise<void> {
    const isSorted = index.score !== undefined;
    const found = await this.#send([isSorted ? 'ZSCORE' : 'SISMEMBER', key, member]);
    if (found === null || found === 0) return;
    const record = await this.#send(['GET', this.#beside(index, member)]);
    if (isEntry(record, key, index, member)) return;
    const [where, what] = [textOfBytes(key), textOfBytes(member)];
    throw incompatibleTable(
      this.#layout.table.source,
      `the index ${where} has the member ${what}, which no row asks for: somebody else has changed it.`,
      { remedy: `redis-cli ${isSorted ? 'ZREM' : 'SREM'} '${where}' '${what}'` },
    );
  }

  #beside({ member: template }: IndexLayout, member: string): string {
    const texts = template?.takeApart(member);
    const row = texts && this.#layout.row.render((name) => texts.get(name) ?? null);
    return versionKey(this.#prefix, row ? this.#prefix + row : member);
  }

  async #send(args: readonly Argument[]): Promise<Reply> {
    return this.#connection.send(`Reading the indexes of ${this.#layout.table.source}`, args);
  }

  #all(commands: readonly (readonly Argument[])[]): Promise<Reply[]> {
    return Promise.all(commands.map((args) => this.#send(args)));
  }
}

/** Whether the record beside a row has that entry. */
function isEntry(record: Reply, key: string, { member: template }: IndexLayout, member: string) {
  const written = template === undefined ? '' : member;
  return typeof record === 'string' && `${record}\n`.includes(`\t${key}\t${written}\n`);
}
