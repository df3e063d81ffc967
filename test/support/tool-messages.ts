/**
 * Messages as other tools write them, after the examples in their documentation, to the byte but for the
 * values: Debezium's MySQL connector with Kafka Connect's JsonConverter, Maxwell, Canal (flat messages),
 * Filebeat.
 */

type Row = Readonly<Record<string, unknown>>;

/** Columns of `shop.orders` as a schema block describes them. */
export const orderFields = [
  { type: 'int64', optional: false, field: 'id' },
  { type: 'string', optional: true, field: 'customer' },
  {
    type: 'bytes',
    optional: true,
    name: 'org.apache.kafka.connect.data.Decimal',
    version: 1,
    parameters: { scale: '2', 'connect.decimal.precision': '10' },
    field: 'amount',
  },
  {
    type: 'int64',
    optional: true,
    name: 'io.debezium.time.MicroTimestamp',
    version: 1,
    field: 'at',
  },
] as const;

/** `12.50` -> `BOI=`, as the connector writes decimal(10,2). */
export function unscaled(cents: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(cents);
  let start = 0;
  while (start < 3 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start++;
  return bytes.subarray(start).toString('base64');
}

export interface DebeziumChange {
  readonly op: 'c' | 'u' | 'd' | 'r' | 't';
  readonly before?: Row | null;
  readonly after?: Row | null;
  readonly pos: number;
  readonly file?: string;
  readonly row?: number;
  readonly table?: string;
}

export function debeziumEnvelope(change: DebeziumChange): Row {
  const { op, before = null, after = null, pos, file = 'mysql-bin.000003', row = 0 } = change;
  const source = {
    version: '3.5.0.Final',
    connector: 'mysql',
    name: 'dbserver1',
    ts_ms: 1769860800000,
    snapshot: op === 'r' ? 'true' : 'false',
    db: 'shop',
    sequence: null,
    ts_us: 1769860800000000,
    ts_ns: 1769860800000000000,
    table: change.table ?? 'orders',
    server_id: 223344,
    gtid: null,
    file,
    pos,
    row,
    thread: 7,
    query: null,
  };
  return { before, after, source, transaction: null, op, ts_ms: 1769860800123 };
}

/** Without `fields`: as with `schemas.enable=false`. */
export function debeziumValue(change: DebeziumChange, fields?: readonly object[]): string {
  const payload = debeziumEnvelope(change);
  if (fields === undefined) return JSON.stringify(payload);
  return JSON.stringify({ schema: envelopeBlock(fields), payload });
}

export function debeziumKey(id: number, withSchema = false): string {
  if (!withSchema) return JSON.stringify({ id });
  const fields = [{ type: 'int64', optional: false, field: 'id' }];
  const schema = { type: 'struct', fields, optional: false, name: 'dbserver1.shop.orders.Key' };
  return JSON.stringify({ schema, payload: { id } });
}

function envelopeBlock(fields: readonly object[]): object {
  const name = 'dbserver1.shop.orders.Value';
  const image = (field: string) => ({ type: 'struct', fields, optional: true, name, field });
  return {
    type: 'struct',
    fields: [
      image('before'),
      image('after'),
      {
        type: 'struct',
        fields: [
          { type: 'string', optional: false, field: 'version' },
          { type: 'string', optional: false, field: 'db' },
          { type: 'string', optional: true, field: 'table' },
          { type: 'string', optional: false, field: 'file' },
          { type: 'int64', optional: false, field: 'pos' },
          { type: 'int32', optional: false, field: 'row' },
        ],
        optional: false,
        name: 'io.debezium.connector.mysql.Source',
        field: 'source',
      },
      { type: 'string', optional: false, field: 'op' },
      { type: 'int64', optional: true, field: 'ts_ms' },
    ],
    optional: false,
    name: 'dbserver1.shop.orders.Envelope',
    version: 1,
  };
}

export function maxwellValue(
  type: string,
  table: string,
  data: Row,
  more: { readonly old?: Row; readonly position?: string } = {},
): string {
  const { old, position } = more;
  const head = { database: 'shop', table, type, ts: 1769860800, xid: 23396, commit: true };
  return JSON.stringify({ ...head, ...(position && { position }), data, ...(old && { old }) });
}

export function canalValue(
  type: string,
  data: readonly Row[] | null,
  more: { readonly old?: readonly Row[]; readonly table?: string; readonly sql?: string } = {},
): string {
  const isDdl = data === null;
  return JSON.stringify({
    data,
    database: 'shop',
    es: 1769860800000,
    id: 4,
    isDdl,
    mysqlType: isDdl
      ? null
      : { id: 'bigint(20)', customer: 'varchar(64)', amount: 'decimal(10,2)' },
    old: more.old ?? null,
    pkNames: isDdl ? null : ['id'],
    sql: more.sql ?? '',
    sqlType: isDdl ? null : { id: -5, customer: 12, amount: 3 },
    table: more.table ?? 'orders',
    ts: 1769860800123,
    type,
  });
}

export function filebeatValue(message: string, offset: number): string {
  return JSON.stringify({
    '@timestamp': '2026-01-31T12:00:00.123Z',
    '@metadata': { beat: 'filebeat', type: '_doc', version: '8.17.0' },
    agent: { type: 'filebeat', version: '8.17.0', name: 'web-1' },
    ecs: { version: '8.0.0' },
    host: { name: 'web-1' },
    log: { offset, file: { path: '/var/log/nginx/access.log' } },
    message,
    input: { type: 'filestream' },
  });
}

export const nginxLine =
  '192.0.2.7 - alice [31/Jan/2026:12:00:00 +0000] "GET /orders/7 HTTP/1.1" 200 612 "-" "curl/8.5.0"';
