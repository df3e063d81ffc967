import { z } from 'zod';
import { commonFields, overridesOf } from '../common-options.ts';
import { serverFields, typeFields } from '../postgres/options.ts';

const columns = z.array(z.string().min(1)).min(1).optional();

/** What a project file may say about a Hologres sink. */
export const hologresSinkOptions = z.strictObject({
  type: z.literal('hologres').meta({
    description:
      'Hologres 2.1 or later, through PostgreSQL’s wire; its own parts were tested without it.',
  }),
  ...commonFields,
  ...serverFields,
  host: z.string().meta({
    description: 'Endpoint.',
    example: 'hgprecn-cn-x0123456789-cn-hangzhou.hologres.aliyuncs.com',
  }),
  port: z.int().min(1).max(65535).default(80).meta({ description: 'TCP port.' }),
  user: z.string().meta({
    description: 'AccessKey id, or a user made in Hologres.',
    example: 'BASIC$cdc',
  }),
  ...typeFields,
  time: z.enum(['time', 'text']).default('text').meta({
    description: 'What TIME becomes. text is the text; time refuses rows outside of a day.',
  }),
  rowsPerStatement: z.int().min(1).max(10_000).default(512).meta({
    description: 'Rows of one INSERT or DELETE; fewer when they have many columns.',
  }),
  overrides: overridesOf({
    orientation: z.enum(['column', 'row', 'row,column']).default('column').meta({
      description: 'How rows lie; row is fastest for updates and for reading by key.',
    }),
    distributionKey: columns.meta({
      description: 'Columns of the key that say which shard has a row. Default: the whole key.',
      example: ['order_id'],
    }),
    clusteringKey: columns.meta({ description: 'Columns by which rows are sorted in files.' }),
    eventTimeColumn: columns.meta({
      description: 'Column of time by which files are told apart.',
      example: ['created_at'],
    }),
    bitmapColumns: columns.meta({ description: 'Columns with a bitmap index.' }),
    dictionaryColumns: columns.meta({ description: 'Columns with a dictionary.' }),
    timeToLiveSeconds: z.int().min(1).optional().meta({
      description: 'Rows are removed by Hologres when they are this old.',
    }),
    tableGroup: z.string().min(1).optional().meta({ description: 'Table group.' }),
    binlog: z.boolean().default(false).meta({
      description: 'Hologres writes a binlog of the table, for others to follow.',
    }),
    binlogSeconds: z.int().min(1).optional().meta({ description: 'How long that is kept.' }),
  }),
});

export type HologresSinkOptions = z.output<typeof hologresSinkOptions>;
export type HologresTableSettings = Partial<HologresSinkOptions['overrides'][number]['settings']>;
