import { parseFloatText } from './float-text.ts';

/** Seconds since 1970 of a date or a time as the engine prints it, which is in UTC; a number is itself. */
export function parseMoment(text: string): number {
  const isDate = /^-?\d+-\d\d-\d\d/.test(text);
  if (!isDate) return parseFloatText(text);
  const [, fraction = '0'] = text.split('.');
  const seconds =
    Date.parse(`${text.slice(0, 19).replace(' ', 'T')}${text.length > 10 ? 'Z' : ''}`) / 1000;
  return seconds + Number(`0.${fraction}`);
}
