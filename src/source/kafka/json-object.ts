export type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON object in these bytes; undefined when they are none. */
export function parseObject(bytes: Buffer | null): JsonObject | undefined {
  if (bytes === null) return undefined;
  try {
    return asObject(JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): JsonObject | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : undefined;
}
