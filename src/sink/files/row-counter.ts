const newline = 0x0a;
const quote = 0x22;

/** Counts rows in what passes. In CSV a newline within quotes is part of a value. */
export class RowCounter {
  rows = 0;
  bytes = 0;
  readonly #hasQuotes: boolean;
  #isQuoted = false;

  constructor({ hasQuotes }: { readonly hasQuotes: boolean }) {
    this.#hasQuotes = hasQuotes;
  }

  count(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (!this.#hasQuotes) {
      for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) {
        this.rows += 1;
      }
      return;
    }
    for (const byte of chunk) {
      // A doubled quote inside of a value ends it and begins it again.
      if (byte === quote) this.#isQuoted = !this.#isQuoted;
      else if (byte === newline && !this.#isQuoted) this.rows += 1;
    }
  }
}
