import { rejectedRows, staleProgress } from '../sink-errors.ts';
import { bytesAsText, textOfBytes } from './byte-text.ts';
import { toSinkError } from './error-map.ts';
import type { RedisSinkOptions } from './options.ts';
import type { Argument, RedisConnection, Reply } from './redis-connection.ts';
import { deletedFate, type RowChange } from './row-change.ts';
import {
  expiringKey,
  parseProgress,
  progressKey,
  type RowWork,
  type RowWriter,
  renderProgress,
  versionKey,
} from './row-writer.ts';
import type { TableLayout } from './table-layout.ts';

const rowsPerTurn = 500;

type Command = readonly Argument[];

/** What is there before a row is written. */
interface StoredRow {
  /** 19 digits; undefined: nothing is known of the key. */
  readonly version: string | undefined;
  /** Of the key beside the row; '': there is none. */
  readonly record: string;
  /** The key is there without a version: somebody else's. */
  readonly isForeign: boolean;
}

/**
 * The same as write-script.ts for a server without Lua: versions are read, compared here, and rows written. Between that
 * another writer could come in, so there must be none.
 */
export class CommandWriter implements RowWriter {
  readonly #connection: RedisConnection;
  readonly #options: Pick<RedisSinkOptions, 'prefix' | 'tombstoneSeconds'>;

  constructor(connection: RedisConnection, options: RedisSinkOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async write(
    work: RowWork,
    rows: Iterable<RowChange> | AsyncIterable<RowChange>,
    _keep: boolean,
  ): Promise<boolean> {
    await this.#follow(work);
    await this.#unlistExpired(work);
    let turn: RowChange[] = [];
    for await (const row of rows) {
      turn.push(row);
      if (turn.length < rowsPerTurn) continue;
      await this.#writeTurn(work, turn);
      turn = [];
    }
    if (turn.length > 0) await this.#writeTurn(work, turn);
    return false;
  }

  async keep(work: RowWork): Promise<void> {
    await this.#follow(work);
    const { source } = work.layout.table;
    const value = renderProgress(work.step.next);
    await this.#send(work, [
      ['HSET', progressKey(this.#options.prefix), bytesAsText(source), value],
    ]);
  }

  async #unlistExpired(work: RowWork): Promise<void> {
    const expiring = this.#expiring(work.layout);
    if (expiring === undefined) return;
    const due = ['ZRANGEBYSCORE', expiring, '-inf', String(Date.now())];
    const [found] = await this.#send(work, [due]);
    const keys = found as string[];
    const records = await this.#send(
      work,
      keys.map((key) => ['GET', this.#beside(key)]),
    );
    const commands = keys.flatMap((key, at) => {
      const record = records[at];
      const gone = typeof record === 'string' ? this.#unlist(key, record.slice(19)) : [];
      const kept = typeof record === 'string' ? [this.#tombstone(key, record.slice(0, 19))] : [];
      return [...gone, ...kept, ['ZREM', expiring, key]];
    });
    await this.#send(work, commands);
  }

  async #writeTurn(work: RowWork, rows: readonly RowChange[]): Promise<void> {
    const stored = await this.#stored(work, rows);
    const commands = rows.flatMap((row, at) => {
      const { version, record, isForeign } = stored[at] as StoredRow;
      if (isForeign) {
        const why = `the key ${textOfBytes(row.key)} holds something else`;
        throw rejectedRows(work.layout.table.source, why);
      }
      if (version !== undefined && version > row.version) return [];
      return this.#commandsOf(work.layout, row, record);
    });
    await this.#send(work, commands);
  }

  async #stored(work: RowWork, rows: readonly RowChange[]): Promise<StoredRow[]> {
    const { value, keepsBeside } = work.layout;
    const inside = keepsBeside ? 'none' : value.version;
    const ask = (command: (key: string) => Command) =>
      this.#send(
        work,
        rows.map(({ key }) => command(key)),
      );
    const records = await ask((key) => ['GET', this.#beside(key)]);
    const exist = await ask((key) => ['EXISTS', key]);
    const insides =
      inside === 'none'
        ? []
        : await ask((key) =>
            inside === 'field' ? ['HGET', key, '_version'] : ['GETRANGE', key, '0', '31'],
          );
    return rows.map((_, at) => {
      const text = insides[at];
      const found = typeof text === 'string' ? /(\d{19})$/.exec(text)?.[1] : undefined;
      const record = typeof records[at] === 'string' ? (records[at] as string) : undefined;
      const version = found ?? record?.slice(0, 19);
      const isOurs = inside === 'none' ? record !== undefined : found !== undefined;
      return { version, record: record ?? '', isForeign: exist[at] === 1 && !isOurs };
    });
  }

  /**
   * In an order that may break off anywhere: what an index has is either in the record or taken out, and the record is there
   * before the row.
   */
  #commandsOf(layout: TableLayout, row: RowChange, record: string): Command[] {
    const { key, version, fate, entries } = row;
    const expiring = this.#expiring(layout);
    const old = record.slice(19);
    if (fate === deletedFate) {
      const settled = expiring === undefined ? [] : [['ZREM', expiring, key]];
      return [...this.#unlist(key, old), ['DEL', key], ...settled, this.#tombstone(key, version)];
    }
    const write = this.#valueOf(layout, row);
    const beside = this.#beside(key);
    if (!layout.keepsBeside) return record === '' ? write : [...write, ['DEL', beside]];
    const forgotten = Math.max(Number(fate), Date.now()) + this.#options.tombstoneSeconds * 1000;
    const commands = [
      ...(old === entries ? [] : this.#unlist(key, old)),
      ['SET', beside, version + entries],
      ...(fate === '' || expiring !== undefined ? [] : [['PEXPIREAT', beside, String(forgotten)]]),
      ...write,
      ...this.#list(key, entries),
    ];
    if (expiring === undefined) return commands;
    return [...commands, fate === '' ? ['ZREM', expiring, key] : ['ZADD', expiring, fate, key]];
  }

  /** A reader never finds the row missing in between. */
  #valueOf({ value, table, ttl }: TableLayout, { key, fate, values }: RowChange): Command[] {
    const commands: Command[] = [];
    if (value.kind === 'hash') {
      const present = new Set(values.filter((_, at) => at % 2 === 0));
      const absent = table.columns
        .map(({ name }) => bytesAsText(name))
        .filter((name) => !present.has(name));
      commands.push(['HSET', key, ...values]);
      if (absent.length > 0) commands.push(['HDEL', key, ...absent]);
      if (ttl !== undefined && fate === '') commands.push(['PERSIST', key]);
    } else {
      commands.push(['SET', key, values[0] as string]);
    }
    if (fate !== '') commands.push(['PEXPIREAT', key, fate]);
    return commands;
  }

  #unlist(key: string, entries: string): Command[] {
    return partsOf(entries).map(([kind = '', index = '', member = '']) => {
      const command = kind.startsWith('z') ? 'ZREM' : 'SREM';
      return [command, index, member || key];
    });
  }

