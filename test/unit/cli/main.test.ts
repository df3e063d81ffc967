import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CommandLine } from '../../support/command-line.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

const commands = [
  'demo',
  'check',
  'init',
  'run',
  'status',
  'query',
  'verify',
  'template list',
  'template show',
  'template new',
  'deadletter list',
  'deadletter show',
  'deadletter replay',
  'deadletter drop',
  'layers plan',
  'layers apply',
];

test('without arguments the help is shown, with every command and every exit code', async () => {
  const { exitCode, stdout } = await new CommandLine().run();
  expect(exitCode).toBe(0);
  for (const command of commands) expect(stdout).toContain(command.split(' ')[0]);
  expect(stdout.match(/^ {2}(0|1|2|3|4|70|130) /gm)).toHaveLength(7);
});

test.each(commands)('the help of %s is a sentence and a real example', async (command) => {
  const { exitCode, stdout } = await new CommandLine().run(...command.split(' '), '--help');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: cdc ${command}`));
  expect(stdout).toMatch(/\n\n[A-Z][\s\S]*?\.\n\n/);
  expect(stdout).toMatch(new RegExp(`Example:\n  \\$ cdc ${command}`));
  expect(stdout).toContain('--json');
  expect(stdout).toContain('--config <file>');
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  const { exitCode, stdout } = await new CommandLine().run('--version');
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${version}\n` });
});

test.each([
  { argv: ['rnu'], what: "unknown command 'rnu' (Did you mean run?)", help: 'cdc' },
  {
    argv: ['layers', 'aply'],
    what: "unknown command 'aply' (Did you mean apply?)",
    help: 'cdc layers',
  },
  { argv: ['template'], what: '`cdc template` needs to know what to do', help: 'cdc template' },
  { argv: ['-v'], what: '`cdc` needs to know what to do', help: 'cdc' },
  { argv: ['run', '--until'], what: "unknown option '--until'", help: 'cdc run' },
  { argv: ['run', 'now'], what: "too many arguments for 'run'", help: 'cdc run' },
  {
    argv: ['template', 'show'],
    what: "missing required argument 'template'",
    help: 'cdc template show',
  },
  {
    argv: ['query', 'x', '--format', 'xml'],
    what: 'Allowed choices are table, json, csv',
    help: 'cdc query',
  },
  {
    argv: ['init', '--tables', 'a.b,orders'],
    what: '"orders" is not a table pattern',
    help: 'cdc init',
  },
  { argv: ['demo', '--seconds', '0'], what: 'a whole number from 1 to 86400', help: 'cdc demo' },
])('a wrong command line $argv ends with 2 and names the help', async ({ argv, what, help }) => {
  const { exitCode, stdout, stderr } = await new CommandLine().run(...argv);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  const lines = stderr.split('\n');
  expect(lines[0]).toMatch(/^error: /);
  expect(lines[0]).toContain(what);
  expect(lines[1]).toBe(`  fix: Run \`${help} --help\`.`);
  expect(lines[2]).toBe('  code: CDC_USAGE (docs/errors.md)');
});

test('with --json an error is one JSON object on stdout', async () => {
  await using folder = await openTempFolder();
  const line = new CommandLine({ currentFolder: folder.path });
  const { exitCode, stdout, stderr } = await line.run('status', '--json');
  expect(exitCode).toBe(2);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    error: {
      code: 'CDC_PROJECT_NOT_FOUND',
      kind: 'usage',
      message: `there is no project file cdc.yaml in ${folder.path}`,
      remedy: expect.stringContaining('cdc template new'),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    },
  });
});

test.each(['check', 'init', 'run', 'status', 'query', 'verify', 'layers plan', 'layers apply'])(
  '%s outside a project says so',
  async (command) => {
    await using folder = await openTempFolder();
    const line = new CommandLine({ currentFolder: folder.path, stdin: 'SELECT 1' });
    const { exitCode, stderr } = await line.run(...command.split(' '));
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`error: there is no project file cdc.yaml in ${folder.path}`);
    expect(stderr).toContain('code: CDC_PROJECT_NOT_FOUND');
  },
);

