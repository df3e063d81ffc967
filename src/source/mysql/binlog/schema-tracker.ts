import { packVersion, type Version, versionOf } from '../../../change/position.ts';
import { splitTableId, type TableId } from '../../../change/table-id.ts';
import type { TableMatcher } from '../../../change/table-pattern.ts';
import type { TableSchema } from '../../../change/table-schema.ts';
import type { BatchQueue } from './batch-queue.ts';
import { readableDdl } from './ddl-text.ts';
import type { EventPlace } from './row-decoder.ts';
import type { SchemaRegistry, SchemaUpdate } from './schema-registry.ts';
import type { SectionBuffer } from './section-buffer.ts';
import type { TableChange } from './statement.ts';
import type { TableMap } from './table-map.ts';

interface SchemaTrackerOptions {
  readonly registry: SchemaRegistry;
  readonly tables: TableMatcher;
  /** `@@lower_case_table_names` is not 0: names in statements may be spelled in any case. */
  readonly ignoresCase: boolean;
  readonly onSnapshotNeeded: (table: TableId) => void;
}

const systemDatabases = new Set(['mysql', 'information_schema', 'performance_schema', 'sys']);

/** Puts what the registry finds into the stream: schema and truncate sections at their places. */
export class SchemaTracker {
  readonly #options: SchemaTrackerOptions;

  constructor(options: SchemaTrackerOptions) {
    this.#options = options;
  }

  inForce(table: TableId): TableSchema | undefined {
    return this.#options.registry.inForce(table);
  }

  /** True when a statement that names `table` means one whose rows we have. */
  isKnown(table: TableId): boolean {
    return this.inForce(this.#spelled(table)) !== undefined;
  }

  isCaptured(table: TableId): boolean {
    const { tables } = this.#options;
    return (
      !systemDatabases.has(splitTableId(table).database) && tables.matches(this.#spelled(table))
    );
  }

  /** Finds the schema of rows whose shape is new, and says so in front of them. */
  async adopt(
    map: TableMap,
    place: EventPlace,
    into: SectionBuffer,
  ): Promise<TableSchema | undefined> {
    const update = await this.#options.registry.adopt(map);
    if (update !== undefined) this.#announce(update, versionAt(place), into);
    return update?.schema;
  }

  /** Takes in a DDL statement. Undefined when nothing has to be asked of the server. */
  apply(
    { changes, sql }: { readonly changes: readonly TableChange[]; readonly sql: string },
    place: EventPlace,
    into: SectionBuffer,
  ): Promise<void> | undefined {
    const asked: TableChange[] = [];
    const ddl = readableDdl(sql);
    for (const change of changes) {
      if (change.action === 'dropDatabase') {
        for (const table of this.#tablesOf(change.database)) this.#remove(table, ddl, place, into);
      } else if (change.action === 'truncate') {
        this.#truncate(this.#spelled(change.table), ddl, place, into);
      } else {
        if (change.action !== 'alter' && change.action !== 'create') {
          this.#remove(this.#spelled(change.table), ddl, place, into);
        }
        if (change.action !== 'drop') asked.push(change);
      }
    }
    const captured = asked.filter((change) => this.isCaptured(targetOf(change)));
    return captured.length === 0 ? undefined : this.#ask(captured, ddl);
  }

  /** Announces schemas that have become certain between two transactions. */
  settle(queue: BatchQueue): void {
    const { registry } = this.#options;
    if (!registry.hasPending || !registry.isDue(queue.place)) return;
    const { position } = queue;
    for (const update of registry.settle(position)) {
      this.#announce(update, versionOf(position), queue);
    }
  }

  async #ask(changes: readonly TableChange[], ddl: string): Promise<void> {
    for (const change of changes) {
      await this.#options.registry.noteChange(this.#spelled(targetOf(change)), {
        ddl,
        isNew: change.action === 'create',
        ...(change.action === 'alter' && { alteration: change.alteration }),
      });
    }
  }

  #announce(
    { schema, existingRows, defaults, isThere, ddl }: SchemaUpdate,
    version: Version,
    into: Pick<SectionBuffer, 'addBarrier'>,
  ): void {
    const { table } = schema;
    into.addBarrier({
      ...{ kind: 'schema', table, schema, existingRows, version },
      ...(ddl !== undefined && { ddl }),
      ...(defaults && Object.keys(defaults).length > 0 && { defaults }),
    });
    if (existingRows === 'resnapshot' && isThere) this.#options.onSnapshotNeeded(table);
  }

  #truncate(table: TableId, ddl: string, place: EventPlace, into: SectionBuffer): void {
    if (this.inForce(table) === undefined) return;
    into.addBarrier({ kind: 'truncate', table, ddl, version: versionAt(place) });
  }

  #remove(table: TableId, ddl: string, place: EventPlace, into: SectionBuffer): void {
    this.#truncate(table, ddl, place, into);
    this.#options.registry.forget(table);
  }

  #tablesOf(database: string): TableId[] {
    const { registry, ignoresCase } = this.#options;
    return registry.tables().filter((table) => {
      const own = splitTableId(table).database;
      return own === database || (ignoresCase && own.toLowerCase() === database.toLowerCase());
    });
  }

  /** The table as the server spells it: as we know it already, else in lower case where that is the rule. */
  #spelled(table: TableId): TableId {
    const { registry, ignoresCase } = this.#options;
    if (!ignoresCase || registry.inForce(table) !== undefined) return table;
    const lower = table.toLowerCase();
    return registry.tables().find((other) => other.toLowerCase() === lower) ?? lower;
  }
}

function targetOf(change: TableChange): TableId {
  if (change.action === 'rename') return change.to;
  return change.action === 'dropDatabase' ? '' : change.table;
}

function versionAt({ epoch, fileNumber, offset }: EventPlace): Version {
  return packVersion(epoch, fileNumber, offset);
}
