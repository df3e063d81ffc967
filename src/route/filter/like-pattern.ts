/** A LIKE pattern: `%` is any run of characters, `_` one; `\` in front makes them plain. */
export function compileLike(pattern: string): (text: string) => boolean {
  let source = '';
  const characters = [...pattern];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? '';
    const next = characters[index + 1];
    if (character === '\\' && (next === '%' || next === '_' || next === '\\')) {
      source += quoted(next);
      index++;
    } else if (character === '%') source += '.*';
    else source += character === '_' ? '.' : quoted(character);
  }
  const expression = new RegExp(`^${source}$`, 'su');
  return (text) => expression.test(text);
}

function quoted(character: string): string {
  return character.replace(/[\\^$.|?*+()[\]{}/]/, '\\$&');
}
