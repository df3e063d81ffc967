/**
 * A text by which JSON in the engine and jsonb can be compared although they are written differently (spaces, the order of
 * keys, 1e3 for 1000): its distinct keys, strings, numbers and words, sorted. Two values that hold the same pieces in another
 * arrangement have the same text. Numbers beyond 1e40 or nearer to 0 than 1e-12 all count as one.
 */

/** A string, or a run of characters between punctuation; the same expression in both dialects. */
const engineToken = String.raw`'"(?:[^"\\\\]|\\\\.)*"|[^",:\\[\\]{}\\s]+'`;
const storeToken = String.raw`'"(?:[^"\\]|\\.)*"|[^",:\[\]{}\s]+'`;

export function engineJsonText(value: string): string {
  const size = 'abs(toFloat64OrZero(token))';
  const number = `if(${size} >= 1e-12 AND ${size} < 1e40, toDecimalString(assumeNotNull(toDecimal256OrNull(token, 30)), 30), 'number')`;
  const piece = `multiIf(startsWith(token, '"'), concat('"', JSONExtractString(token)), match(token, '^-?[0-9]'), ${number}, token)`;
  const pieces = `arraySort(arrayDistinct(arrayMap(token -> ${piece}, extractAll(ifNull(${value}, ''), ${engineToken}))))`;
  return `if(isNull(${value}), NULL, arrayStringConcat(${pieces}, '\\x1D'))`;
}

export function storeJsonText(value: string): string {
  const number =
    'CASE WHEN abs(token::numeric) >= 1e-12 AND abs(token::numeric) < 1e40 ' +
    "THEN round(trunc(token::numeric, 30), 30)::text ELSE 'number' END";
  const piece =
    `CASE WHEN token LIKE '"%' THEN '"' || (token::jsonb #>> '{}') ` +
    `WHEN token ~ '^-?[0-9]' THEN ${number} ELSE token END`;
  const pieces = `SELECT DISTINCT (${piece}) COLLATE "C" AS piece FROM regexp_matches(${value}::text, ${storeToken}, 'g') AS found(tokens), LATERAL (SELECT tokens[1] AS token) AS each`;
  return `CASE WHEN ${value} IS NULL THEN NULL ELSE coalesce((SELECT string_agg(piece, chr(29) ORDER BY piece) FROM (${pieces}) AS pieces), '') END`;
}
