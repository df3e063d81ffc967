/**
 * One-line forms of a stage, so that changing an engine is changing a line:
 *
 *   log: embedded                      -> { type: embedded }
 *   log: kafka://host:9092,host2:9092  -> { type: kafka, brokers: [host:9092, host2:9092] }
 *   log.format: maxwell                -> { type: maxwell }
 *   sinks[].format: maxwell            -> { type: maxwell }, of a Kafka sink
 *   warehouse: embedded                -> { type: embedded }
 *   warehouse: http://user@host:8123   -> { type: clickhouse, url: http://host:8123, user: user }
 */
export function expandShortForms(data: unknown): unknown {
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return data;
  const { log, warehouse, sinks, ...rest } = data as Readonly<Record<string, unknown>>;
  return {
    ...rest,
    ...(log !== undefined && { log: expandLog(log) }),
    ...(sinks !== undefined && {
      sinks: Array.isArray(sinks) ? sinks.map(expandSink) : sinks,
    }),
    ...(warehouse !== undefined && {
      warehouse: typeof warehouse === 'string' ? expandWarehouse(warehouse) : warehouse,
    }),
  };
}

function expandLog(log: unknown): unknown {
  if (typeof log === 'string') {
    const brokers = /^kafka:\/\/([^/]*)\/?$/.exec(log)?.[1];
    return brokers === undefined ? { type: log } : { type: 'kafka', brokers: brokers.split(',') };
  }
  return expandFormat(log);
}

/** Formats of other sinks are words only. */
function expandSink(sink: unknown): unknown {
  const isKafka =
    sink !== null && typeof sink === 'object' && 'type' in sink && sink.type === 'kafka';
  return isKafka ? expandFormat(sink) : sink;
}

function expandFormat(options: unknown): unknown {
  if (options === null || typeof options !== 'object' || !('format' in options)) return options;
  const { format } = options;
  return typeof format === 'string' ? { ...options, format: { type: format } } : options;
}

function expandWarehouse(text: string): Record<string, unknown> {
  if (!text.includes('://')) return { type: text };
  if (!URL.canParse(text)) return { type: 'clickhouse', url: text };
  const url = new URL(text);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  return {
    type: 'clickhouse',
    url: url.href.replace(/\/$/, ''),
    ...(username !== '' && { user: decode(username) }),
    ...(password !== '' && { password: decode(password) }),
  };
}

/** A lone % is not an escape; then the text stands as written. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
