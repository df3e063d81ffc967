import { encodeBatch } from '../../src/change/batch-codec.ts';
import type { ChangeBatch } from '../../src/change/change-batch.ts';
import { comparePositions, type Position } from '../../src/change/position.ts';
import type { TableId } from '../../src/change/table-id.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import type { ServerAddress } from '../../src/demo/server/server-address.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { MysqlSource } from '../../src/source/mysql/mysql-source.ts';
import { mysqlSourceOptions } from '../../src/source/mysql/options.ts';

/** What this project's own source captures of a database: batches as the log would keep them. */
export class Capture implements AsyncDisposable {
  readonly #source: MysqlSource;
  readonly #batches: ChangeBatch[] = [];
  readonly #schemas = new Map<TableId, TableSchema>();
  #from: Position | undefined;

  constructor({ host, port, user, password }: ServerAddress, database: string) {
    const options = mysqlSourceOptions.parse({
      ...{ type: 'mysql', host, port, user, password: password.reveal() },
      tables: [`${database}.*`],
      heartbeatSeconds: 0.5,
    });
    const logger = createLogger({ level: 'warn', output: process.stderr });
    this.#source = new MysqlSource(options, {
      ...{ project: 'record', logger, detail: 'changes' },
      log: { schemas: () => this.#schemas },
    });
  }

  /** Takes the snapshot; what follows belongs to the stream. */
  async begin(): Promise<void> {
    this.#from = await this.#source.currentPosition();
    const signal = AbortSignal.timeout(60_000);
    for (const { table } of await this.#source.tables()) {
      for await (const { batch } of this.#source.snapshot(table, undefined, signal)) {
        this.#batches.push(batch);
        for (const section of batch.sections) {
          if (section.kind === 'schema') this.#schemas.set(section.table, section.schema);
        }
      }
    }
  }

  /** Reads the stream to the end as it is now; all batches in base64. */
  async end(): Promise<string[]> {
    if (this.#from === undefined) throw new Error('the capture has not begun');
    const { position: end } = await this.#source.endPosition();
    for await (const { batch } of this.#source.stream(this.#from, AbortSignal.timeout(60_000))) {
      this.#batches.push(batch);
      if (comparePositions(batch.position, end) >= 0) break;
    }
    return this.#batches.map((batch) => encodeBatch(batch).toString('base64'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
  }
}
