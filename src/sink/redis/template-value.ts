import { incompatibleTable, rejectedRows } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { scalarForm } from './scalar-form.ts';
import { TextTemplate } from './text-template.ts';
import type { ValueForm } from './value-form.ts';

export const nullText = '\\N';

/**
 * A text of columns. A template that is one column and nothing else holds the value as it is; in others values are
 * escaped, so that they can be told apart (text-template.ts).
 */
export function templateForm({ columns, source }: SinkTable, text: string): ValueForm {
  const template = parse(source, text);
  const names = new Map(columns.map(({ name }, at) => [name, at]));
  const missing = template.columns.filter((name) => !names.has(name));
  if (missing.length > 0) throw incompatibleTable(source, `it has no ${missing.join(', ')}.`);
  const isPlain = template.literals.join('') === '';
  const [only = ''] = template.columns;
  return {
    kind: 'string',
    version: 'none',
    columns: new Set(template.columns),
    formOf: ({ type }) => scalarForm(type),
    write(texts) {
      const textOf = (name: string) => texts[names.get(name) as number] ?? null;
      if (!isPlain) return [template.render(textOf, nullText) as string];
      const value = textOf(only);
      if (value === nullText)
        throw rejectedRows(source, `${only} is the text that stands for NULL`);
      return [value ?? nullText];
    },
    read([stored = '']) {
      if (isPlain) return { texts: new Map([[only, stored === nullText ? null : stored]]) };
      const texts = template.takeApart(stored, nullText);
      return texts && { texts };
    },
  };
}

function parse(source: string, text: string): TextTemplate {
  try {
    return new TextTemplate(text, '');
  } catch (error) {
    throw incompatibleTable(source, `its value cannot be: ${(error as Error).message}.`);
  }
}
