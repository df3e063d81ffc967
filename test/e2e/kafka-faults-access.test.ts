import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import { CdcProject } from '../support/cdc-project.ts';
import { randomName } from '../support/kafka.ts';
import { makeCertificates, type TestCertificates } from '../support/kafka-certificates.ts';
import { expectVerified, shopYaml } from '../support/shop-topics.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

const login = { username: 'alice', password: 'alice-knows-this' };

let folder: Awaited<ReturnType<typeof openTempFolder>>;
let files: TestCertificates;
let broker: LocalKafka;

beforeAll(async () => {
  folder = await openTempFolder();
  files = await makeCertificates(folder.path);
  const ssl = { keystoreFile: files.serverKeystore };
  broker = await LocalKafka.open({ sasl: login, ssl });
});

afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

interface Refused {
  /** Lines of the project file under `log`. */
  readonly log: string;
  readonly code: string;
  readonly exitCode: number;
  readonly says: readonly RegExp[];
}

function scram(password: string): string {
  return `  sasl: { mechanism: scram-sha-256, username: ${login.username}, password: ${password} }`;
}

const ways: {
  name: string;
  listener: 'SASL_PLAINTEXT' | 'SSL';
  right: () => string;
  wrong: () => Refused[];
}[] = [
  {
    name: 'a log-in by SCRAM',
    listener: 'SASL_PLAINTEXT',
    right: () => scram(login.password),
    wrong: () => [
      {
        log: scram('wrong-guess'),
        code: 'CDC_KAFKA_ACCESS_DENIED',
        exitCode: 3,
        says: [/authentication failed/i, /Correct sasl/],
      },
      {
        log: '',
        code: 'CDC_KAFKA_UNREACHABLE',
        exitCode: 1,
        says: [/expects ssl or sasl on this port/],
      },
    ],
  },
  {
    name: 'TLS',
    listener: 'SSL',
    right: () => `  ssl: { ca: ${files.ca} }`,
    wrong: () => [
      {
        log: '  ssl: {}',
        code: 'CDC_KAFKA_ACCESS_DENIED',
        exitCode: 3,
        says: [/certificate/, /Correct sasl or ssl/],
      },
      {
        log: '  ssl: { ca: /nowhere/ca.pem }',
        code: 'CDC_CONFIG_INVALID',
        exitCode: 2,
        says: [/ssl\.ca/, /\/nowhere\/ca\.pem/, /Correct ssl\.ca/],
      },
    ],
  },
];

describe.each(ways)('$name', ({ listener, right, wrong }) => {
  test(`lets changes through with what is right, and says what is wrong otherwise (${listener})`, async () => {
    await using database = await openTestDatabase('mariadb');
    await using state = await openTempFolder();
    await database.connection.query(
      'CREATE TABLE note (id INT PRIMARY KEY); INSERT INTO note VALUES (1)',
    );
    const options = { brokers: [broker.address(listener)], prefix: randomName('access') };
    const yaml = (log: string) =>
      shopYaml(database, { ...options, log: `${log}\n  compression: zstd` });
    const project = await CdcProject.create(state.path, database, { yaml: yaml(right()) });
    const write = (log: string) => writeFile(join(state.path, 'cdc.yaml'), yaml(log));
    await project.succeed('check');
    await project.succeed('init');
    await database.connection.query('INSERT INTO note VALUES (2)');
    for (const { log, code, exitCode, says } of wrong()) {
      await write(log);
      const report = await project.run('check', '--json');
      expect(report.exitCode).toBe(exitCode);
      const { problems } = JSON.parse(report.stdout) as { problems: { code: string }[] };
      expect(problems.map((problem) => problem.code)).toEqual([code]);
      const refused = await project.run('run', '--until-current');
      expect(refused.exitCode, refused.stderr).toBe(exitCode);
      expect(refused.stderr).toContain(code);
      for (const text of [JSON.stringify(problems), refused.stderr]) {
        for (const pattern of says) expect(text).toMatch(pattern);
        expect(text).not.toContain('wrong-guess');
      }
    }
    await write(right());
    await project.succeed('run', '--until-current');
    await expectVerified(project, 1);
  }, 150_000);
});
