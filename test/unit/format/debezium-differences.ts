/**
 * Where a message differs from what Debezium writes for the same change. docs/formats.md has the same
 * list with the reasons; a test compares the two.
 */
export interface Difference {
  /** The first words of the entry in docs/formats.md. */
  readonly title: string;
  /** Paths of fields in a message. */
  readonly path: RegExp;
  /** Values as JSON text, undefined where there is none. */
  allows(theirs: string | undefined, ours: string | undefined): boolean;
}

const anything = () => true;
const isLater = (theirs?: string, ours?: string) => Number(theirs) > 0 && Number(ours) > 0;

export const differences: readonly Difference[] = [
  {
    title: 'Version of the connector',
    path: /^payload\.source\.version$/,
    allows: anything,
  },
  {
    title: 'Time of processing',
    path: /^payload\.ts_(ms|us|ns)$/,
    allows: isLater,
  },
  {
    title: 'Time of a snapshot',
    path: /^payload\.source\.ts_(ms|us|ns) \(snapshot\)$/,
    allows: isLater,
  },
  {
    title: 'Microseconds of the commit',
    path: /^payload\.source\.ts_(us|ns)$/,
    allows: (theirs = '', ours = '') =>
      theirs.slice(0, 13) === ours.slice(0, 13) && /^\d{13}0{3,6}$/.test(ours),
  },
  {
    title: 'First and last row of a snapshot',
    path: /^payload\.source\.snapshot$/,
    allows: (theirs, ours) => /^"(first|last)/.test(theirs ?? '') && ours === '"true"',
  },
  {
    title: 'Place of a snapshot',
    path: /^payload\.source\.pos \(snapshot\)$/,
    allows: (theirs, ours) => Number(ours) <= Number(theirs),
  },
  {
    title: 'Position of the row instead of its event',
    path: /^payload\.source\.(pos|row)$/,
    allows: (theirs, ours) => ours === '0' || Number(ours) > Number(theirs),
  },
  {
    title: 'Thread',
    path: /^payload\.source\.thread$/,
    allows: (theirs, ours) => /^\d+$/.test(theirs ?? '') && ours === 'null',
  },
  {
    title: 'Integers above 2^63',
    path: /^payload\.(before|after)\.u64$/,
    allows: (theirs, ours) =>
      BigInt(theirs ?? '') < 0n && BigInt.asUintN(64, BigInt(theirs ?? '')) === BigInt(ours ?? ''),
  },
  {
    title: 'Commas in members of an enum',
    path: /^payload\.(before|after)\.e$/,
    allows: (theirs, ours) => theirs?.replaceAll('\\\\,', ',') === ours,
  },
  {
    title: 'Spaces in JSON',
    path: /^payload\.(before|after)\.j$/,
    allows: (theirs, ours) => canonical(theirs) === canonical(ours),
  },
  {
    title: 'NULL where a column has a default',
    path: /^payload\.after\.c$/,
    allows: (theirs, ours) => theirs === '7' && ours === 'null',
  },
  {
    title: 'Zeros at the end of a time',
    path: /^payload\.after\.ts3$/,
    allows: (theirs, ours) => theirs?.replace(/0*Z/, 'Z') === ours?.replace(/0*Z/, 'Z'),
  },
  {
    title: 'Defaults and comments in the schema block',
    path: /^schema\.fields\.[01]\.fields\.\d+\.(default|doc)$/,
    allows: (theirs, ours) => theirs !== undefined && ours === undefined,
  },
  {
    title: 'TRUNCATE in a transaction',
    path: /^payload\.transaction(\..*)? \(truncate\)$/,
    allows: (_, ours) => ours === 'null' || ours === undefined,
  },
];

/** A JSON text inside a JSON string, without its own spaces. */
function canonical(text: string | undefined): string {
  return JSON.stringify(JSON.parse(JSON.parse(text ?? 'null') as string));
}
