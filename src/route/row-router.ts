import type { RowsSection } from '../change/change-batch.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { ByteWriter } from '../lib/byte-writer.ts';
import { RowLayout, type RowView } from './row-layout.ts';
import { RowTransform } from './row-transform.ts';
import type { TablePlan } from './table-plan.ts';

/** The businesses that want a row; none: it is left out. A row that is new and wanted by nobody is counted. */
export type Destinations = (row: RowView, version: bigint, isNew: boolean) => readonly string[];

/** Rows for one business, in the order they came. */
export interface RoutedRows {
  readonly business: string;
  readonly rowCount: number;
  readonly bytes: Buffer;
}

/** `_deleted` of a row; see change/table-schema.ts. */
const inserted = 0;
const deleted = 1;
const before = 2;

/** Takes the rows of one schema of a table apart and puts them where they are wanted. */
export class RowRouter {
  readonly #layout: RowLayout;
  readonly #transform: RowTransform;
  /** Where a delete goes that stands for a row left out. */
  readonly #business: string;

  constructor(plan: TablePlan, target: TableSchema) {
    this.#layout = new RowLayout(plan.source);
    this.#transform = new RowTransform(plan, target);
    this.#business = plan.route.business ?? '';
  }

  /** True when rows neither change nor part ways, so that the section may pass as it is. */
  isIdentity(destinations: Destinations | undefined): boolean {
    return destinations === undefined && this.#transform.isCopy;
  }

  /**
   * An update may move a row out of what a business wants, or into it:
   *
   *     | before | after  | with the row before it  | without it         |
   *     | wanted | wanted | both                    | the row            |
   *     | wanted | not    | a delete                | a delete           |
   *     | not    | wanted | an insert               | the row            |
   *     | not    | not    | nothing                 | a delete, harmless |
   *
   * Rows of a snapshot that are not wanted are left out: there is nothing before them.
   */
  route(
    section: RowsSection,
    origin: 'snapshot' | 'stream',
    destinations: Destinations | undefined,
  ): RoutedRows[] {
    const { bytes } = section;
    const outputs = new Outputs(this.#transform);
    const row: RowView = { bytes, starts: this.#layout.newStarts() };
    const earlier: RowView = { bytes, starts: this.#layout.newStarts() };
    const own = [this.#business];
    let wantedBefore: readonly string[] | undefined;
    for (let offset = 0; offset < bytes.length; ) {
      const next = this.#layout.find(bytes, offset, row.starts);
      const kind = bytes[next - 1];
      const version = bytes.readBigUInt64LE(next - 9);
      const wanted = destinations?.(row, version, kind === inserted) ?? own;
      offset = next;
      if (kind === before) {
        wantedBefore = wanted;
        earlier.starts.set(row.starts);
        continue;
      }
      if (wantedBefore !== undefined) {
        for (const business of wantedBefore) {
          if (wanted.includes(business)) outputs.add(business, earlier);
          else outputs.addDelete(business, earlier, version);
        }
        wantedBefore = undefined;
      } else if (wanted.length === 0 && origin === 'stream' && !section.hasBeforeImages) {
        outputs.addDelete(this.#business, row, version);
      }
      for (const business of wanted) outputs.add(business, row);
    }
    return outputs.take(section);
  }
}

/** Rows on their way, by business. */
class Outputs {
  readonly #transform: RowTransform;
  readonly #writers = new Map<string, { writer: ByteWriter; rowCount: number }>();
  #hasChanged = false;

  constructor(transform: RowTransform) {
    this.#transform = transform;
    this.#hasChanged = !transform.isCopy;
  }

  add(business: string, row: RowView): void {
    let output = this.#writers.get(business);
    if (output === undefined) {
      output = { writer: new ByteWriter(Math.max(1024, row.bytes.length)), rowCount: 0 };
      this.#writers.set(business, output);
    }
    this.#transform.write(row, output.writer);
    output.rowCount++;
  }

  /** The row as a delete of this version. */
  addDelete(business: string, row: RowView, version: bigint): void {
    this.add(business, row);
    const writer = this.#writers.get(business)?.writer;
    if (writer === undefined) return;
    writer.buffer.writeBigUInt64LE(version, writer.offset - 9);
    writer.buffer[writer.offset - 1] = deleted;
    this.#hasChanged = true;
  }

  take(section: RowsSection): RoutedRows[] {
    return [...this.#writers].map(([business, { writer, rowCount }]) => {
      const isWhole = !this.#hasChanged && rowCount === section.rowCount;
      return { business, rowCount, bytes: isWhole ? section.bytes : writer.take() };
    });
  }
}
