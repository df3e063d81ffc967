import { defaultEncoding, type MessageLayout } from '../change/message-layout.ts';
import type { TableId } from '../change/table-id.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import { DeadLetterTable, type LetterFilter } from '../load/clickhouse/dead-letter-table.ts';
import { replayRows } from '../load/clickhouse/replay-rows.ts';
import { type DeadLetter, lineOf } from '../load/dead-letters.ts';
import type { Ods } from '../load/ods.ts';
import type { Logger } from '../ops/logger.ts';
import { layoutOf, topicTableOf, withEncodings } from '../source/kafka/topic-table.ts';
import { requestRebuild } from './rebuild-requests.ts';
import {
  type OpenedReplay,
  oldestOfUse,
  type ReplayContext,
  rebuildReaders,
  withReplay,
} from './replay-parts.ts';

/** A dead letter as it is shown. */
export interface LetterReport {
  readonly id: string;
  readonly table: TableId;
  readonly queue: string;
  readonly partition: number;
  readonly offset: string;
  readonly reason: string;
  /** ISO 8601: of the message, and of the last attempt to load it. */
  readonly messageAt: string;
  readonly receivedAt: string;
  readonly bytes: number;
}

export interface LetterDetails extends LetterReport {
  /** As text; what is no UTF-8 is replaced. */
  readonly message: string;
  readonly layout: MessageLayout;
}

export interface LetterReplayReport {
  /** Letters whose messages are written now and that are gone. */
  readonly written: number;
  /** Those that still do not fit, with the reason of today. */
  readonly failed: readonly LetterReport[];
  /** The models over tables written to: rebuilt, or waiting for the layers to run. */
  readonly models: 'rebuilt' | 'waiting';
}

/** Reads and removes dead letters, beside whatever runs. */
export async function withDeadLetters<T>(
  config: ProjectConfig,
  logger: Logger,
  work: (letters: DeadLetterTable) => Promise<T>,
): Promise<T> {
  const { stateFolder } = config;
  await using engine = await openEngine(config.warehouse, { stateFolder, logger });
  return await work(new DeadLetterTable(engine));
}

export async function listDeadLetters(
  config: ProjectConfig,
  logger: Logger,
  filter: LetterFilter,
): Promise<LetterReport[]> {
  return await withDeadLetters(config, logger, async (letters) =>
    (await findLetters(letters, filter)).map(reportOf),
  );
}

/** Throws CDC_USAGE when there is no such letter. */
export async function showDeadLetter(
  config: ProjectConfig,
  logger: Logger,
  id: string,
): Promise<LetterDetails> {
  return await withDeadLetters(config, logger, async (letters) => {
    const [letter] = await findLetters(letters, { ids: [id] });
    if (letter === undefined) throw unknownLetters([id]);
    return { ...reportOf(letter), message: letter.message.toString(), layout: letter.layout };
  });
}

export async function dropDeadLetters(
  config: ProjectConfig,
  logger: Logger,
  filter: LetterFilter,
): Promise<LetterReport[]> {
  return await withDeadLetters(config, logger, async (letters) => {
    const found = await findLetters(letters, filter);
    await letters.remove(found);
    return found.map(reportOf);
  });
}

/**
 * Tries the letters again, with the schema that their table has now and the layout that the project file
 * gives their topic now. Rows keep the versions of their messages, so newer ones win over them.
 */
export async function replayDeadLetters(
  config: ProjectConfig,
  context: ReplayContext,
  filter: LetterFilter,
): Promise<LetterReplayReport> {
  return await withReplay(config, context, async (parts) => {
    const letters = await findLetters(parts.ods.deadLetters, filter);
    const placed = letters.filter(({ isUnplaced }) => !isUnplaced);
    const failed = letters.filter(({ isUnplaced }) => isUnplaced);
    const tables = new Set<TableId>();
    let written = 0;
    for (const { table, layout, letters: group } of grouped(config, placed)) {
      context.signal.throwIfAborted();
      const unfit = await replayGroup(parts, table, layout, group);
      const fitting = group.filter(({ id }) => !unfit.some((each) => each.id === id));
      failed.push(...unfit);
      written += fitting.length;
      if (fitting.length === 0) continue;
      // Before the letters go: after a crash in between they are tried again, and nothing is missed.
      await requestRebuild(parts.catalog, [table]);
      tables.add(table);
      await parts.ods.deadLetters.remove(fitting);
    }
    const models =
      tables.size === 0 ? 'rebuilt' : await rebuildReaders(config, parts.catalog, context);
    return { written, failed: failed.map(reportOf), models };
  });
}

