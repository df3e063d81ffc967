import { expect, test } from 'vitest';
import { exitCodeOfProblems } from '../../../src/cli/command/check.ts';
import { plainStyle } from '../../../src/cli/presenter/style.ts';
import { renderError, renderErrorJson, renderProblem } from '../../../src/cli/render-error.ts';
import { CdcError, type ErrorCode, type Problem } from '../../../src/errors.ts';

test('an error is what and why, what to do, and its code', () => {
  const error = new CdcError('CDC_PORT_IN_USE', 'starting the engine: port 8123 is taken', {
    cause: new Error('listen EADDRINUSE'),
  });
  expect(renderError(error, plainStyle, false)).toBe(
    `error: starting the engine: port 8123 is taken
  fix: Choose another port in the project file, or 0 for a free one.
  code: CDC_PORT_IN_USE (docs/errors.md)
`,
  );
  expect(renderError(error, plainStyle, true)).toContain('  caused by: listen EADDRINUSE\n');
});

test('an unexpected error is a bug of ours, with its stack', () => {
  const text = renderError(new TypeError('x is undefined'), plainStyle, false);
  expect(text).toContain('error: x is undefined\n');
  expect(text).toContain('code: CDC_INTERNAL');
  expect(text).toContain('render-error.test.ts');
  expect(JSON.parse(renderErrorJson('text')).error).toMatchObject({
    code: 'CDC_INTERNAL',
    message: 'text',
  });
});

test('a problem is its place, its message and, on its own lines, what to do', () => {
  const problem: Problem = {
    code: 'CDC_PREFLIGHT_FAILED',
    where: 'binlog_format',
    message: 'is STATEMENT, must be ROW',
    remedy: "SET PERSIST binlog_format = 'ROW';\nRestart.",
    severity: 'warning',
  };
  expect(renderProblem(problem, plainStyle)).toBe(
    "warning binlog_format is STATEMENT, must be ROW\n    SET PERSIST binlog_format = 'ROW';\n    Restart.\n",
  );
});

test.each([
  { codes: [], expected: 0 },
  { codes: ['CDC_CONFIG_INVALID'], expected: 2 },
  { codes: ['CDC_SOURCE_UNREACHABLE'], expected: 1 },
  { codes: ['CDC_CONFIG_INVALID', 'CDC_PREFLIGHT_FAILED', 'CDC_SOURCE_UNREACHABLE'], expected: 3 },
] as { codes: ErrorCode[]; expected: number }[])(
  'problems $codes end a check with $expected',
  ({ codes, expected }) => {
    const problems = codes.map(
      (code): Problem => ({ code, where: '', message: '', severity: 'error' }),
    );
    const warning: Problem = { code: 'CDC_INTERNAL', where: '', message: '', severity: 'warning' };
    expect(exitCodeOfProblems([...problems, warning])).toBe(expected);
  },
);
