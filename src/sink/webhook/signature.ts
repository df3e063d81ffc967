import { createHmac } from 'node:crypto';

export interface SignedParts {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: string;
  readonly body: readonly Buffer[];
}

/**
 * The value of `webhook-signature` (standardwebhooks.com): `v1,` and in base64 the HMAC-SHA256 of `id.timestamp.body`. A secret that
 * begins with `whsec_` is base64, any other one is taken as it is.
 */
export function signatureOf({ id, timestamp, body }: SignedParts, secret: string): string {
  const prefix = 'whsec_';
  const key = secret.startsWith(prefix)
    ? Buffer.from(secret.slice(prefix.length), 'base64')
    : Buffer.from(secret);
  const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`);
  for (const chunk of body) hmac.update(chunk);
  return `v1,${hmac.digest('base64')}`;
}
