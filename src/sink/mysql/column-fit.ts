/** A column type taken apart: `decimal(10,2) unsigned`. */
interface ColumnKind {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly isUnsigned: boolean;
  /** Of an enum or a set. */
  readonly members: string;
}

/**
 * Whether a column of type `found` holds every value of `wanted`, and as the same value; both in the server's words, MySQL's or
 * MariaDB's.
 */
export function holds(found: string, wanted: string): boolean {
  const has = parseType(found);
  const needs = parseType(wanted);
  if (typeText(has) === typeText(needs)) return true;
  const rule = rules.find(({ names }) => names.includes(has.name) && names.includes(needs.name));
  return rule?.holds(has, needs) ?? false;
}

interface FitRule {
  readonly names: readonly string[];
  readonly holds: (has: ColumnKind, needs: ColumnKind) => boolean;
}

const intNames = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
/** Bytes that the types without a length hold. */
const longTexts = { tinytext: 255, text: 65_535, mediumtext: 2 ** 24 - 1, longtext: 2 ** 32 - 1 };
const longBytes = { tinyblob: 255, blob: 65_535, mediumblob: 2 ** 24 - 1, longblob: 2 ** 32 - 1 };
const geometries =
  'point linestring polygon multipoint multilinestring multipolygon geometrycollection geomcollection'.split(
    ' ',
  );

const rules: readonly FitRule[] = [
  {
    names: intNames,
    holds: (has, needs) => {
      const more = intNames.indexOf(has.name) - intNames.indexOf(needs.name);
      if (has.isUnsigned === needs.isUnsigned) return more >= 0;
      return needs.isUnsigned && more > 0;
    },
  },
  {
    names: ['decimal'],
    holds: (has, needs) => {
      const [precision = 10, scale = 0] = has.sizes;
      const [neededPrecision = 10, neededScale = 0] = needs.sizes;
      const hasSign = needs.isUnsigned || !has.isUnsigned;
      return hasSign && scale >= neededScale && precision - scale >= neededPrecision - neededScale;
    },
  },
  {
    names: ['float', 'double'],
    holds: (has, needs) => has.name === 'double' && needs.name === 'float',
  },
  ...['datetime', 'timestamp', 'time', 'bit'].map((name) => ({
    names: [name],
    holds: (has: ColumnKind, needs: ColumnKind) => (has.sizes[0] ?? 0) >= (needs.sizes[0] ?? 0),
  })),
  {
    names: ['char', 'varchar', ...Object.keys(longTexts)],
    // A char loses its trailing spaces.
    holds: (has, needs) => {
      if (has.name === 'char') return needs.name === 'char' && size(has) >= size(needs);
      const bytes = bytesOf(longTexts, needs);
      const known = bytesOf(longTexts, has);
      if (known !== undefined) return known >= (bytes ?? 4 * size(needs));
      return size(has) >= (bytes ?? size(needs));
    },
  },
  {
    names: ['binary', 'varbinary', ...Object.keys(longBytes)],
    // A binary gets zeros at its end.
    holds: (has, needs) =>
      has.name !== 'binary' &&
      (bytesOf(longBytes, has) ?? size(has)) >= (bytesOf(longBytes, needs) ?? size(needs)),
  },
  ...['enum', 'set'].map((name) => ({
    names: [name],
    holds: (has: ColumnKind, needs: ColumnKind) => has.members.startsWith(`${needs.members},`),
  })),
  { names: ['geometry', ...geometries], holds: (has) => has.name === 'geometry' },
];

function parseType(type: string): ColumnKind {
  const [, word = type, inside = ''] = /^\s*([a-z0-9_]+)\s*(?:\((.*)\))?/is.exec(type) ?? [];
  const name = synonyms[word.toLowerCase()] ?? word.toLowerCase();
  const hasMembers = name === 'enum' || name === 'set';
  return {
    name,
    sizes: hasMembers ? [] : (inside.match(/\d+/g) ?? []).map(Number),
    isUnsigned: / (unsigned|zerofill)/i.test(type),
    members: hasMembers ? inside : '',
  };
}

const synonyms: Readonly<Record<string, string>> = {
  integer: 'int',
  numeric: 'decimal',
  dec: 'decimal',
  geomcollection: 'geometrycollection',
};

/** Without display widths, which some versions still tell: `int(11)`, `year(4)`; the flag tinyint(1) is a tinyint. */
function typeText({ name, sizes, isUnsigned, members }: ColumnKind): string {
  const hasSizes = !intNames.includes(name) && name !== 'year';
  return JSON.stringify([name, hasSizes ? sizes : [], isUnsigned, members]);
}

function bytesOf(
  bytes: Readonly<Record<string, number>>,
  { name }: ColumnKind,
): number | undefined {
  return bytes[name];
}

function size({ sizes }: ColumnKind): number {
  return sizes[0] ?? 1;
}
