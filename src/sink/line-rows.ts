/** Rows of JSONCompactEachRow whose values are printed as texts, numbers or NULL, each as text. */
export function* lineTexts(body: readonly Buffer[]): Generator<(string | null)[], void> {
  for (const line of Buffer.concat(body).toString('utf8').split('\n')) {
    if (line === '') continue;
    const values = JSON.parse(line) as unknown[];
    yield values.map((value) => (value === null ? null : String(value)));
  }
}
