import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { CdcError } from '../../../src/errors.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { createLogger, type LogLevel } from '../../../src/ops/logger.ts';

function recording(options: { pretty?: boolean; level?: LogLevel } = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    level: options.level ?? 'debug',
    pretty: options.pretty ?? false,
    output: { write: (line: string) => lines.push(line) },
  });
  return { logger, lines };
}

test('a log line is one JSON object with level, time, fields and message', () => {
  const { logger, lines } = recording();
  logger.child({ component: 'loader' }).info({ table: 'shop.orders', rows: 5 }, 'Batch written.');
  expect(lines).toHaveLength(1);
  const record = JSON.parse(lines[0] ?? '');
  expect(record).toMatchObject({
    level: 'info',
    component: 'loader',
    table: 'shop.orders',
    rows: 5,
    message: 'Batch written.',
  });
  expect(new Date(record.time).toISOString()).toBe(record.time);
});

test('lines below the level are not written', () => {
  const { logger, lines } = recording({ level: 'warn' });
  logger.info('Quiet.');
  logger.warn('Loud.');
  expect(lines).toHaveLength(1);
});

test('an error is logged with code, remedy, details and causes, without a stack when expected', () => {
  const { logger, lines } = recording();
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new CdcError('CDC_SOURCE_UNREACHABLE', 'connecting to db1:3306 failed', {
    cause,
    details: { host: 'db1' },
  });
  logger.error({ error }, 'Capture stopped.');
  const record = JSON.parse(lines[0] ?? '');
  expect(record.error).toMatchObject({
    code: 'CDC_SOURCE_UNREACHABLE',
    kind: 'transient',
    message: 'connecting to db1:3306 failed',
    details: { host: 'db1' },
    cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
  });
  expect(record.error.remedy).toContain('Check host');
  expect(record.error).not.toHaveProperty('stack');
});

test('a bug keeps its stack', () => {
  const { logger, lines } = recording();
  logger.error({ error: new TypeError('x is undefined') }, 'Failed.');
  expect(JSON.parse(lines[0] ?? '').error.stack).toContain('logger.test.ts');
});

test('fields that drivers hang on their errors, such as the statement, are not logged', () => {
  const { logger, lines } = recording();
  const error = Object.assign(new Error('Duplicate entry'), { sql: "INSERT ... 'row value'" });
  logger.error({ error }, 'Failed.');
  expect(lines.join('')).not.toContain('row value');
});

test('a circular chain of causes ends', () => {
  const { logger, lines } = recording();
  const error = new Error('outer');
  error.cause = error;
  logger.error({ error }, 'Failed.');
  expect(lines).toHaveLength(1);
});

test.each([{ pretty: false }, { pretty: true }])(
  'no way of logging leaks a secret (%o)',
  (options) => {
    const { logger, lines } = recording(options);
    const password = new Secret('hunter2');
    const error = new CdcError('CDC_SOURCE_ACCESS_DENIED', `no access with ${password}`, {
      cause: Object.assign(new Error(`cause ${password}`), { password }),
    });
    logger.info({ password, nested: { list: [password] }, map: new Map([['p', password]]) }, 'A.');
    logger.info('text %s object %o json %j', password, password, password);
    logger.info(password, 'As the object.');
    logger.info(`template ${password} and concatenation ${String(password)} ${inspect(password)}`);
    logger.error({ error, config: Object.freeze({ source: { password } }) }, 'B.');
    logger.error(error);
    logger.child({ password }).warn('C.');
    expect(lines.length).toBe(7);
    expect(lines.join('')).not.toContain('hunter2');
  },
);

test('on a terminal a line is short, and an error stands below it', () => {
  const { logger, lines } = recording({ pretty: true });
  logger.child({ component: 'loader' }).info({ table: 'shop.orders', note: 'two words' }, 'Done.');
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d INFO {2}loader Done\. table=shop\.orders note="two words"\n$/,
  );
  logger.error({ error: new CdcError('CDC_LOG_FULL', 'no space on /data') }, 'Capture stopped.');
  expect(lines[1]).toContain(
    '\n         CDC_LOG_FULL: no space on /data\n         fix: Free disk space',
  );
});
