import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadProject, parseProject, readProject } from '../../../src/config/load-project.ts';
import type { ProjectConfig } from '../../../src/config/project-config.ts';

const minimal = 'source:\n  type: mysql\n  user: cdc\n  tables: [shop.*]\n';

function parse(text: string, environment: Record<string, string> = {}) {
  return parseProject(text, { file: '/work/shop/cdc.yaml', label: 'cdc.yaml', environment });
}

function problemsOf(text: string, environment: Record<string, string> = {}): string[] {
  return parse(text, environment).problems.map(({ where, message, remedy }) =>
    [where, message, ...(remedy === undefined ? [] : ['->', remedy])].join(' '),
  );
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'cdc-config-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test('a minimal project takes every default and is frozen to the bottom', () => {
  const { config, problems } = parse(minimal);
  expect(problems).toEqual([]);
  expect(config).toMatchObject({
    name: 'shop',
    folder: '/work/shop',
    file: '/work/shop/cdc.yaml',
    stateFolder: '/work/shop/.cdc',
    source: { host: '127.0.0.1', port: 3306, tables: ['shop.*'], snapshot: { chunkRows: 50_000 } },
    log: { type: 'embedded' },
    warehouse: { type: 'embedded', port: 0 },
    load: { flushMs: 50 },
    layers: { folder: 'layers' },
  });
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(mysqlOf(config).snapshot)).toBe(true);
  expect(Object.isFrozen(config?.source.tables)).toBe(true);
});

test.each([
  { text: 'log: embedded', expected: { log: { type: 'embedded' } } },
  { text: 'warehouse: embedded', expected: { warehouse: { type: 'embedded' } } },
  {
    text: 'warehouse: http://reporter@ch1:8123',
    expected: { warehouse: { type: 'clickhouse', url: 'http://ch1:8123', user: 'reporter' } },
  },
  {
    text: 'warehouse: https://ch1:8443/path',
    expected: { warehouse: { url: 'https://ch1:8443/path', user: 'default' } },
  },
  {
    text: "sinks: [{ type: kafka, name: out, tables: ['shop.*'], brokers: ['k:9092'], format: canal }]",
    expected: { sinks: [{ format: { type: 'canal', schema: false } }] },
  },
])('the short form $text is understood', ({ text, expected }) => {
  expect(parse(`${minimal}${text}\n`).config).toMatchObject(expected);
});

test('a password in the short form of a warehouse becomes a secret and leaves the address', () => {
  const { config } = parse(`${minimal}warehouse: http://u:p%40ss@ch1:8123\n`);
  const warehouse = config?.warehouse;
  expect(warehouse?.type === 'clickhouse' && warehouse.password.reveal()).toBe('p@ss');
  expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toMatch(/p@ss|p%40ss/);
});