/** Writes the letters of a table that fit; resolves to the others. */
async function replayGroup(
  parts: OpenedReplay,
  table: TableId,
  layout: MessageLayout,
  letters: readonly DeadLetter[],
): Promise<DeadLetter[]> {
  const schema = parts.log.schemas().get(table);
  if (schema === undefined) {
    return letters.map((letter) => ({ ...letter, reason: `${table} is no table of this project` }));
  }
  let unfit: DeadLetter[] = [];
  const { ods } = parts;
  const noting: Ods = {
    applySchema: (section) => ods.applySchema(section),
    deleteOlder: (section) => ods.deleteOlder(section),
    write: async (load) => {
      unfit = await ods.writeMessages({ ...load, layout });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  const load = { schema, layout, rowCount: letters.length, chunks: letters.map(lineOf) };
  await replayRows({ engine: parts.engine, ods: noting }, load, oldestOfUse(parts, table));
  return unfit;
}

interface LetterGroup {
  readonly table: TableId;
  readonly layout: MessageLayout;
  readonly letters: DeadLetter[];
}

/** Letters that may be written together. */
function grouped(config: ProjectConfig, letters: readonly DeadLetter[]): Iterable<LetterGroup> {
  const groups = new Map<string, LetterGroup>();
  for (const letter of letters) {
    const { table } = letter;
    const layout = currentLayout(config, letter);
    const key = JSON.stringify([table, layout]);
    const group = groups.get(key) ?? { table, layout, letters: [] };
    group.letters.push(letter);
    groups.set(key, group);
  }
  return groups.values();
}

/** What the project file says of the topic now; where it leaves that to the messages, what they said. */
function currentLayout({ source }: ProjectConfig, letter: DeadLetter): MessageLayout {
  if (source.type !== 'kafka') return letter.layout;
  const table = source.tables
    .map((entry) => topicTableOf(entry, letter.queue))
    .find((each) => each?.table === letter.table);
  if (table?.declared === undefined) return letter.layout;
  const columns = table.declared.columns.map((column) => ({
    ...column,
    encoding:
      letter.layout.encodings?.[column.name] ?? defaultEncoding(letter.layout.format, column.type),
  }));
  const said = withEncodings(table.declared, { ...table.declared, columns });
  const { hasSchemaBlock } = letter.layout;
  return { ...layoutOf(table, said), ...(hasSchemaBlock && { hasSchemaBlock }) };
}

async function findLetters(table: DeadLetterTable, filter: LetterFilter): Promise<DeadLetter[]> {
  const letters = await table.find(filter);
  const missing = filter.ids?.filter((id) => !letters.some((letter) => letter.id === id)) ?? [];
  if (missing.length > 0) throw unknownLetters(missing);
  return letters;
}

function unknownLetters(ids: readonly string[]): CdcError {
  return new CdcError('CDC_USAGE', `there is no dead letter ${ids.join(', ')}`, {
    remedy: 'Run `cdc deadletter list`; a letter that was replayed or dropped is gone.',
  });
}

function reportOf(letter: DeadLetter): LetterReport {
  const { id, table, queue, partition, offset, reason, message } = letter;
  return {
    ...{ id, table, queue, partition, offset, reason },
    messageAt: new Date(letter.timestampMs).toISOString(),
    receivedAt: new Date(letter.receivedAtMs).toISOString(),
    bytes: message.length,
  };
}
