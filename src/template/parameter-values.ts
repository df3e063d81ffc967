import { CdcError } from '../errors.ts';
import { nearestName } from '../lib/nearest-name.ts';
import type { TemplateParameter } from './manifest.ts';
import type { Template } from './template-catalog.ts';

export type ParameterValue = string | number | readonly string[];

/**
 * The value of every parameter: given, or its default. Throws CDC_TEMPLATE_UNKNOWN that names every
 * unknown, missing and unfit one.
 */
export function resolveParameters(
  template: Template,
  given: Readonly<Record<string, string>>,
): Map<string, ParameterValue> {
  const names = template.parameters.map(({ name }) => name);
  const problems = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => unknownParameter(name, names));
  const values = new Map<string, ParameterValue>();
  for (const parameter of template.parameters) {
    const text = given[parameter.name] ?? parameter.default;
    const value = text === undefined ? undefined : parseValue(parameter, text);
    if (text === undefined) problems.push(`${parameter.name} must be given`);
    else if (value === undefined) {
      problems.push(`${parameter.name} must be ${expectation(parameter)}, not "${text}"`);
    } else values.set(parameter.name, value);
  }
  if (problems.length === 0) return values;
  throw new CdcError(
    'CDC_TEMPLATE_UNKNOWN',
    `the template ${template.name} cannot be filled in: ${problems.join('; ')}`,
    { remedy: `\`cdc template show ${template.name}\` describes its parameters.` },
  );
}

/** `--set key=value` arguments by key; throws CDC_USAGE. */
export function parseAssignments(assignments: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const assignment of assignments) {
    const separator = assignment.indexOf('=');
    if (separator < 1) {
      throw new CdcError('CDC_USAGE', `--set ${assignment} is not key=value`, {
        remedy: 'Write it like `--set host=db1.internal`.',
      });
    }
    values[assignment.slice(0, separator)] = assignment.slice(separator + 1);
  }
  return values;
}

function unknownParameter(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `there is no parameter ${name}; did you mean ${nearest}?`;
  return `there is no parameter ${name}${known.length === 0 ? '' : ` (there are ${known.join(', ')})`}`;
}

/** Undefined when the text does not fit. */
function parseValue(parameter: TemplateParameter, text: string): ParameterValue | undefined {
  if (parameter.type === 'integer') {
    const number = Number(text);
    const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = parameter;
    const fits = /^-?\d+$/.test(text) && number >= minimum && number <= maximum;
    return fits ? number : undefined;
  }
  const pattern = new RegExp(`^(?:${parameter.pattern ?? '[^\\n\\r]*'})$`);
  if (parameter.type === 'text') return pattern.test(text) ? text : undefined;
  const items = text.split(',').map((item) => item.trim());
  return items.every((item) => item !== '' && pattern.test(item)) ? items : undefined;
}

function expectation(parameter: TemplateParameter): string {
  const { type, minimum, maximum, mustBe } = parameter;
  if (mustBe !== undefined) return mustBe;
  if (type === 'text') return 'one line of text';
  if (type === 'list') return 'values separated by commas';
  if (minimum !== undefined && maximum !== undefined) {
    return `a whole number from ${minimum} to ${maximum}`;
  }
  return 'a whole number';
}
