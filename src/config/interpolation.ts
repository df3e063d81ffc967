/** Variables by name; the process environment fits. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolation {
  readonly text: string;
  readonly problems: readonly InterpolationProblem[];
}

export interface InterpolationProblem {
  /** The reference as written, e.g. `${CDC_SOURCE_PASSWORD}`, to find its place in the file. */
  readonly reference: string;
  readonly message: string;
  readonly remedy: string;
}

const referencePattern = /\$\$\{|\$\{([^}]*)(\}?)/g;
const insidePattern = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Replaces `${NAME}` by the variable and `${NAME:-default}` by the default when the variable is not
 * set or empty. `$${` stands for a literal `${`.
 */
export function interpolate(text: string, environment: Environment): Interpolation {
  const problems: InterpolationProblem[] = [];
  const replaced = text.replace(referencePattern, (reference, inside?: string, end?: string) => {
    if (inside === undefined) return '${';
    const parts = insidePattern.exec(inside);
    const name = parts?.[1];
    if (end === '' || name === undefined) {
      problems.push({
        reference,
        message: `${reference} is not a reference to a variable`,
        remedy: 'Write ${NAME} or ${NAME:-default}; write $${ for a literal ${.',
      });
      return '';
    }
    const value = environment[name];
    const fallback = parts?.[2];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) {
      problems.push({
        reference,
        message: `the environment variable ${name} is not set`,
        remedy: `Set ${name} in the environment or in a file .env beside the project file, or write \${${name}:-default}.`,
      });
      return '';
    }
    return value;
  });
  return { text: replaced, problems };
}
