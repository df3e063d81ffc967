import { CdcError, type Problem } from '../../errors.ts';
import type { HttpClient } from './http-client.ts';
import { parseLoadResult } from './load-result.ts';
import type { DorisSinkOptions } from './options.ts';
import type { SqlClient } from './sql-client.ts';
import { transportError } from './store-errors.ts';

const answerMs = 10_000;

/** What is wrong with the ports of the store, or with the user. What the user may do shows with the first statement only. */
export async function storeProblems(
  options: DorisSinkOptions,
  { sql, http }: { sql: SqlClient; http: HttpClient },
): Promise<Problem[]> {
  const [first] = options.frontends;
  const checks = [
    () => sql.run('SELECT 1', [], { doing: `Logging in at port ${options.queryPort}` }),
    () => askFrontend(http, options.database, `Logging in at ${first}`),
  ];
  const problems: Problem[] = [];
  for (const check of checks) {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof CdcError)) throw error;
      const { code, message, remedy } = error;
      problems.push({ code, message, remedy, where: `sinks.${options.name}`, severity: 'error' });
    }
  }
  return problems;
}

/** A question that every version answers to whoever may log in. */
async function askFrontend(http: HttpClient, database: string, doing: string): Promise<void> {
  const path = `/api/${encodeURIComponent(database)}/get_load_state?label=cdc_preflight`;
  const answer = await http
    .request({ method: 'GET', path, timeoutMs: answerMs })
    .catch((error: unknown) => {
      throw transportError(error, { doing });
    });
  if (answer.status >= 400) parseLoadResult(answer, { doing });
}
