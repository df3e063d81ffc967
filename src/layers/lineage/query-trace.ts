import type { Origin } from './origin.ts';
import type { ScopeSource } from './scope.ts';

/** What a query puts out, and what decides which rows there are. */
export interface QueryTrace {
  readonly outputs: readonly TracedOutput[];
  readonly rows: readonly Origin[];
  /** There may be more outputs than these. */
  readonly isOpen: boolean;
}

export interface TracedOutput {
  readonly name: string;
  readonly origins: readonly Origin[];
  /** Which SELECT of the text and which item of it says so. */
  readonly item?: { readonly select: number; readonly index: number };
}

export interface TraceOptions {
  /** A table or model; its `columns` are absent when nobody knows them. */
  readonly lookup: (name: string) => { readonly columns?: readonly string[] } | undefined;
  readonly isAggregate: (functionName: string) => boolean;
  /** Where an item begins; -1 when that is not known. */
  readonly placeOf: (item: { readonly select: number; readonly index: number }) => number;
}

/** With the names of `AS t(a, b)`, as far as there are any. */
export function renamed(trace: QueryTrace, names: readonly string[]): QueryTrace {
  if (names.length === 0) return trace;
  const outputs = trace.outputs.map((output, index) => {
    return { ...output, name: names[index] ?? output.name };
  });
  return { ...trace, outputs };
}

/** A query as something that another one reads. */
export function sourceOf(
  { outputs, rows, isOpen }: QueryTrace,
  names: readonly string[],
  join: Pick<ScopeSource, 'side' | 'using' | 'isArray'>,
): ScopeSource {
  const columns = isOpen ? undefined : outputs.map(({ name }) => name);
  const all = outputs.flatMap(({ origins }) => origins);
  const originsOf = (column: string): readonly Origin[] => {
    const output = outputs.find(({ name }) => name === column);
    if (output !== undefined || !isOpen) return output?.origins ?? [];
    return [...all, ...rows].map((origin) => ({ ...origin, isUncertain: true }));
  };
  return { names, columns, originsOf, ...join };
}
