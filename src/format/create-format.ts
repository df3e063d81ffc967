import { CanalFormat } from './canal/canal-format.ts';
import type { ChangeFormat, SourceDescription } from './change-format.ts';
import { DebeziumFormat } from './debezium/debezium-format.ts';
import { MaxwellFormat } from './maxwell/maxwell-format.ts';
import type { FormatOptions } from './options.ts';

export function createFormat(options: FormatOptions, source: SourceDescription): ChangeFormat {
  switch (options.type) {
    case 'debezium':
      return new DebeziumFormat(options, source);
    case 'canal':
      return new CanalFormat();
    case 'maxwell':
      return new MaxwellFormat();
  }
}
