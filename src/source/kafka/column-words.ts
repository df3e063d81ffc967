import type { ColumnType } from '../../change/table-schema.ts';
import { columnTypeOf } from '../mysql/type-map.ts';

/** MySQL's words for types that are others by another name. */
const synonyms: Readonly<Record<string, string>> = {
  integer: 'int',
  bool: 'boolean',
  numeric: 'decimal',
  dec: 'decimal',
  real: 'double',
  'double precision': 'double',
};

/**
 * A column type as a project file or a message names it in MySQL's words: `bigint unsigned`,
 * `decimal(10,2)`, `datetime(6)`, `enum('a','b')`. `boolean` is a tinyint. Undefined for words that are no
 * type, or one that cannot be represented.
 */
export function parseColumnWords(words: string): ColumnType | undefined {
  const [, name = '', , argument = '', rest = ''] =
    /^\s*([a-z][a-z0-9]*( precision)?)(?:\s*\((.*?)\))?([^()]*)$/is.exec(words) ?? [];
  const dataType = synonyms[name.toLowerCase()] ?? name.toLowerCase();
  const isWellFormed =
    /^(\s+(unsigned|signed|zerofill|binary|character set \w+|collate \w+))*\s*$/i;
  if (!isWellFormed.test(rest)) return undefined;
  if (dataType === 'boolean') return { kind: 'int', bits: 8, unsigned: false };
  const [first, second] = argument.split(',').map(Number);
  const isUnsigned = /\b(unsigned|zerofill)\b/i.test(rest);
  const type = columnTypeOf(
    {
      name: '',
      dataType,
      columnType: isUnsigned ? `${dataType} unsigned` : dataType,
      nullable: true,
      precision: argument === '' ? 10 : (first ?? 10),
      scale: second ?? 0,
      fsp: argument === '' ? 0 : (first ?? 0),
      comment: '',
    },
    'native',
  );
  return type !== undefined && isInRange(type) ? type : undefined;
}

/** Whether the words mean true and false rather than a number. */
export function isBooleanWords(words: string): boolean {
  return /^\s*bool(ean)?\s*$/i.test(words);
}

function isInRange(type: ColumnType): boolean {
  if (type.kind === 'decimal') {
    const { precision, scale } = type;
    return precision >= 1 && precision <= 76 && scale >= 0 && scale <= precision;
  }
  return !('fsp' in type) || (type.fsp >= 0 && type.fsp <= 9);
}