  #list(key: string, entries: string): Command[] {
    return partsOf(entries).map(([kind = '', index = '', member = '']) => {
      if (kind.startsWith('z')) return ['ZADD', index, kind.slice(1), member || key];
      return ['SADD', index, member || key];
    });
  }

  #tombstone(key: string, version: string): Command {
    const forMs = String(this.#options.tombstoneSeconds * 1000);
    return ['SET', this.#beside(key), version, 'PX', forMs];
  }

  #beside(key: string): string {
    return versionKey(this.#options.prefix, key);
  }

  #expiring({ ttl, indexes, table }: TableLayout): string | undefined {
    if (ttl === undefined || indexes.length === 0) return undefined;
    return expiringKey(this.#options.prefix, bytesAsText(table.source));
  }

  async #follow(work: RowWork): Promise<void> {
    const { source } = work.layout.table;
    const field = bytesAsText(source);
    const [found] = await this.#send(work, [['HGET', progressKey(this.#options.prefix), field]]);
    const sequence = typeof found === 'string' ? parseProgress(found).sequence : 0;
    const { follows } = work.step;
    if (sequence !== follows) throw staleProgress(source, sequence, follows);
  }

  /** All at once; when one fails, what the others have done stays. */
  async #send({ layout }: RowWork, commands: readonly Command[]): Promise<Reply[]> {
    const answers = await Promise.allSettled(
      commands.map((command) => this.#connection.sendRaw(command)),
    );
    return answers.map((answer) => {
      if (answer.status === 'fulfilled') return answer.value;
      const { source } = layout.table;
      throw toSinkError(answer.reason, `Writing ${source}`, source);
    });
  }
}

/** Kind with score, key and member of each entry. */
function partsOf(entries: string): string[][] {
  return entries
    .split('\n')
    .slice(1)
    .map((entry) => entry.split('\t'));
}
