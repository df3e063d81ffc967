import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { type CreatedProject, createProject } from '../../template/new-project.ts';
import { parseAssignments } from '../../template/parameter-values.ts';
import { findTemplate, listTemplates, type Template } from '../../template/template-catalog.ts';
import type { CommandContext } from '../context.ts';
import { renderTemplate, renderTemplateList } from '../presenter/template.ts';
import { example, type JsonOption, jsonFlag } from './command-options.ts';

interface NewOptions extends JsonOption {
  readonly set: readonly string[];
}

export function registerTemplate(program: Command, context: CommandContext): void {
  const template = program.command('template').description('Start a project from a template.');
  template
    .command('list')
    .description('List the templates.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc template list'))
    .action(async ({ json }: JsonOption) => {
      const templates = await listTemplates();
      if (json !== true) return context.print(renderTemplateList(templates, context.style));
      const entries = templates.map(({ name, description }) => ({ name, description }));
      return context.print(`${JSON.stringify({ templates: entries })}\n`);
    });
  template
    .command('show')
    .argument('<template>', 'name of the template')
    .description('Describe a template and its parameters.')
    .option(...jsonFlag)
    .addHelpText('after', example('cdc template show mysql-to-warehouse'))
    .action(async (name: string, { json }: JsonOption) => {
      const found = await findTemplate(name);
      if (json !== true) return context.print(renderTemplate(found, context.style));
      return context.print(`${JSON.stringify(describe(found))}\n`);
    });
  template
    .command('new')
    .argument('<template>', 'name of the template')
    .argument('<folder>', 'folder to make')
    .description('Write a project that runs into a new folder.')
    .option('--set <key=value>', 'set a parameter of the template; may be repeated', collect, [])
    .option(...jsonFlag)
    .addHelpText(
      'after',
      example("cdc template new mysql-to-warehouse my-shop --set host=db1 --set 'tables=shop.*'"),
    )
    .action(async (name: string, folder: string, { json, set }: NewOptions) => {
      const project = await createProject({
        template: name,
        folder: resolve(context.io.currentFolder, folder),
        values: parseAssignments(set),
      });
      await context.present(project, json, (created) => renderCreated(created, context));
    });
}

function describe({ name, description, parameters }: Template) {
  return { name, description, parameters };
}

function renderCreated(project: CreatedProject, context: CommandContext): string {
  const folder = relative(context.io.currentFolder, project.folder) || '.';
  return [
    `${context.style.green('created')} ${folder} from ${project.template}\n`,
    ...project.files.map((file) => `  ${file}\n`),
    `next: ${folder}/README.md has the steps, \`cdc check -c ${folder}\` says what is missing\n`,
  ].join('');
}

function collect(assignment: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, assignment];
}
