import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { CdcError } from '../errors.ts';
import type { tlsOptions } from './common-options.ts';

export type SinkTls = NonNullable<z.output<typeof tlsOptions>>;

/** `ssl` of a sink, with the contents of its files. */
export interface TlsFiles {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** `sink` is its name. Throws CDC_CONFIG_INVALID for a file that cannot be read. */
export function readTlsFiles({ rejectUnauthorized, ...paths }: SinkTls, sink: string): TlsFiles {
  const read = (what: 'ca' | 'cert' | 'key') => {
    const path = paths[what];
    if (path === undefined) return {};
    try {
      return { [what]: readFileSync(path, 'utf8') };
    } catch (error) {
      throw new CdcError('CDC_CONFIG_INVALID', `Sink ${sink}: ssl.${what}: cannot read ${path}`, {
        cause: error,
        details: { path },
        remedy: `Set ssl.${what} of the sink to a readable PEM file.`,
      });
    }
  };
  return { rejectUnauthorized, ...read('ca'), ...read('cert'), ...read('key') };
}
