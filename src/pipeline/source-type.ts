import { clickhouseType } from '../engine/column-type.ts';
import { columnTypeOf } from '../source/mysql/type-map.ts';

/** Other words for a type, as MySQL takes them. */
const synonyms: Readonly<Record<string, string>> = {
  integer: 'int',
  bool: 'tinyint',
  boolean: 'tinyint',
  dec: 'decimal',
  numeric: 'decimal',
  real: 'double',
};

/** `decimal(10,2) unsigned not null` as the warehouse stores it; undefined for what is no type. */
export function engineTypeOf(sourceType: string): string | undefined {
  const match = /^([a-z0-9]+)\s*(?:\(([^)]*)\))?(.*)$/i.exec(sourceType.trim());
  const [, word = '', parameters = '', attributes = ''] = match ?? [];
  const unknown = attributes.replace(/\b(unsigned|zerofill|not\s+null|null|primary\s+key)\b/gi, '');
  if (match === null || unknown.trim() !== '') return undefined;
  const dataType = synonyms[word.toLowerCase()] ?? word.toLowerCase();
  const [first = 0, second = 0] = parameters.split(',').map(Number);
  const type = columnTypeOf(
    {
      name: '',
      dataType,
      columnType: sourceType.toLowerCase(),
      nullable: false,
      precision: first || 10,
      scale: second,
      fsp: first,
      comment: '',
    },
    'native',
  );
  const nullable = !/\b(not\s+null|primary\s+key)\b/i.test(attributes);
  return type && clickhouseType({ type, nullable });
}
