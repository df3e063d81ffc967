import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readProject } from '../../../src/config/load-project.ts';
import { createProject, renderTemplate } from '../../../src/template/new-project.ts';
import { parseAssignments } from '../../../src/template/parameter-values.ts';
import { findTemplate, listTemplates } from '../../../src/template/template-catalog.ts';

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'cdc-template-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A package folder with one template `small` that also copies a folder beside the templates. */
async function packageWithTemplate(folder: string, manifest: object) {
  const root = join(folder, 'templates');
  await mkdir(join(root, 'small'), { recursive: true });
  await mkdir(join(folder, 'layers', 'dwd'), { recursive: true });
  await writeFile(join(folder, 'layers', 'dwd', 'orders.sql'), 'SELECT {{not}} touched');
  await writeFile(join(root, 'small', 'note.txt'), '{{name}} for {{who}}\n');
  await writeFile(join(root, 'small', 'template.json'), JSON.stringify(manifest));
  return root;
}

test('every shipped template has a manifest that is valid', async () => {
  const names = (await listTemplates()).map(({ name }) => name);
  expect(names).toContain('mysql-to-warehouse');
});

test('mysql-to-warehouse becomes a project that the configuration accepts as it is', async () => {
  await using parent = await temporaryFolder();
  const folder = join(parent.path, 'my-shop');
  const created = await createProject({ template: 'mysql-to-warehouse', folder });
  expect(created.files).toEqual([
    '.env.example',
    '.gitignore',
    'README.md',
    'cdc.yaml',
    'layers/ads/.gitkeep',
    'layers/dwd/.gitkeep',
    'layers/dws/.gitkeep',
  ]);
  const { config, problems } = await readProject({
    file: folder,
    environment: { CDC_SOURCE_PASSWORD: 'p' },
  });
  expect(problems).toEqual([]);
  expect(config).toMatchObject({ name: 'my-shop', source: { tables: ['shop.*'] } });
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toMatch(/^# my-shop\n/);
});

test('values reach the project file as the YAML values they are', async () => {
  await using parent = await temporaryFolder();
  const folder = join(parent.path, 'p');
  const values = { host: 'db1', port: '3307', user: 'yes', tables: 'shop.*, !shop.tmp_*,crm.a' };
  await createProject({ template: 'mysql-to-warehouse', folder, values });
  const { config } = await readProject({
    file: folder,
    environment: { CDC_SOURCE_PASSWORD: 'p' },
  });
  expect(config?.source).toMatchObject({
    host: 'db1',
    port: 3307,
    user: 'yes',
    tables: ['shop.*', '!shop.tmp_*', 'crm.a'],
  });
});

test('a folder of the package is copied as it is, and files are filled in', async () => {
  await using parent = await temporaryFolder();
  const root = await packageWithTemplate(parent.path, {
    description: 'Small.',
    parameters: [{ name: 'who', description: 'Who.' }],
    files: [{ from: 'note.txt', to: 'docs/NOTE' }],
    copy: [{ from: '../../layers', to: 'layers' }],
  });
  const folder = join(parent.path, 'new');
  const { files } = await createProject({ template: 'small', folder, root, values: { who: 'us' } });
  expect(files).toEqual(['docs/NOTE', 'layers/dwd/orders.sql']);
  expect(await readFile(join(folder, 'docs/NOTE'), 'utf8')).toBe('new for us\n');
  expect(await readFile(join(folder, files[1] ?? ''), 'utf8')).toBe('SELECT {{not}} touched');
});

test('a manifest cannot reach outside the package or the new project', async () => {
  await using parent = await temporaryFolder();
  const parameters = [{ name: 'who', description: 'Who.', default: 'x' }];
  const manifests = [
    { description: 'D.', parameters, files: [{ from: 'note.txt', to: '../../x' }] },
    { description: 'D.', parameters, copy: [{ from: '../../../x', to: 'x' }] },
  ];
  for (const manifest of manifests) {
    const root = await packageWithTemplate(parent.path, manifest);
    const creating = createProject({ template: 'small', folder: join(parent.path, 'new'), root });
    await expect(creating).rejects.toMatchObject({ code: 'CDC_INTERNAL' });
  }
});

test('an unknown template is answered with the nearest one', async () => {
  await expect(findTemplate('mysql-to-warehous')).rejects.toMatchObject({
    code: 'CDC_TEMPLATE_UNKNOWN',
    message: 'there is no template "mysql-to-warehous"',
    remedy: expect.stringContaining('Did you mean "mysql-to-warehouse"?'),
  });
  await expect(findTemplate('x')).rejects.toMatchObject({
    remedy: expect.stringMatching(/^Use one of: .*mysql-to-warehouse/),
  });
});

test('every wrong parameter is named at once', async () => {
  await using parent = await temporaryFolder();
  const creating = createProject({
    template: 'mysql-to-warehouse',
    folder: join(parent.path, 'p'),
    values: { prot: '1', port: '70000', tables: 'shop', host: 'a b' },
  });
  await expect(creating).rejects.toMatchObject({
    code: 'CDC_TEMPLATE_UNKNOWN',
    message:
      'the template mysql-to-warehouse cannot be filled in: ' +
      'there is no parameter prot; did you mean port?; ' +
      'host must be a host name or an address, not "a b"; ' +
      'port must be a whole number from 1 to 65535, not "70000"; ' +
      'tables must be table patterns such as shop.orders, shop.* or !shop.tmp_*, not "shop"',
    remedy: '`cdc template show mysql-to-warehouse` describes its parameters.',
  });
});

test('a parameter without a default must be given', async () => {
  await using parent = await temporaryFolder();
  const parameters = [{ name: 'who', description: 'Who.' }];
  const root = await packageWithTemplate(parent.path, { description: 'Small.', parameters });
  const creating = createProject({ template: 'small', folder: join(parent.path, 'new'), root });
  await expect(creating).rejects.toMatchObject({
    message: expect.stringMatching(/who must be given/),
  });
});

test('a folder that is not empty is left alone', async () => {
  await using parent = await temporaryFolder();
  await writeFile(join(parent.path, 'mine.txt'), 'mine');
  const creating = createProject({ template: 'mysql-to-warehouse', folder: parent.path });
  await expect(creating).rejects.toMatchObject({
    code: 'CDC_USAGE',
    message: `the folder ${parent.path} is not empty (mine.txt)`,
  });
});

test('a path below a file is refused with the reason', async () => {
  await using parent = await temporaryFolder();
  await writeFile(join(parent.path, 'file'), '');
  const folder = join(parent.path, 'file', 'project');
  await expect(createProject({ template: 'mysql-to-warehouse', folder })).rejects.toMatchObject({
    code: 'CDC_USAGE',
    message: expect.stringContaining('ENOTDIR'),
  });
});

test.each([
  { value: 'plain', yaml: 'plain' },
  { value: 'a: b # c', yaml: '"a: b # c"' },
  { value: 'true', yaml: '"true"' },
  { value: 5, yaml: '5' },
  { value: ['shop.*', '!x.y'], yaml: '[ shop.*, "!x.y" ]' },
])('in YAML $value is written as $yaml', ({ value, yaml }) => {
  const values = new Map([['v', value]]);
  expect(renderTemplate('k: {{v}}', 'cdc.yaml', values)).toBe(`k: ${yaml}`);
});

test('assignments are split at the first =', () => {
  expect(parseAssignments(['a=b=c', 'd='])).toEqual({ a: 'b=c', d: '' });
  expect(() => parseAssignments(['host'])).toThrow('--set host is not key=value');
  expect(() => parseAssignments(['=x'])).toThrow('is not key=value');
});
