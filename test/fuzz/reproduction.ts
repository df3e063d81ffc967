import { modelText, type Scenario } from './scenario.ts';
import type { Failure, ScenarioResult } from './scenario-run.ts';

/** A failing scenario as SQL: the tables and inserts exactly as they were run, with the models. */
export function renderReproduction(scenario: Scenario, result: ScenarioResult): string {
  const { failure, trace } = result;
  const models = scenario.models.map((model) => {
    return `-- ${model.name}  (layers/${model.name.replace('.', '/')}.sql)\n${modelText(model)};`;
  });
  const statements = trace.map((sql) => (sql.startsWith('--') ? `\n${sql}` : `${flat(sql)};`));
  return [
    `-- seed ${scenario.seed}, layers options ${JSON.stringify(scenario.options)}`,
    ...models,
    '',
    ...statements,
    '',
    ...(failure === undefined ? [] : renderFailure(failure)),
  ].join('\n');
}

export function renderFailure({ kind, round, message, wrong }: Failure): string[] {
  const rows = wrong.flatMap(({ name, missing, extra }) => [
    `--   ${name}`,
    ...missing.map((row) => `--     expected, not found: ${row}`),
    ...extra.map((row) => `--     found, not expected: ${row}`),
  ]);
  const text = message.split('\n').filter((line) => line !== '');
  return [`-- ${kind} after round ${round}:`, ...text.map((line) => `--   ${line}`), ...rows];
}

function flat(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim();
}
