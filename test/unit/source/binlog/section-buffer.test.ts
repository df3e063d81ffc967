import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Section } from '../../../../src/change/change-batch.ts';
import { SectionBuffer } from '../../../../src/source/mysql/binlog/section-buffer.ts';

function add(buffer: SectionBuffer, table: string, text: string, version = 'v'): void {
  buffer.addRows(table, version, (writer) => {
    writer.reserve(text.length);
    writer.offset += writer.buffer.write(text, writer.offset);
    return text.length;
  });
}

function told(sections: readonly Section[]): string[] {
  return sections.map((section) => {
    if (section.kind !== 'rows') return `${section.table} ${section.kind}`;
    expect(section.rowCount).toBe(section.bytes.length);
    return `${section.table} ${section.schemaVersion} ${section.bytes}`;
  });
}

test('taking whole transactions leaves the open one in its place', () => {
  const buffer = new SectionBuffer();
  add(buffer, 't', 'ab');
  add(buffer, 'u', 'c');
  buffer.commit();
  add(buffer, 't', 'DE');
  expect(told(buffer.takeWhole())).toEqual(['t v ab', 'u v c']);
  expect([buffer.isWholeEmpty, buffer.isOpenEmpty, buffer.openBytes]).toEqual([true, false, 2]);
  expect(buffer.takeWhole()).toEqual([]);
  add(buffer, 't', 'F');
  buffer.commit();
  expect(told(buffer.takeWhole())).toEqual(['t v DEF']);
});

test('a barrier in the open transaction keeps its rows from those before', () => {
  const buffer = new SectionBuffer();
  add(buffer, 't', 'ab');
  buffer.commit();
  add(buffer, 't', 'C');
  buffer.addBarrier({ kind: 'truncate', table: 't', version: 1n });
  add(buffer, 't', 'D');
  expect(told(buffer.takeWhole())).toEqual(['t v ab']);
  buffer.commit();
  expect(told(buffer.takeWhole())).toEqual(['t v C', 't truncate', 't v D']);
});

test('a rollback forgets rows and barriers of the open transaction only', () => {
  const buffer = new SectionBuffer();
  add(buffer, 't', 'ab');
  buffer.commit();
  add(buffer, 't', 'C');
  add(buffer, 'u', 'D');
  buffer.addBarrier({ kind: 'truncate', table: 't', version: 1n });
  add(buffer, 't', 'E');
  buffer.rollback();
  expect([buffer.isOpenEmpty, buffer.wholeBytes]).toEqual([true, 2]);
  add(buffer, 't', 'f');
  buffer.commit();
  expect(told(buffer.takeWhole())).toEqual(['t v ab', 't v f']);
});

test('sections say that they have rows before updates where that is so', () => {
  for (const hasBeforeImages of [true, false]) {
    const buffer = new SectionBuffer(hasBeforeImages);
    add(buffer, 't', 'a');
    buffer.commit();
    const flag = hasBeforeImages ? { hasBeforeImages: true } : {};
    expect(buffer.takeWhole()).toEqual([
      {
        kind: 'rows',
        table: 't',
        schemaVersion: 'v',
        rowCount: 1,
        bytes: Buffer.from('a'),
        ...flag,
      },
    ]);
  }
});

test('bytes that were handed out stay as they are, also large ones', () => {
  const buffer = new SectionBuffer();
  const large = 'x'.repeat(1_500_000);
  add(buffer, 't', large);
  buffer.commit();
  add(buffer, 't', 'open');
  const [first] = buffer.takeWhole();
  buffer.commit();
  add(buffer, 't', 'y'.repeat(1_500_000));
  expect(told(first ? [first] : [])).toEqual([`t v ${large}`]);
  expect(told(buffer.takeWhole())).toEqual(['t v open']);
});

test('any sequence keeps every row of every table in order, whole before open', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('add'), table: fc.constantFrom('t', 'u', 'w') }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('commit', 'take'), table: fc.constant('') }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom('barrier', 'rollback', 'version'),
        table: fc.constantFrom('t', 'u', 'w'),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new SectionBuffer();
      const versions = new Map<string, number>();
      const taken: Section[] = [];
      let whole: string[] = [];
      let open: string[] = [];
      let next = 0;
      for (const { do: action, table } of steps) {
        const version = `v${versions.get(table) ?? 0}`;
        const name = String.fromCharCode(0x30 + (next++ % 70));
        if (action === 'add') {
          add(buffer, table, name, version);
          open.push(`${table} ${version} ${name}`);
        } else if (action === 'barrier') {
          buffer.addBarrier({ kind: 'truncate', table, version: 1n });
          open.push(`${table} truncate`);
        } else if (action === 'version') {
          versions.set(table, (versions.get(table) ?? 0) + 1);
        } else if (action === 'commit') {
          buffer.commit();
          whole.push(...open);
          open = [];
        } else if (action === 'rollback') {
          buffer.rollback();
          open = [];
        } else {
          taken.push(...buffer.takeWhole());
          expect(split(told(taken))).toEqual(byTable(whole));
        }
      }
      buffer.commit();
      whole = [...whole, ...open];
      taken.push(...buffer.takeWhole());
      expect(split(told(taken))).toEqual(byTable(whole));
    }),
  );
});

/** One entry a row, by table. */
function split(sections: readonly string[]): Record<string, string[]> {
  return byTable(
    sections.flatMap((section) => {
      const [table, version, rows] = section.split(' ');
      return rows === undefined ? [section] : [...rows].map((row) => `${table} ${version} ${row}`);
    }),
  );
}

function byTable(entries: readonly string[]): Record<string, string[]> {
  const tables: Record<string, string[]> = {};
  for (const entry of entries) {
    const table = entry.slice(0, 1);
    tables[table] ??= [];
    tables[table].push(entry);
  }
  return tables;
}
