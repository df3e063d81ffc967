import type { TableSchema } from '../change/table-schema.ts';
import { openPlaces } from '../config/place-in-project.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { Problem } from '../errors.ts';
import { messagesProblem } from '../route/rule-router.ts';
import { openRouter } from './open-router.ts';

/** What is wrong with the rules under `route` for the captured tables, each with its place in the file. */
export async function checkRoutes(
  config: ProjectConfig,
  sources: readonly TableSchema[],
): Promise<Problem[]> {
  const router = openRouter(config);
  const problems = router.check(sources);
  if (config.source.type === 'kafka') {
    const ruled = sources.filter((source) => router.rulesOf(source) !== undefined);
    problems.push(...ruled.map(({ table }) => messagesProblem(table)));
  }
  if (problems.length === 0) return [];
  const placeOf = await openPlaces(config);
  return problems.map(({ path, table, code, message, remedy }) => ({
    code,
    where: placeOf(['route', ...path]),
    message: table === undefined ? message : `${table}: ${message}`,
    remedy,
    severity: 'error',
  }));
}
