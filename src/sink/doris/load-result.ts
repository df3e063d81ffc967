import { z } from 'zod';
import type { CdcError } from '../../errors.ts';
import { sinkError } from '../sink-errors.ts';
import type { HttpAnswer } from './http-client.ts';
import { type About, storeError } from './store-errors.ts';

/** The answer of a backend to a Stream Load; its HTTP status is 200 whatever has happened. */
const loadResult = z.object({
  Status: z.string(),
  Message: z.string().default(''),
  TxnId: z.number().default(-1),
  ExistingJobStatus: z.string().optional(),
  NumberLoadedRows: z.number().default(0),
  NumberFilteredRows: z.number().default(0),
  ErrorURL: z.string().nullish(),
});

export type LoadResult = z.output<typeof loadResult>;

/** What a frontend answers when it does not redirect, and what both say of a second phase. */
const refusal = z.object({
  status: z.union([z.string(), z.number()]).optional(),
  Status: z.string().optional(),
  code: z.number().optional(),
  msg: z.string().optional(),
  Message: z.string().optional(),
  data: z.unknown().optional(),
});

/** Throws what the store has answered instead of a result. */
export function parseLoadResult(answer: HttpAnswer, about: About): LoadResult {
  const json = parseJson(answer, about);
  const result = loadResult.safeParse(json);
  if (result.success && result.data.Status !== 'FAILED') return result.data;
  throw refusalOf(json, answer, about);
}

/** Of a second phase: undefined when it was carried out, the store's words when not. */
export function secondPhaseRefusal(answer: HttpAnswer, about: About): string | undefined {
  const json = parseJson(answer, about);
  const { status, msg } = refusal.parse(json);
  if (msg === undefined) throw refusalOf(json, answer, about);
  return status === 'Success' || status === 'OK' ? undefined : msg;
}

function parseJson(answer: HttpAnswer, about: About): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    throw unexpected(answer, about);
  }
}

function refusalOf(json: unknown, answer: HttpAnswer, about: About): CdcError {
  const { success, data } = refusal.safeParse(json);
  if (!success) return unexpected(answer, about);
  const details = typeof data.data === 'string' ? data.data : '';
  const words = [data.msg ?? data.Message ?? '', details].filter(Boolean).join(': ');
  return words === '' ? unexpected(answer, about) : storeError(words, about);
}

/** Not what a frontend or backend says: a proxy, another program, a server that starts or ends. */
function unexpected({ status, origin }: HttpAnswer, { doing, table }: About): CdcError {
  const why = `${origin} answered with HTTP status ${status} and no result.`;
  const code = status === 401 || status === 403 ? 'CDC_SINK_ACCESS_DENIED' : 'CDC_SINK_UNREACHABLE';
  return sinkError(code, doing, why, { ...(table !== undefined && { table }) });
}

const mostReasons = 3;

/**
 * The reasons of an error log, without the values it quotes: those belong into no log of ours. Lines are
 * `Reason: column_name[name], the length of input is too long than schema. first 32 bytes of input str: [...] ... . src line [...]; `.
 */
export function reasonsOf(log: string): string[] {
  const reasons = log
    .split(/^(?=Reason: )/m)
    .filter((part) => part.startsWith('Reason: '))
    .map((part) =>
      part
        .slice('Reason: '.length)
        .replace(/\.?\s*src line \[[\s\S]*$/, '')
        .replace(/(input str:|input_str:?|value:?)\s*\[[\s\S]*?\]\s*/g, '$1 [...] ')
        .replace(/(src value is|value=)\s*[\s\S]*?(?=, precision|$)/, '$1 ...')
        .trim(),
    );
  return [...new Set(reasons)].slice(0, mostReasons);
}
