/**
 * Topic names from templates such as `{prefix}.{business}.{table}`.
 *
 * Kafka allows letters, digits, `.`, `_` and `-`, at most 249 of them. A dot comes from the template only:
 * any other character of a value, a dot too, is written `_x` and its code point in hexadecimal and `_`, so
 * that `order items` is `order_x20_items`. Kafka takes `.` and `_` for the same when it names its metrics
 * and refuses a topic that differs from another in them only; so do we, at the check.
 */
export type TemplateValues = Readonly<Record<string, string>>;

const placeholder = /\{([^{}]*)\}/g;
const maxTopicLength = 249;

/** What is wrong with a template of which these placeholders are allowed; undefined: nothing. */
export function templateProblem(template: string, allowed: readonly string[]): string | undefined {
  const names = [...template.matchAll(placeholder)].map(([, name = '']) => name);
  const unknown = names.find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    return `{${unknown}} is none of ${allowed.map((name) => `{${name}}`).join(', ')}`;
  }
  const rest = template.replaceAll(placeholder, '');
  if (/[{}]/.test(rest)) return 'has a brace that is not closed';
  const isTopic = allowed.includes('prefix');
  if (isTopic && !/^[A-Za-z0-9._-]*$/.test(rest)) {
    return 'a topic may hold only letters, digits, . _ and - beside the placeholders';
  }
  if (isTopic && !names.some((name) => name !== 'prefix')) {
    return 'needs {business}, {database} or {table}, or every change would go into one topic';
  }
  return undefined;
}

export function placeholdersOf(template: string): string[] {
  return [...template.matchAll(placeholder)].map(([, name = '']) => name);
}

export function fillTemplate(template: string, values: TemplateValues): string {
  return template.replaceAll(placeholder, (_, name: string) => values[name] ?? '');
}

/** The topic for these values; the prefix is taken as it is, its dots are meant. */
export function topicName(template: string, values: TemplateValues): string {
  const escaped = Object.entries(values).map(([name, value]) => [
    name,
    name === 'prefix' ? value : escapePart(value),
  ]);
  return fillTemplate(template, Object.fromEntries(escaped));
}

/** Why Kafka would not take the name; undefined when it does. */
export function topicProblem(topic: string): string | undefined {
  if (topic.length > maxTopicLength) {
    return `has ${topic.length} characters, Kafka takes ${maxTopicLength}`;
  }
  return topic === '' || topic === '.' || topic === '..' ? 'is no name for a topic' : undefined;
}

/** Equal for topics that Kafka would not have beside one another. */
export function topicIdentity(topic: string): string {
  return topic.replaceAll('.', '_');
}

function escapePart(text: string): string {
  return text.replaceAll(
    /[^A-Za-z0-9_-]/gu,
    (character) => `_x${(character.codePointAt(0) ?? 0).toString(16)}_`,
  );
}