test.each([
  {
    name: 'an unknown key near a known one',
    text: minimal.replace('user: cdc', 'user: cdc\n  hots: db1'),
    expected: 'cdc.yaml:4:3 source.hots: unknown key -> Did you mean "host"?',
  },
  {
    name: 'an unknown key near none',
    text: `${minimal}load:\n  quux: 1\n`,
    expected:
      'cdc.yaml:6:3 load.quux: unknown key -> Remove it, or use one of: maxBatchBytes, flushMs, shares.',
  },
  {
    name: 'an unknown key at the top',
    text: `${minimal}layrs: {}\n`,
    expected: 'cdc.yaml:5:1 layrs: unknown key -> Did you mean "layers"?',
  },
  {
    name: 'a snake_case key',
    text: `${minimal}load: { flush_ms: 5 }\n`,
    expected: 'cdc.yaml:5:9 load.flush_ms: unknown key -> Did you mean "flushMs"?',
  },
  {
    name: 'a number in words',
    text: `${minimal}  port: thirty\n`,
    expected: 'cdc.yaml:5:9 source.port: expected a whole number from 1 to 65535, found "thirty"',
  },
  {
    name: 'a number out of range',
    text: `${minimal}  port: 70000\n`,
    expected: 'cdc.yaml:5:9 source.port: expected a whole number from 1 to 65535, found 70000',
  },
  {
    name: 'text that YAML reads as a number',
    text: minimal.replace('user: cdc', 'user: 123'),
    expected: 'cdc.yaml:3:9 source.user: expected text, found 123 -> Write it in quotes.',
  },
  {
    name: 'a password that YAML reads as a number, without showing it',
    text: `${minimal}  password: 4711\n`,
    expected: 'cdc.yaml:5:13 source.password: expected text -> Write it in quotes.',
  },
  {
    name: 'a key without a value',
    text: minimal.replace('user: cdc', 'user:'),
    expected: 'cdc.yaml:3:3 source.user: expected text, found nothing',
  },
  {
    name: 'a missing key',
    text: minimal.replace('  user: cdc\n', ''),
    expected:
      'cdc.yaml:1:1 source.user: is required: user with SELECT on the tables, REPLICATION SLAVE and REPLICATION CLIENT -> Add it, for example `user: cdc`.',
  },
  {
    name: 'an empty file',
    text: '',
    expected:
      'cdc.yaml:1:1 source: is required: the database to capture, or topics that other tools write -> Add it; docs/config.md lists its keys.',
  },
  {
    name: 'a wrong choice',
    text: `${minimal}  temporal: nativ\n`,
    expected:
      'cdc.yaml:5:13 source.temporal: expected one of native, text, found "nativ" -> Did you mean "native"?',
  },
  {
    name: 'an unknown engine in the short form',
    text: `${minimal}warehouse: embeded\n`,
    expected:
      'cdc.yaml:5:12 warehouse.type: expected one of embedded, clickhouse, found "embeded" -> Did you mean "embedded"?',
  },
  {
    name: 'a warehouse that is no address',
    text: `${minimal}warehouse:\n  type: clickhouse\n  url: ch1\n`,
    expected:
      'cdc.yaml:7:8 warehouse.url: expected an address, found "ch1" -> Write it like `http://ch1.internal:8123`.',
  },
  {
    name: 'a list where a mapping stands',
    text: `${minimal}  ssl: []\n`,
    expected:
      'cdc.yaml:5:8 source.ssl: expected a mapping with ca, rejectUnauthorized, found a list -> Present: connect with TLS.',
  },
  {
    name: 'a value in a list',
    text: minimal.replace('[shop.*]', '[shop.*, shop]'),
    expected:
      'cdc.yaml:4:20 source.tables[1]: "shop" is not a table pattern such as shop.orders, shop.* or !shop.tmp_*',
  },
  {
    name: 'a name with a space',
    text: `name: my shop\n${minimal}`,
    expected:
      'cdc.yaml:1:7 name: "my shop" must begin with a letter and hold only letters, digits, _ and -',
  },
  {
    name: 'an exclusion without quotes',
    text: minimal.replace('[shop.*]', '[shop.*, !shop.tmp_*]'),
    expected:
      "cdc.yaml:4:20 a value that begins with ! is a YAML tag -> Write it in quotes, as in '!shop.tmp_*'.",
  },
  {
    name: 'a key that stands twice',
    text: `${minimal}  user: root\n`,
    expected: 'cdc.yaml:5:3 not valid YAML: Map keys must be unique',
  },
  {
    name: 'a tab',
    text: 'source:\n\ttype: mysql\n',
    expected: 'cdc.yaml:2:1 not valid YAML: Tabs are not allowed as indentation',
  },
  {
    name: 'text that is no mapping',
    text: 'hello\n',
    expected:
      'cdc.yaml:1:1 expected a mapping with name, stateFolder, source, route, log, warehouse, load, layers, sinks, found "hello"',
  },
])('$name is named with its place and the way out', ({ text, expected }) => {
  expect(problemsOf(text)).toEqual([expected]);
  expect(parse(text).config).toBeUndefined();
});

