import { readFileSync } from 'node:fs';
import { Agent, type AgentOptions } from 'node:https';
import type { z } from 'zod';
import type { tlsOptions } from './common-options.ts';

/** Connections with the certificates of a sink’s `ssl`. */
export function tlsAgent(
  { ca, cert, key, rejectUnauthorized }: NonNullable<z.output<typeof tlsOptions>>,
  options: AgentOptions = {},
): Agent {
  return new Agent({
    keepAlive: true,
    ...options,
    rejectUnauthorized,
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  });
}
