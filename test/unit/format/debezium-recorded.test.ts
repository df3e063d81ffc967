import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { differences } from './debezium-differences.ts';
import { leavesOf, parseExact } from './exact-json.ts';
import {
  encodeRecording,
  type Flavour,
  type RecordedMessage,
  type Recording,
  readRecording,
  type Variant,
} from './recorded.ts';

const flavours: readonly Flavour[] = ['mariadb', 'mysql'];
const variants: readonly Variant[] = ['precise', 'string', 'double'];
const tables = ['types', 'keyed', 'emptied', 'done'];
const used = new Set<string>();

describe.each(flavours)('what Debezium wrote for changes on %s', (flavour) => {
  const recording = readRecording(flavour);

  test.each(variants)('is what we write for rows, decimals as %s', (variant) => {
    const ours = encodeRecording(recording, flavour, variant);
    const unexpected: string[] = [];
    for (const table of tables) {
      const theirs = rowMessages(recording, variant, table);
      const mine = ours.filter(
        (message) => message.table === `recorded.${table}` && ['row', 'table'].includes(message.to),
      );
      expect(mine, `messages of ${table}`).toHaveLength(theirs.length);
      for (const [index, message] of theirs.entries()) {
        expect(mine[index]?.key).toBe(wholeText(recording, message.key));
        unexpected.push(
          ...compare(
            wholeText(recording, message.value) ?? '',
            mine[index]?.value ?? '',
            `${table} ${index}`,
          ),
        );
      }
    }
    expect(unexpected).toEqual([]);
  });

  test('is what we write for the end of a transaction', () => {
    const ours = encodeRecording(recording, flavour, 'string').filter(
      ({ to, value }) => to === 'transaction' && value.includes('"END"'),
    );
    // A table that is gone when the capture runs (`made`) is not in ours.
    const theirs = recording.messages.filter(
      ({ variant, value }) =>
        variant === 'string' && /"END".*"recorded\.(?!made)/.test(value?.payload ?? ''),
    );
    expect(theirs).toHaveLength(11);
    for (const message of theirs) {
      const key = wholeText(recording, message.key);
      const same = ours.find((candidate) => candidate.key === key);
      expect(endOf(same?.value)).toEqual(endOf(wholeText(recording, message.value)));
    }
  });

  test('is what we write for the begin of a transaction', () => {
    const isBegin = (value = '') => value.includes('"BEGIN"');
    const ours = encodeRecording(recording, flavour, 'string').filter(({ value }) =>
      isBegin(value),
    );
    const theirs = recording.messages.filter(
      ({ variant, value }) => variant === 'string' && isBegin(value?.payload),
    );
    expect(theirs.length).toBeGreaterThan(10);
    // Debezium stamps it with the time of the event before.
    const withoutTime = (text: string | null | undefined) => text?.replace(/"ts_ms":\d+/, '');
    // DDL on MySQL has none.
    expect(ours.map(({ value }) => withoutTime(value))).toEqual(
      expect.arrayContaining(theirs.map(({ value }) => withoutTime(wholeText(recording, value)))),
    );
  });

  test('is what we write for a schema change, but for what a schema does not tell', () => {
    const isAlter = (text = '') => text.includes('"ALTER TABLE keyed');
    const theirs = recording.messages.find(
      ({ variant, value }) => variant === 'string' && isAlter(value?.payload),
    );
    const ours = encodeRecording(recording, flavour, 'string').find(({ value }) => isAlter(value));
    expect(ours?.key).toBe(wholeText(recording, theirs?.key ?? null));
    const left = leavesOf(parseExact(wholeText(recording, theirs?.value ?? null) ?? ''));
    const right = leavesOf(parseExact(ours?.value ?? ''));
    expect([...right.keys()]).toEqual([...left.keys()]);
    const different = [...left.keys()].filter((path) => left.get(path) !== right.get(path));
    const names = new Set(different.map((path) => path.slice(path.lastIndexOf('.') + 1)));
    const expected = ['charsetName', 'defaultCharsetName', 'defaultValueExpression', 'comment'];
    const place = ['version', 'gtid', 'pos', 'ts_ms', 'ts_us', 'ts_ns', 'length'];
    expect([...names].filter((name) => ![...expected, ...place].includes(name))).toEqual([]);
    expect([...names]).toEqual(expect.arrayContaining(['charsetName', 'defaultValueExpression']));
  });
});

test('every difference from Debezium that is allowed occurs, and is explained in docs/formats.md', () => {
  expect(differences.map(({ title }) => title).filter((title) => !used.has(title))).toEqual([]);
  const docs = readFileSync(new URL('../../../docs/formats.md', import.meta.url), 'utf8');
  expect(differences.map(({ title }) => title).filter((title) => !docs.includes(title))).toEqual(
    [],
  );
});

function rowMessages(recording: Recording, variant: Variant, table: string): RecordedMessage[] {
  return recording.messages.filter(
    (message) =>
      message.variant === variant &&
      message.topic === `strata.recorded.${table}` &&
      message.value !== null,
  );
}

function wholeText({ schemas }: Recording, part: RecordedMessage['key']): string | null {
  return part && `{"schema":${schemas[part.schema]},"payload":${part.payload}}`;
}

/** Debezium lists tables in no order. */
function endOf(text: string | null | undefined) {
  const { payload } = JSON.parse(text ?? '') as {
    payload: { data_collections: { data_collection: string }[] };
  };
  const names = payload.data_collections.toSorted((left, right) =>
    left.data_collection < right.data_collection ? -1 : 1,
  );
  return { ...payload, data_collections: names };
}

/** Fields that differ and are not in the list. */
function compare(theirText: string, ourText: string, where: string): string[] {
  const theirs = leavesOf(parseExact(theirText));
  const ours = leavesOf(parseExact(ourText));
  const marker = theirText.includes('"op":"r"')
    ? ' (snapshot)'
    : theirText.includes('"op":"t"')
      ? ' (truncate)'
      : '';
  return [...new Set([...theirs.keys(), ...ours.keys()])].flatMap((path) => {
    const [left, right] = [theirs.get(path), ours.get(path)];
    if (left === right) return [];
    const known = differences.find(
      (difference) =>
        (difference.path.test(`${path}${marker}`) || difference.path.test(path)) &&
        difference.allows(left, right),
    );
    if (known === undefined) return [`${where} ${path}: ${left} | ${right}`];
    used.add(known.title);
    return [];
  });
}
