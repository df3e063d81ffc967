import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesAsText } from '../../../../src/sink/redis/byte-text.ts';
import { TextTemplate } from '../../../../src/sink/redis/text-template.ts';

const reserved = ':{}\t\n';
const valuesOf = (names: readonly string[], texts: readonly string[]) => (name: string) =>
  texts[names.indexOf(name)] ?? null;
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(':', '%', '{', '}', '-', 'a', '3', 'A', '|', '\n') }),
  fc.string().map(bytesAsText),
);

describe('a template', () => {
  test.each([
    { name: 'one column', text: 'shop:orders:{id}', values: ['7'], expected: 'shop:orders:7' },
    { name: 'two columns', text: 'o:{a}:{b}', values: ['x:y', 'z'], expected: 'o:x%3Ay:z' },
    {
      name: 'a separator of its own',
      text: 'o:{a}-{b}',
      values: ['-1', '-2'],
      expected: 'o:%2D1-%2D2',
    },
    { name: 'a literal of two bytes', text: '{a}é{b}', values: ['Ã', 'x'], expected: '%C3Ã©x' },
  ])('writes $name', ({ text, values, expected }) => {
    const template = new TextTemplate(text, reserved);
    expect(template.render(valuesOf(template.columns, values))).toBe(expected);
  });

  test('gives back any values it was given, so different ones have different texts', () => {
    const templates = ['x:{a}:{b}', '{a}:{b}', 'x{a}-{b}y', '{a}|{b}', '<{a}|{b}>', 'x:{a}ab{b}ab'];
    fc.assert(
      fc.property(fc.constantFrom(...templates), anyText, anyText, (text, left, right) => {
        const template = new TextTemplate(text, reserved);
        const written = template.render(valuesOf(['a', 'b'], [left, right])) as string;
        const found = template.takeApart(written);
        expect(found && [found.get('a'), found.get('b')]).toEqual([left, right]);
      }),
      { numRuns: 2000 },
    );
  });

  test('tells NULL from the text that stands for it', () => {
    const template = new TextTemplate('{a}|{b}', '');
    const values = valuesOf(['a', 'b'], ['\\N']);
    const written = template.render(values, '\\N') as string;
    expect(written).toBe('%5CN|\\N');
    expect([...(template.takeApart(written, '\\N') ?? [])]).toEqual([
      ['a', '\\N'],
      ['b', null],
    ]);
    expect(template.render(values)).toBeNull();
  });

  test.each(['shop:orders:by:7', 'shop:order:7', 'shop:orders', '', 'shop:orders:{7}'])(
    'does not take %s for one of its texts',
    (text) => {
      expect(new TextTemplate('shop:orders:{id}', reserved).takeApart(text)).toBeUndefined();
    },
  );

  test.each([
    { text: 'no column', why: /has no \{column\}/ },
    { text: '{a}{b}', why: /nothing between them/ },
  ])('refuses $text', ({ text, why }) => {
    expect(() => new TextTemplate(text, reserved)).toThrow(why);
  });

  test('is a pattern in which nothing but the columns is a wildcard', () => {
    expect(new TextTemplate('a*[b]?:{x}\\:{y}', reserved).pattern()).toBe('a\\*\\[b\\]\\?:*\\\\:*');
  });
});

describe('two templates', () => {
  test.each([
    { left: 'shop:orders:{id}', right: 'shop:items:{id}', meet: false },
    { left: 'shop:orders:{id}', right: 'shop:orders:by:city:{city}', meet: false },
    { left: 'shop:orders:{a}:{b}:{c}', right: 'shop:orders:by:city:{city}', meet: true },
    { left: 'shop:orders:{id}', right: 'shop:orders:{other}', meet: true },
    { left: 'shop:{id}', right: 'shop:orders', meet: true },
    { left: 'shop:o{id}', right: 'shop:i{id}', meet: false },
    { left: 'shop:{id}-x', right: 'shop:{id}-y', meet: false },
  ])('$left and $right: $meet', ({ left, right, meet }) => {
    const make = (text: string) =>
      text.includes('{') ? new TextTemplate(text, reserved) : undefined;
    const [one, other] = [make(left), make(right) ?? new TextTemplate(`${right}{x}`, reserved)];
    expect(one?.mayMeet(other)).toBe(meet);
    expect(other.mayMeet(one as TextTemplate)).toBe(meet);
  });
});
