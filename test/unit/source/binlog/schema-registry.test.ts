import { expect, test } from 'vitest';
import type { Position } from '../../../../src/change/position.ts';
import type { Column, TableSchema } from '../../../../src/change/table-schema.ts';
import { CdcError } from '../../../../src/errors.ts';
import { wireType } from '../../../../src/source/mysql/binlog/event-format.ts';
import { SchemaRegistry } from '../../../../src/source/mysql/binlog/schema-registry.ts';
import type { TableMap } from '../../../../src/source/mysql/binlog/table-map.ts';
import { schemaVersion } from '../../../../src/source/mysql/type-map.ts';

function at(offset: number): Position {
  return { epoch: 0, file: 'b.000001', offset, serverId: 's' };
}

function schemaOf(names: readonly string[]): TableSchema {
  const columns = names.map(
    (name): Column => ({
      name,
      type: { kind: 'int', bits: 32, unsigned: false },
      nullable: name !== 'id',
      sourceType: 'int',
    }),
  );
  return { table: 'd.t', version: schemaVersion(columns, ['id']), columns, key: ['id'] };
}

function mapOf(names: readonly string[]): TableMap {
  const columns = names.map((name) => ({
    ...{ name, type: wireType.long, size: 0, scale: 0, nullable: name !== 'id', unsigned: false },
    ...{ collation: undefined, members: [], geometryType: undefined, visible: true },
  }));
  return { table: 'd.t', columns, primaryKey: [0] };
}

/** A server of one table whose columns and binlog end the test sets. */
class FakeServer {
  columns: readonly string[] | undefined;
  end = 0;
  unfit = false;

  registry(...known: TableSchema[]): SchemaRegistry {
    const probe = {
      readTable: async () => {
        if (this.unfit) throw new CdcError('CDC_TABLE_NO_PRIMARY_KEY', 'd.t has no key');
        const defaults = Object.fromEntries((this.columns ?? []).map((name) => [name, 'NULL']));
        return this.columns && { schema: schemaOf(this.columns), defaults };
      },
      endPosition: async () => at(this.end),
    };
    return new SchemaRegistry(probe, new Map(known.map((schema) => [schema.table, schema])));
  }
}

const alteration = {
  addsColumns: true,
  dropsColumns: false,
  renamesColumns: false,
  replacesRows: false,
};

test('a change without rows is certain only where the binlog ended when it was described', async () => {
  const server = new FakeServer();
  const registry = server.registry(schemaOf(['id']));
  server.columns = ['id', 'a'];
  server.end = 500;
  await registry.noteChange('d.t', { isNew: false, alteration });
  expect(registry.settle(at(300))).toEqual([]);
  expect(registry.inForce('d.t')).toEqual(schemaOf(['id']));
  expect(registry.settle(at(500))).toMatchObject([
    { existingRows: 'keep', defaults: { a: 'NULL' } },
  ]);
  expect(registry.inForce('d.t')).toEqual(schemaOf(['id', 'a']));
  expect(registry.hasPending).toBe(false);
});

test('rows in a shape of in between are described by their TABLE_MAP', async () => {
  const server = new FakeServer();
  const registry = server.registry(schemaOf(['id']));
  server.columns = ['id', 'c'];
  server.end = 900;
  await registry.noteChange('d.t', { isNew: false, alteration });
  expect(await registry.adopt(mapOf(['id', 'b']))).toMatchObject({
    existingRows: 'resnapshot',
    isThere: true,
    schema: { columns: [{ name: 'id' }, { name: 'b', sourceType: 'int' }] },
  });
  expect(registry.settle(at(900))).toMatchObject([{ existingRows: 'resnapshot' }]);
  expect(registry.inForce('d.t')).toEqual(schemaOf(['id', 'c']));
});

test('several alterations of which one drops are not certain together', async () => {
  const server = new FakeServer();
  const registry = server.registry(schemaOf(['id', 'a']));
  server.columns = ['id', 'a'];
  server.end = 500;
  await registry.noteChange('d.t', {
    isNew: false,
    alteration: { ...alteration, addsColumns: false, dropsColumns: true },
  });
  await registry.noteChange('d.t', { isNew: false, alteration });
  expect(registry.settle(at(500))).toMatchObject([{ existingRows: 'resnapshot' }]);
});

test('several additions are certain together', async () => {
  const server = new FakeServer();
  const registry = server.registry(schemaOf(['id']));
  server.columns = ['id', 'a', 'b'];
  await registry.noteChange('d.t', { isNew: false, alteration });
  await registry.noteChange('d.t', { isNew: false, alteration });
  expect(registry.settle(at(1))).toMatchObject([{ existingRows: 'keep' }]);
});

test('a table found by its rows is read, one created in the stream is not', async () => {
  const server = new FakeServer();
  server.columns = ['id'];
  expect(await server.registry().adopt(mapOf(['id']))).toMatchObject({
    existingRows: 'resnapshot',
  });
  const registry = server.registry();
  server.end = 900;
  await registry.noteChange('d.t', { isNew: true });
  expect(await registry.adopt(mapOf(['id']))).toMatchObject({ existingRows: 'keep' });
  expect(registry.settle(at(900))).toEqual([]);
});

test('a table that is gone and was never ours is of no interest', async () => {
  const server = new FakeServer();
  expect(await server.registry().adopt(mapOf(['id']))).toBeUndefined();
});

test('a new table that cannot be captured is an error with its first rows, not before', async () => {
  const server = new FakeServer();
  server.unfit = true;
  const registry = server.registry();
  await registry.noteChange('d.t', { isNew: true });
  expect(registry.settle(at(1))).toEqual([]);
  await expect(registry.adopt(mapOf(['id']))).rejects.toMatchObject({
    code: 'CDC_TABLE_NO_PRIMARY_KEY',
  });
  const known = server.registry(schemaOf(['id']));
  await expect(known.noteChange('d.t', { isNew: false })).rejects.toThrow(/no key/);
});
