import type { Section } from '../../change/change-batch.ts';
import { defaultEncoding, type MessageLayout } from '../../change/message-layout.ts';
import { splitTableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { ChangeEncoder, ChangeFormat, ChangePlace, EventMessage } from '../change-format.ts';
import { keyColumns, layoutOf } from '../column-encodings.ts';
import type { JsonCode } from '../json-code.ts';
import { copyTransaction, PlaceText } from '../place-text.ts';
import { type ObjectFunction, RowCode } from '../row-code.ts';
import { type MessageCode, RowEncoder } from '../row-encoder.ts';
import { canalEvent } from './canal-events.ts';
import { sqlTypeOf } from './sql-types.ts';

/**
 * Canal's flat message: one row in `data`, every value as a string, members in the order of the alphabet as its
 * serializer writes them. `id` is the row's version.
 */
export class CanalFormat implements ChangeFormat {
  readonly name = 'canal';
  readonly #place = new PlaceText();

  layout(schema: TableSchema): MessageLayout {
    return layoutOf('canal', schema, ({ type }) => defaultEncoding('canal', type));
  }

  encoder(schema: TableSchema): ChangeEncoder {
    const rows = new RowCode({
      schema,
      style: { quotesNumbers: true, quotesDecimals: true },
      encoding: ({ type }) => defaultEncoding('canal', type),
    });
    const image = rows.addObject(schema.columns);
    const changed = rows.addDifferences(schema.columns);
    const keyImage = rows.addObject(keyColumns(schema));
    const key = rows.code().call(`${keyImage.name}(w, b, v, s, r);`, keyImage.room);
    const value = rows.code();
    addMessage(value, schema, image, changed);
    const code = rows.compile<MessageCode>({
      walk: rows.addWalk(),
      key: rows.addFunction('w, b, v, s, r', key),
      value: rows.addFunction('w, b, v, s, t, r, g, P', value),
    });
    return new RowEncoder(schema, code, Math.max(key.room, value.room), this.#place);
  }

  events(section: Section, _: TableSchema | undefined, place: ChangePlace): EventMessage[] {
    return canalEvent(section, place);
  }
}

function addMessage(
  code: JsonCode,
  schema: TableSchema,
  image: ObjectFunction,
  changed: ObjectFunction,
): void {
  const { database, table } = splitTableId(schema.table);
  const { columns, key } = schema;
  const mysqlType = JSON.stringify(
    Object.fromEntries(columns.map(({ name, sourceType }) => [name, sourceType])),
  );
  const sqlType = JSON.stringify(
    Object.fromEntries(columns.map((column) => [column.name, sqlTypeOf(column)])),
  );
  const inner = (text: string) => code.inner().text(text);
  code.text('{"data":[').call(`${image.name}(w, b, v, s, r);`, image.room);
  code.text(`],"database":${JSON.stringify(database)},"es":`);
  code.run('q = writeMillis(o, q, P.committedMillions, P.committedRest, 0);', 20);
  code.text(',"gtid":');
  code.choose('P.hasGtid', code.inner().run(copyTransaction), inner('""'));
  code.text(',"id":').run('q = writeUint64(o, q, g.versionLow | 0, g.versionHigh | 0);', 20);
  code.text(`,"isDdl":false,"mysqlType":${mysqlType},"old":`);
  code.choose(
    'g.action === 1',
    inner('[').call(`${changed.name}(w, b, v, t, s, r);`, changed.room).text(']'),
    inner('null'),
  );
  const names = key.length > 0 ? JSON.stringify(key) : 'null';
  code.text(`,"pkNames":${names},"sql":"","sqlType":${sqlType},`);
  code.text(`"table":${JSON.stringify(table)},"ts":`);
  code.run('q = writeMillis(o, q, P.receivedMillions, P.receivedRest, 0);', 20);
  code.text(',"type":"');
  code.choose(
    'g.action === 0',
    inner('INSERT'),
    code.inner().choose('g.action === 1', inner('UPDATE'), inner('DELETE')),
  );
  code.text('"}');
}
