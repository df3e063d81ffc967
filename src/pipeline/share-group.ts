/**
 * The loader processes that share the work, as one of them sees it; `GroupMember` in kafka/ is the one there is.
 * A member must release what it has before it joins again.
 */
export interface ShareGroup extends AsyncDisposable {
  /** Waits for the others; resolves to the shares that are this member's now. */
  join(signal: AbortSignal): Promise<readonly number[]>;
  /**
   * Call at least every third of `sessionMs`. `rebalance`: finish what is under way, then join again.
   * `lost`: the shares may be somebody else's already. `unheard`: the group did not answer.
   */
  heartbeat(): Promise<'steady' | 'rebalance' | 'lost' | 'unheard'>;
  /** Without a heartbeat for this long the shares are given to others. */
  readonly sessionMs: number;
}