test('check lists every problem of the project file, as text and as JSON, and ends with 2', async () => {
  await using folder = await openTempFolder();
  await writeFile(
    join(folder.path, 'cdc.yaml'),
    'source:\n  type: mysql\n  usr: cdc\n  tables: [shop.*]\nlayrs: {}\n',
  );
  const line = { currentFolder: folder.path };
  const text = await new CommandLine(line).run('check');
  expect(text.exitCode).toBe(2);
  expect(text.stdout).toContain(
    'error cdc.yaml:3:3 source.usr: unknown key\n    Did you mean "user"?\n',
  );
  expect(text.stdout).toContain(
    'error cdc.yaml:5:1 layrs: unknown key\n    Did you mean "layers"?\n',
  );
  expect(text.stdout).toMatch(/not ready, 3 errors\n$/);
  const json = await new CommandLine(line).run('check', '--json');
  expect(json.exitCode).toBe(2);
  const report = JSON.parse(json.stdout);
  expect(report).toMatchObject({ source: null, warehouse: null, tables: 0 });
  expect(report.problems).toHaveLength(3);
  expect(report.problems[1]).toEqual({
    code: 'CDC_CONFIG_INVALID',
    where: 'cdc.yaml:3:3',
    message: 'source.usr: unknown key',
    remedy: 'Did you mean "user"?',
    severity: 'error',
  });
});

test('the project is taken from --config, before or after the command', async () => {
  await using folder = await openTempFolder();
  await writeFile(join(folder.path, 'other.yaml'), 'nmae: x\n');
  for (const argv of [
    ['-c', 'other.yaml', 'check'],
    ['check', '--config', 'other.yaml'],
  ]) {
    const { stdout } = await new CommandLine({ currentFolder: folder.path }).run(...argv);
    expect(stdout).toContain('other.yaml:1:1 nmae: unknown key');
  }
});

test('a project made from a template is named file by file and then passes the validation', async () => {
  await using folder = await openTempFolder();
  const options = { currentFolder: folder.path };
  const made = await new CommandLine(options).run(
    ...['template', 'new', 'mysql-to-warehouse', 'shop', '--set', 'port=1', '--set', 'host=::1'],
  );
  expect(made.exitCode).toBe(0);
  expect(made.stdout).toContain('created shop from mysql-to-warehouse\n');
  expect(made.stdout).toContain('  cdc.yaml\n');
  // Without its password the project names the variable, at its place.
  const checked = await new CommandLine(options).run('check', '-c', 'shop');
  expect(checked.stdout).toContain(
    'shop/cdc.yaml:8:13 the environment variable CDC_SOURCE_PASSWORD is not set',
  );
});

test('templates are listed and described, also as JSON', async () => {
  const list = await new CommandLine().run('template', 'list', '--json');
  expect(JSON.parse(list.stdout).templates).toContainEqual({
    name: 'mysql-to-warehouse',
    description: expect.any(String),
  });
  const show = await new CommandLine().run('template', 'show', 'mysql-to-warehouse');
  expect(show.stdout).toMatch(/^port {2,}3306 {2,}TCP port/m);
});

test.each([
  { sql: '', what: 'the statement is empty' },
  { sql: '  ;\n', what: 'the statement is empty' },
])('query refuses the statement "$sql"', async ({ sql, what }) => {
  const { exitCode, stderr } = await new CommandLine({ stdin: sql }).run('query');
  expect(exitCode).toBe(2);
  expect(stderr).toContain(what);
});

test('query without a statement on a terminal does not wait for one', async () => {
  const line = new CommandLine({ isTerminal: true });
  Object.assign(line.stdin, { isTTY: true });
  const { exitCode, stderr } = await line.run('query');
  expect(exitCode).toBe(2);
  expect(stderr).toContain('there is no statement to run');
});

test.each(['SIGINT', 'SIGTERM'])(
  'the first %s is a clean stop with exit code 0',
  async (signal) => {
    const line = new CommandLine();
    const running = line.run('query'); // waits for its statement on stdin
    line.signals.emit(signal);
    expect(await running).toMatchObject({ exitCode: 0, stderr: '' });
    expect(line.signals.listenerCount(signal)).toBe(0);
  },
);

test('a second interrupt ends at once with 130', async () => {
  const line = new CommandLine();
  const running = line.run('query');
  line.signals.emit('SIGINT');
  line.signals.emit('SIGINT');
  expect((await running).exitCode).toBe(130);
});

test('a reader that goes away is no failure', async () => {
  const line = new CommandLine();
  const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  line.io.stdout._write = (_chunk, _encoding, done) => done(closed);
  expect(await line.run('template', 'list')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('colour is for terminals that want it', async () => {
  const colored = await new CommandLine({ isTerminal: true }).run('rnu');
  expect(colored.stderr).toContain('\u001b[31merror:');
  const plain = await new CommandLine({ isTerminal: true, environment: { NO_COLOR: '1' } }).run(
    'rnu',
  );
  expect(plain.stderr).not.toContain('\u001b[31m');
});
