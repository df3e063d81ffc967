/** A filter that cannot be read, or that does not fit the columns it is about. `at` counts characters from 1. */
export class FilterSyntaxError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(`character ${at}: ${message}`);
    this.name = 'FilterSyntaxError';
    this.at = at;
  }
}
