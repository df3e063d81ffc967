import type { TableId } from '../change/table-id.ts';
import { CdcError, type ErrorCode } from '../errors.ts';

/** A rule that cannot be followed for a table. */
export interface RouteProblem {
  /** Place of the rule below `route` in the project file. */
  readonly path: readonly (string | number)[];
  /** The table of the source that it fails for, where there is one. */
  readonly table?: TableId;
  readonly code: ErrorCode;
  /** Without the table; begins in lower case, ends without a full stop. */
  readonly message: string;
  readonly remedy: string;
}

/** The problems of one table as an error that stops this table. */
export function routeError(table: TableId, problems: readonly RouteProblem[]): CdcError {
  const first = problems[0];
  return new CdcError(
    first?.code ?? 'CDC_ROUTE_INVALID',
    `Routing ${table}: ${problems.map(({ message }) => message).join('; ')}.`,
    { details: { table }, ...(first && { remedy: first.remedy }) },
  );
}