test('all problems are reported at once, in the order of the file', () => {
  const text = `source:
  type: mysql
  prot: 3306
  password: \${CDC_TEST_UNSET}
  tables: []
log: kafka
layrs: 1
`;
  const places = parse(text).problems.map(({ where }) => where);
  expect(places).toEqual([
    'cdc.yaml:1:1', // user is missing
    'cdc.yaml:3:3',
    'cdc.yaml:4:13',
    'cdc.yaml:5:11',
    'cdc.yaml:6:6',
    'cdc.yaml:7:1',
  ]);
});

test('variables are replaced in values, with defaults, and get the type the key wants', () => {
  const { config, problems } = parse(
    `source:
  type: mysql
  host: db-\${ZONE}.\${DOMAIN:-internal}
  port: \${PORT}
  user: \${USER_NAME:-cdc}
  password: \${PASSWORD}
  tables: ["\${DATABASE}.*"]
  ssl: { rejectUnauthorized: "\${VERIFY}", ca: ca.pem }
`,
    { ZONE: 'a', PORT: '3307', USER_NAME: '', PASSWORD: '4711', DATABASE: 'shop', VERIFY: 'false' },
  );
  expect(problems).toEqual([]);
  expect(config?.source).toMatchObject({
    host: 'db-a.internal',
    port: 3307,
    user: 'cdc',
    tables: ['shop.*'],
    ssl: { rejectUnauthorized: false, ca: '/work/shop/ca.pem' },
  });
  expect(mysqlOf(config).password.reveal()).toBe('4711');
});

test('a variable cannot change the structure of the file', () => {
  const { config } = parse(`${minimal}  password: \${P}\n`, { P: 'x\nwarehouse: http://evil:1' });
  expect(config?.warehouse.type).toBe('embedded');
  expect(mysqlOf(config).password.reveal()).toBe('x\nwarehouse: http://evil:1');
});

test('a missing variable is named where it stands, and its value causes no further problem', () => {
  expect(problemsOf(`${minimal}  port: 33\${CDC_UNSET}\n`)).toEqual([
    'cdc.yaml:5:11 the environment variable CDC_UNSET is not set -> Set CDC_UNSET in the environment or in a file .env beside the project file, or write ${CDC_UNSET:-default}.',
  ]);
});

test.each(['${', '${1X}', '${A B}', '${}'])('%s is refused as a reference', (reference) => {
  expect(problemsOf(`${minimal}  password: "a${reference}"\n`)).toEqual([
    expect.stringMatching(
      /^cdc\.yaml:5:\d+ .* is not a reference to a variable -> Write \$\{NAME\}/,
    ),
  ]);
});

test('a literal ${ is written $${', () => {
  const { config } = parse(`${minimal}  password: "$\${A}"\n`);
  expect(mysqlOf(config).password.reveal()).toBe('${A}');
});

test('a value from the environment is not shown in a problem', () => {
  const problems = problemsOf(`${minimal}  port: \${PORT}\n`, { PORT: 'hunter2' });
  expect(problems).toEqual(['cdc.yaml:5:9 source.port: expected a whole number from 1 to 65535']);
});

test('a file .env beside the project is read, and the environment wins over it', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, '.env'), '# comment\nCDC_A=from-file\nCDC_B="from file"\n');
  await writeFile(
    join(folder.path, 'cdc.yaml'),
    minimal.replace('user: cdc', 'user: ${CDC_A}\n  password: ${CDC_B}'),
  );
  const config = await loadProject({ file: folder.path, environment: { CDC_A: 'from-env' } });
  expect(mysqlOf(config).user).toBe('from-env');
  expect(mysqlOf(config).password.reveal()).toBe('from file');
});

test('several shares of loading are refused where one process loads everything', () => {
  expect(problemsOf(`${minimal}load: { shares: 2 }\n`)).toEqual([
    expect.stringMatching(/load\.shares: must be 1 with `log: embedded`/),
  ]);
  expect(problemsOf(`${minimal}load: { shares: 2 }\nlog: kafka://k:9092\n`)).toEqual([]);
});

