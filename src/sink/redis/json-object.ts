const space = /[ \t\r\n]*/y;
const string = /"(?:[^"\\]|\\.)*"/y;
const scalar = /[^,}\]\s]+/y;
const nested = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;

/** The members of a JSON object, each value as the text it stands there as; undefined: the text is no object. */
export function readJsonObject(json: string): Map<string, string> | undefined {
  const members = new Map<string, string>();
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(json)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const skip = (character: string): boolean => {
    take(space);
    const isThere = json[at] === character;
    if (isThere) at++;
    take(space);
    return isThere;
  };
  if (!skip('{')) return undefined;
  if (skip('}')) return members;
  do {
    const name = take(string);
    if (name === undefined || !skip(':')) return undefined;
    const isNested = json[at] === '{' || json[at] === '[';
    const value = isNested ? json.slice(at, endOfNested(json, at)) : (take(string) ?? take(scalar));
    if (value === undefined) return undefined;
    if (isNested) at += value.length;
    members.set(JSON.parse(name), value);
  } while (skip(','));
  return skip('}') ? members : undefined;
}

function endOfNested(json: string, from: number): number {
  nested.lastIndex = from;
  let depth = 0;
  for (let found = nested.exec(json); found !== null; found = nested.exec(json)) {
    const [token] = found;
    if (token === '{' || token === '[') depth++;
    else if ((token === '}' || token === ']') && --depth === 0) return nested.lastIndex;
  }
  return json.length;
}
