import type { TerminalOutput } from './io.ts';
import { truncateToWidth } from './presenter/display-width.ts';

/**
 * Lines at the bottom of a terminal that are written over in place. Other lines go above them:
 * whoever writes to the same terminal writes through `write`.
 */
export class LiveRegion {
  readonly #output: TerminalOutput;
  #lines: readonly string[] = [];

  constructor(output: TerminalOutput) {
    this.#output = output;
  }

  /** Shows these lines instead of the last ones; what does not fit the terminal is cut off. */
  update(text: string): void {
    const { columns = 80, rows = 24 } = this.#output;
    const erase = this.#eraser();
    // The last column stays free: a full line would wrap and could not be erased.
    this.#lines = text
      .split('\n')
      .slice(0, rows - 1)
      .map((line) => truncateToWidth(line, columns - 1));
    this.#output.write(erase + this.#lines.join('\n'));
  }

  clear(): void {
    if (this.#lines.length === 0) return;
    this.#output.write(this.#eraser());
    this.#lines = [];
  }

  /** Writes whole lines above the region. */
  write(lines: string): boolean {
    return this.#output.write(this.#eraser() + lines + this.#lines.join('\n'));
  }

  /** Back to the first line of the region, and everything from there on erased. */
  #eraser(): string {
    if (this.#lines.length === 0) return '';
    const up = this.#lines.length - 1;
    return `\r${up > 0 ? `\u001b[${up}A` : ''}\u001b[0J`;
  }
}