test('problems name the file as it is seen from the current folder', async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'shop'));
  await writeFile(join(folder.path, 'shop', 'cdc.yaml'), 'nmae: x\n');
  const { problems } = await readProject({ file: 'shop', currentFolder: folder.path });
  expect(problems.map(({ where }) => where)).toContain('shop/cdc.yaml:1:1');
});

test('loading an invalid project throws one error that lists every problem', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'cdc.yaml'), `${minimal}laod: {}\nlgo: embedded\n`);
  const loading = loadProject({ currentFolder: folder.path });
  await expect(loading).rejects.toMatchObject({
    code: 'CDC_CONFIG_INVALID',
    message: expect.stringMatching(
      /2 problems:\n {2}cdc\.yaml:5:1 laod.*"load".*\n {2}cdc\.yaml:6:1/,
    ),
  });
});

test('a folder without a project file says which file was looked for', async () => {
  await using folder = await temporaryFolder();
  await expect(loadProject({ currentFolder: folder.path })).rejects.toMatchObject({
    code: 'CDC_PROJECT_NOT_FOUND',
    message: `there is no project file cdc.yaml in ${folder.path}`,
    remedy: expect.stringContaining('cdc template new'),
  });
});

describe('topics as a source', () => {
  const kafka = `
source:
  type: kafka
  brokers: [kafka1:9092]
  ssl: { ca: certs/ca.pem, cert: certs/me.pem }
  tables:
`;

  test('an entry takes its defaults, and certificates lie beside the project file', () => {
    const entry = `    - { topic: dbserver1.shop.orders, table: shop.orders, format: debezium }\n`;
    const { config, problems } = parse(kafka + entry);
    expect(problems).toEqual([]);
    expect(config?.source).toMatchObject({
      from: 'earliest',
      unmatched: 'deadLetter',
      ssl: {
        ca: '/work/shop/certs/ca.pem',
        cert: '/work/shop/certs/me.pem',
        rejectUnauthorized: true,
      },
      tables: [{ topic: 'dbserver1.shop.orders', table: 'shop.orders', format: 'debezium' }],
    });
  });

  test('a project needs no table yet', () => {
    expect(problemsOf(kafka.replace('  tables:\n', ''))).toEqual([]);
  });

  test.each([
    {
      name: 'a column type that there is not',
      entry: 'topic: a, table: s.a, format: json, columns: [{ name: id, type: varchr(20) }]',
      message: /source\.tables\[0\]\.columns\[0\]\.type: "varchr\(20\)" is not a column type/,
    },
    {
      name: 'Maxwell without columns',
      entry: 'topic: a, table: s.a, format: maxwell',
      message: /source\.tables\[0\]\.format: .*needs columns/,
    },
    {
      name: 'a key that is no column',
      entry: 'topic: a, table: s.a, format: json, key: [id, x], columns: [{ name: id, type: int }]',
      message: /source\.tables\[0\]\.key: is not among the columns: x/,
    },
    {
      name: 'columns of a database without a key',
      entry: 'topic: a, table: s.a, format: debezium, columns: [{ name: id, type: int }]',
      message: /source\.tables\[0\]\.columns: need a key beside them/,
    },
    {
      name: 'a table pattern that the topic cannot fill',
      entry: 'topic: a.b, table: "s.*", format: debezium',
      message: /source\.tables\[0\]\.table: .*has more \* than the topic/,
    },
    {
      name: 'a table without a database',
      entry: 'topic: a.b, table: orders, format: debezium',
      message: /source\.tables\[0\]\.table: "orders" is not a table/,
    },
  ])('$name is refused at its place', ({ entry, message }) => {
    expect(problemsOf(`${kafka}    - { ${entry} }\n`)).toEqual([expect.stringMatching(message)]);
  });

  test('changes from topics are not kept in topics again', () => {
    expect(problemsOf(`${kafka}    []\nlog: kafka://kafka1:9092\n`)).toEqual([
      expect.stringMatching(/log: must be embedded with `source: kafka`/),
    ]);
  });
});

function mysqlOf(config: ProjectConfig | undefined) {
  if (config?.source.type !== 'mysql') throw new Error('the source is not MySQL');
  return config.source;
}
