/** The same values, with the next one being made while the last one is worked on. */
export async function* readAhead<T>(source: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const next = () => {
    const made = source.next();
    // It is thrown when its turn comes, or not at all.
    made.catch(() => undefined);
    return made;
  };
  let ahead = next();
  try {
    for (;;) {
      const { done, value } = await ahead;
      if (done) return;
      ahead = next();
      yield value;
    }
  } finally {
    await ahead.catch(() => undefined);
    await source.return();
  }
}
