import { randomUUID } from 'node:crypto';
import { groupBy } from '../../lib/group-by.ts';
import { type LineageEdge, type LineageTable, nodeKey } from './lineage-graph.ts';
import { type Influence, isDirect } from './origin.ts';

/** Where the tables of a project are, in OpenLineage's naming. */
export interface LineagePlaces {
  /** Of the jobs: the project. */
  readonly jobs: string;
  /** `mysql://host:3306`, `kafka://host:9092`. */
  readonly source: string;
  /** `clickhouse://host:8123`. */
  readonly warehouse: string;
}

export interface OpenLineageInput {
  readonly tables: readonly LineageTable[];
  readonly edges: readonly LineageEdge[];
  /** Text of each model. */
  readonly sqlOf: (model: string) => string | undefined;
}

/** Who says so, and when; a test gives its own. */
export interface OpenLineageStamp {
  readonly eventTime: string;
  readonly producer: string;
  readonly runId?: () => string;
}

const specification = 'https://openlineage.io/spec';
const facet = (version: string, name: string) =>
  `${specification}/facets/${version}/${name}.json#/$defs/${name}`;

/** OpenLineage's words for what a column does. */
const subtypes: Readonly<Record<Influence, string>> = {
  identity: 'IDENTITY',
  transformation: 'TRANSFORMATION',
  aggregation: 'AGGREGATION',
  condition: 'CONDITIONAL',
  window: 'WINDOW',
  join: 'JOIN',
  filter: 'FILTER',
  group: 'GROUP_BY',
  order: 'SORT',
};

/** A COMPLETE RunEvent for each captured table and each model, in order of the flow. */
export function openLineageEvents(
  { tables, edges, sqlOf }: OpenLineageInput,
  places: LineagePlaces,
  { eventTime, producer, runId = randomUUID }: OpenLineageStamp,
): object[] {
  const byTarget = groupBy(edges, ({ to }) => nodeKey({ kind: to.kind, table: to.table }));
  const byKey = new Map(tables.map((table) => [keyOf(table), table]));
  return tables.flatMap((table) => {
    const own = byTarget.get(keyOf(table));
    if (table.kind === 'source' || own === undefined) return [];
    const inputs = new Set(own.map(({ from }) => nodeKey({ kind: from.kind, table: from.table })));
    const query = sqlOf(table.name);
    const base = { _producer: producer };
    const job = {
      namespace: places.jobs,
      name: table.kind === 'model' ? table.name : `ods.${table.name}`,
      facets: {
        jobType: {
          ...base,
          _schemaURL: facet('2-0-3', 'JobTypeJobFacet'),
          processingType: 'STREAMING',
          integration: 'CDC',
          jobType: table.kind === 'model' ? 'MODEL' : 'CAPTURE',
        },
        ...(query && {
          sql: {
            ...base,
            _schemaURL: facet('1-1-0', 'SQLJobFacet'),
            query,
            dialect: 'clickhouse',
          },
        }),
      },
    };
    const columnLineage = {
      ...base,
      _schemaURL: facet('1-2-0', 'ColumnLineageDatasetFacet'),
      fields: fieldsOf(table, own, places),
      dataset: inputFields(
        own.filter(({ to }) => to.column === undefined),
        places,
      ),
    };
    const schema = (of: LineageTable) => schemaFacet(of, producer);
    return [
      {
        eventType: 'COMPLETE',
        eventTime,
        producer,
        schemaURL: `${specification}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
        run: { runId: runId(), facets: {} },
        job,
        inputs: [...inputs].flatMap((key) => {
          const input = byKey.get(key);
          return input ? [{ ...dataset(input, places), facets: { schema: schema(input) } }] : [];
        }),
        outputs: [{ ...dataset(table, places), facets: { schema: schema(table), columnLineage } }],
      },
    ];
  });
}

function keyOf({ kind, name }: LineageTable): string {
  return nodeKey({ kind, table: name });
}

function dataset({ kind, name }: Pick<LineageTable, 'kind' | 'name'>, places: LineagePlaces) {
  return { namespace: kind === 'source' ? places.source : places.warehouse, name };
}

function schemaFacet({ columns }: LineageTable, producer: string) {
  return {
    _producer: producer,
    _schemaURL: facet('1-1-1', 'SchemaDatasetFacet'),
    fields: columns.map(({ name, type }) => ({ name, ...(type === '' ? {} : { type }) })),
  };
}

function fieldsOf(table: LineageTable, edges: readonly LineageEdge[], places: LineagePlaces) {
  return Object.fromEntries(
    table.columns.map(({ name }) => {
      const own = edges.filter(({ to }) => to.column === name);
      return [name, { inputFields: inputFields(own, places) }];
    }),
  );
}

/** One entry a column, with everything it does. */
function inputFields(edges: readonly LineageEdge[], places: LineagePlaces): object[] {
  const byField = groupBy(edges, ({ from }) => nodeKey(from));
  return [...byField.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const { kind, table, column } = first.from;
    const kinds = new Map(same.map((edge) => [`${edge.influence} ${edge.isMasked}`, edge]));
    const transformations = [...kinds.values()].map(({ influence, isMasked, isUncertain }) => ({
      type: isDirect(influence) ? 'DIRECT' : 'INDIRECT',
      subtype: subtypes[influence],
      description: isUncertain ? 'not certain: it may be one of several columns' : '',
      masking: isMasked ?? false,
    }));
    return [{ ...dataset({ kind, name: table }, places), field: column, transformations }];
  });
}
