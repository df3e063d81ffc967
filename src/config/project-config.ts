import { z } from 'zod';
import { engineOptions } from '../engine/options.ts';
import type { FormatOptions } from '../format/options.ts';
import { layersOptions } from '../layers/options.ts';
import { loadOptions } from '../load/options.ts';
import { embeddedLogOptions } from '../log/embedded/options.ts';
import { kafkaLogOptions } from '../log/kafka/options.ts';
import { routeOptions } from '../route/options.ts';
import { sinkOptions } from '../sink/options.ts';
import { kafkaSourceOptions } from '../source/kafka/options.ts';
import { mysqlSourceOptions } from '../source/mysql/options.ts';

/** What a project file may say, each stage by its own options. Short forms: see short-form.ts. */
const projectFields = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, {
      message: 'must begin with a letter and hold only letters, digits, _ and -',
    })
    .optional()
    .meta({
      description: 'Name of the project in logs and status. Default: the name of its folder.',
      example: 'shop',
    }),
  stateFolder: z.string().min(1).default('.cdc').meta({
    description:
      'Folder for the change log, the embedded warehouse and what cdc remembers, relative to the project file.',
  }),
  source: z
    .discriminatedUnion('type', [mysqlSourceOptions, kafkaSourceOptions])
    .meta({ description: 'The database to capture, or topics that other tools write.' }),
  route: routeOptions
    .prefault({})
    .meta({ description: 'Where changes go and what they hold; docs/routing.md explains it.' }),
  log: z
    .discriminatedUnion('type', [embeddedLogOptions, kafkaLogOptions])
    .prefault({ type: 'embedded' })
    .meta({
      description:
        'Keeps changes between capture and load. Short forms: `log: embedded`, `log: kafka://host:9092`.',
    }),
  warehouse: engineOptions.prefault({ type: 'embedded' }).meta({
    description:
      'The engine that holds the warehouse. Short forms: `warehouse: embedded`, `warehouse: http://user@host:8123`.',
  }),
  load: loadOptions.prefault({}).meta({ description: 'How changes are written.' }),
  layers: layersOptions
    .prefault({})
    .meta({ description: 'The SQL models on top of the captured tables.' }),
  sinks: z.array(sinkOptions).default([]).meta({
    description:
      'Other stores that get captured tables and models, each by itself; docs/sinks.md explains them.',
  }),
});

export const projectFileSchema = projectFields.superRefine(
  ({ source, log, load, sinks }, context) => {
    for (const [index, { name }] of sinks.entries()) {
      if (sinks.findIndex((other) => other.name === name) === index) continue;
      const message = `is the name of an earlier sink; each needs its own`;
      context.addIssue({ code: 'custom', path: ['sinks', index, 'name'], message });
    }
    if (source.type === 'kafka' && log.type === 'kafka') {
      context.addIssue({
        code: 'custom',
        path: ['log'],
        message:
          'must be embedded with `source: kafka`: what would be kept in topics is in topics already',
      });
    }
    if (log.type === 'kafka' && log.format.type !== 'debezium') {
      for (const name of ignoredOptions(log.format)) {
        context.addIssue({
          code: 'custom',
          path: ['log', 'format', name],
          message: `is of debezium only, and ${log.format.type} messages have no such thing; leave it out`,
        });
      }
    }
    if (log.type === 'embedded' && load.shares > 1) {
      context.addIssue({
        code: 'custom',
        path: ['load', 'shares'],
        message: 'must be 1 with `log: embedded`: one process loads everything; use `log: kafka`',
      });
    }
  },
);

/** Options that say something and that no format but Debezium's follows. */
function ignoredOptions({ schema, decimals, transactions }: FormatOptions): string[] {
  return [
    ...(schema ? ['schema'] : []),
    ...(decimals === 'string' ? [] : ['decimals']),
    ...(transactions ? ['transactions'] : []),
  ];
}

export type ProjectFile = z.output<typeof projectFileSchema>;

/** A valid project, frozen. Paths in it are absolute, but for `layers.folder`, which is relative to `folder`. */
export interface ProjectConfig extends Readonly<ProjectFile> {
  readonly name: string;
  /** The folder of the project file. */
  readonly folder: string;
  /** The project file. */
  readonly file: string;
}
