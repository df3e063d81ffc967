import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { RowEngine } from '../row-engine.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import type { Manifest } from './manifest.ts';

/**
 * The rows that a reader of all files would end up with, found by the warehouse's engine: it reads the files as texts into a table
 * that lives as long as this does.
 */
export class CurrentRows implements AsyncDisposable {
  readonly #engine: RowEngine;
  readonly #name: string;

  private constructor(engine: RowEngine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  static async load(
    engine: RowEngine,
    folder: string,
    { key, files, forms }: Manifest,
    { columns }: SinkTable,
  ): Promise<CurrentRows> {
    const name = `\`_sinks\`.${quoteIdentifier(`files ${randomUUID()}`)}`;
    // Files of earlier days may have columns that the table has no more.
    const names = new Set([...columns.map((column) => column.name), ...forms.flat()]);
    const typed = [...names].map(
      (column) =>
        `${quoteIdentifier(column)} ${key.includes(column) ? 'String' : 'Nullable(String)'}`,
    );
    await engine.command('CREATE DATABASE IF NOT EXISTS `_sinks`');
    await engine.command(
      `CREATE TABLE ${name} (${typed.join(', ')}, ${versionColumn} UInt64, ${deletedColumn} UInt8) ` +
        `ENGINE = ReplacingMergeTree(${versionColumn}, ${deletedColumn}) ORDER BY (${key.map(quoteIdentifier).join(', ')})`,
    );
    const current = new CurrentRows(engine, name);
    try {
      for (const file of files) await current.#read(join(folder, file.name));
      return current;
    } catch (error) {
      await current[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lines of TabSeparated: the texts of the columns, then the version; no deleted rows. */
  lines({ columns }: SinkTable): AsyncGenerator<Buffer, void> {
    const names = [...columns.map(({ name }) => quoteIdentifier(name)), versionColumn];
    const sql = `SELECT ${names.join(', ')} FROM ${this.#name} FINAL`;
    return this.#engine.query(sql, { format: 'TabSeparated' });
  }

  /** SELECT of deletions, as of `below`, of the rows whose version is smaller. */
  deletions({ columns, key }: SinkTable, below: bigint): string {
    const items = columns.map(({ name }) =>
      key.includes(name) ? quoteIdentifier(name) : `NULL AS ${quoteIdentifier(name)}`,
    );
    return (
      `SELECT ${items.join(', ')}, toUInt64(${below}) AS ${versionColumn}, toUInt8(1) AS ${deletedColumn} ` +
      `FROM (SELECT * FROM ${this.#name} FINAL WHERE ${versionColumn} < ${below})`
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.command(`DROP TABLE IF EXISTS ${this.#name} SYNC`);
  }

  /** One file, which is never large. Columns are found by their names; those that a file has not are NULL. */
  async #read(path: string): Promise<void> {
    const file = createReadStream(path);
    const plain = path.endsWith('.gz') ? pipeline(file, createGunzip(), () => undefined) : file;
    const body: Buffer[] = [];
    for await (const chunk of plain) body.push(chunk);
    const format = /\.csv(\.gz)?$/.test(path) ? 'CSVWithNames' : 'JSONEachRow';
    await this.#engine.insert({ table: this.#name, columns: [], format, body });
  }
}
