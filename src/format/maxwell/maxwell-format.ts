import type { Section } from '../../change/change-batch.ts';
import {
  defaultEncoding,
  type MessageLayout,
  type ValueEncoding,
} from '../../change/message-layout.ts';
import { splitTableId } from '../../change/table-id.ts';
import type { Column, TableSchema } from '../../change/table-schema.ts';
import type { ChangeEncoder, ChangeFormat, ChangePlace, EventMessage } from '../change-format.ts';
import { keyColumns, layoutOf } from '../column-encodings.ts';
import type { JsonCode } from '../json-code.ts';
import { copyFile, PlaceText } from '../place-text.ts';
import { type ObjectFunction, RowCode } from '../row-code.ts';
import { type MessageCode, RowEncoder } from '../row-encoder.ts';
import { maxwellEvent } from './maxwell-events.ts';

/** Maxwell's JSON: `{database, table, type, ts, position, data, old}`; rows of a snapshot as its bootstrap. */
export class MaxwellFormat implements ChangeFormat {
  readonly name = 'maxwell';
  readonly #place = new PlaceText();

  layout(schema: TableSchema): MessageLayout {
    return layoutOf('maxwell', schema, encodingOf);
  }

  encoder(schema: TableSchema): ChangeEncoder {
    const rows = new RowCode({
      schema,
      style: { quotesNumbers: false, quotesDecimals: false },
      encoding: encodingOf,
    });
    const { database, table } = splitTableId(schema.table);
    const head = JSON.stringify({ database, table }).slice(0, -1);
    const image = rows.addObject(schema.columns);
    const changed = rows.addDifferences(schema.columns);
    const keyImage = rows.addObject(
      keyColumns(schema),
      ({ name }) => `pk.${name.toLowerCase()}`,
      `${head},`,
    );
    const key = rows.code().call(`${keyImage.name}(w, b, v, s, r);`, keyImage.room);
    const value = rows.code().text(`${head},"type":"`);
    addRest(value, image, changed);
    const code = rows.compile<MessageCode>({
      walk: rows.addWalk(),
      key: rows.addFunction('w, b, v, s, r', key),
      value: rows.addFunction('w, b, v, s, t, r, g, P', value),
    });
    return new RowEncoder(schema, code, Math.max(key.room, value.room), this.#place);
  }

  events(section: Section, schema: TableSchema | undefined, place: ChangePlace): EventMessage[] {
    return maxwellEvent(section, schema, place);
  }
}

/** A json column is a value in its place. */
function encodingOf({ type }: Column): ValueEncoding {
  return type.kind === 'json' ? 'value' : defaultEncoding('maxwell', type);
}

function addRest(code: JsonCode, image: ObjectFunction, changed: ObjectFunction): void {
  const inner = (text: string) => code.inner().text(text);
  const insert = code.inner().choose('P.isSnapshot', inner('bootstrap-insert'), inner('insert'));
  const other = code.inner().choose('g.action === 1', inner('update'), inner('delete'));
  code.choose('g.action === 0', insert, other);
  code.text('","ts":').run('q = writeDouble(o, q, P.committedSeconds);', 16);
  code.text(',"position":"').run(copyFile);
  code.text(':').run('q = writeUint64(o, q, g.versionLow | 0, g.versionHigh & 15);', 20);
  code.text('","data":').call(`${image.name}(w, b, v, s, r);`, image.room);
  const old = inner(',"old":').call(`${changed.name}(w, b, v, t, s, r);`, changed.room);
  code.choose('g.action === 1', old, code.inner());
  code.text('}');
}
