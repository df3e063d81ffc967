/** What is to go wrong with the next Stream Load. */
export type LoadFault =
  /** The backend breaks the connection when it has read the headers. */
  | 'cut-before-body'
  /** ... when it has read the body; the transaction is aborted. */
  | 'cut-before-commit'
  /** ... when the load is committed. */
  | 'cut-after-commit'
  /** The load is committed, and no answer comes. */
  | 'hang-after-commit'
  /** The connection breaks; the backend goes on and commits in a while. */
  | 'cut-while-running'
  /** The connection breaks; the backend goes on and fails in a while. */
  | 'cut-then-abort'
  /** Committed, visible in a while. */
  | 'publish-timeout'
  /** A tablet has too many versions (-235). */
  | 'too-many-versions'
  /** A backend is out of disk. */
  | 'disk-full'
  /** Too many transactions at once. */
  | 'too-many-transactions'
  /** The frontend knows no backend that is alive. */
  | 'no-backend'
  /** The frontend redirects to an address that only the cluster knows. */
  | 'internal-address'
  /** The two-phase commit is carried out, and the connection breaks. */
  | 'cut-after-second-phase';

export const loadFailures: Partial<Record<LoadFault, string>> = {
  'too-many-versions':
    '[E-235]failed to init rowset builder. version count: 2001, exceed limit: 2000, tablet: 10172. Please reduce the frequency of loading data or adjust the max_tablet_version_num in be.conf to a larger value.',
  'disk-full':
    '[INTERNAL_ERROR]tablet error: [E-231]disk path /data1/storage exceed limit usage, usage: 0.97',
  'too-many-transactions':
    '[ANALYSIS_ERROR]TStatus: errCode = 2, detailMessage = current running txns on db 10006 is 1000, larger than limit 1000',
};
