import { setTimeout as delay } from 'node:timers/promises';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { connectionSettings } from './connection-settings.ts';
import { isTransientFault, kafkaCodeOf, toCdcError } from './error-map.ts';
import { assignEvenly } from './even-assignment.ts';
import type { KafkaCalls } from './kafka-calls.ts';
import { KafkaConnections } from './kafka-connections.ts';
import type { KafkaConnection } from './options.ts';

export interface GroupMemberOptions {
  readonly groupId: string;
  /** Who this is, also after a restart: within the session it gets back what it had, without a rebalance. */
  readonly instanceId: string;
  /** Items 0 .. items-1 are divided among the members. */
  readonly items: number;
  readonly clientId: string;
  readonly logger: Logger;
}

/** What a member tells the one that divides. */
interface Subscription {
  readonly held: readonly number[];
}

/**
 * A protocol type of our own, as Kafka Connect has one: the items are not partitions, so tools that
 * read `consumer` assignments must not take these for some.
 */
const protocolType = 'cdc';
const protocolName = 'even-sticky';
const sessionMs = 10_000;
/** The longest that a member may take to finish what is under way. */
const rebalanceMs = 60_000;
const patienceMs = 60_000;
const retryMs = 200;

const gone = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION']);

/**
 * Membership in a Kafka group whose members divide numbered items among themselves: the group's leader
 * spreads them evenly and leaves as many as possible where they are. Membership is static: a member that
 * ends is given up after `sessionMs`, one that is back before has what it had. Nothing is committed to
 * the group. Errors are those of `KafkaCluster`.
 */
export class GroupMember implements AsyncDisposable {
  readonly sessionMs = sessionMs;
  readonly #connections: KafkaConnections;
  readonly #options: GroupMemberOptions;
  #memberId = '';
  #generation = -1;
  #held: readonly number[] = [];

  static async open(
    connection: KafkaConnection,
    options: GroupMemberOptions,
  ): Promise<GroupMember> {
    // Joining waits at the broker, so these connections are the member's own.
    const settings = await connectionSettings(connection, options);
    return new GroupMember(new KafkaConnections(settings), options);
  }

  private constructor(connections: KafkaConnections, options: GroupMemberOptions) {
    this.#connections = connections;
    this.#options = options;
  }

  /** Waits for the other members; resolves to the items that are this one's now. */
  async join(signal: AbortSignal): Promise<readonly number[]> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      if (signal.aborted) return [];
      try {
        this.#held = await this.#joinOnce();
        return this.#held;
      } catch (error) {
        await this.#mend(error, deadline, signal);
      }
    }
  }

  /**
   * `rebalance`: the items are divided anew, join again. `lost`: this member was given up, and its items
   * may be somebody else's already. `unheard`: no broker answered.
   */
  async heartbeat(): Promise<'steady' | 'rebalance' | 'lost' | 'unheard'> {
    const { groupId, instanceId } = this.#options;
    const fields = {
      groupId,
      groupGenerationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: instanceId,
    };
    try {
      await this.#call('Heartbeat', fields);
      return 'steady';
    } catch (error) {
      const code = kafkaCodeOf(error) ?? '';
      if (code === 'REBALANCE_IN_PROGRESS') return 'rebalance';
      if (gone.has(code)) return 'lost';
      if (!isTransientFault(error)) throw this.#errorOf(error);
      this.#connections.forget();
      return 'unheard';
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections[Symbol.dispose]();
  }

  async #joinOnce(): Promise<readonly number[]> {
    const { groupId, instanceId } = this.#options;
    const subscription: Subscription = { held: this.#held };
    const joined = await this.#call('JoinGroup', {
      groupId,
      sessionTimeout: sessionMs,
      rebalanceTimeout: rebalanceMs,
      memberId: this.#memberId,
      groupInstanceId: instanceId,
      protocolType,
      groupProtocols: [{ name: protocolName, metadata: Buffer.from(JSON.stringify(subscription)) }],
    });
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const { memberAssignment } = await this.#call('SyncGroup', {
      groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupInstanceId: instanceId,
      groupAssignment: joined.leaderId === joined.memberId ? this.#divide(joined.members) : [],
    });
    return memberAssignment.length === 0
      ? []
      : (JSON.parse(memberAssignment.toString()) as number[]);
  }

  #divide(members: KafkaCalls['JoinGroup']['answer']['members']) {
    const holders = members.map(({ memberId, memberMetadata }) => ({
      id: memberId,
      held: (JSON.parse(memberMetadata.toString()) as Subscription).held,
    }));
    return [...assignEvenly(holders, this.#options.items)].map(([memberId, items]) => ({
      memberId,
      memberAssignment: Buffer.from(JSON.stringify(items)),
    }));
  }

  /** Returns when joining may be tried again; throws what that does not mend. */
  async #mend(error: unknown, deadline: number, signal: AbortSignal): Promise<void> {
    const code = kafkaCodeOf(error) ?? '';
    if (code === 'REBALANCE_IN_PROGRESS') return;
    if (gone.has(code)) {
      this.#memberId = '';
      this.#held = [];
      return;
    }
    if (!isTransientFault(error) || performance.now() > deadline) throw this.#errorOf(error);
    this.#connections.forget();
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
  }

  async #call<Api extends 'JoinGroup' | 'SyncGroup' | 'Heartbeat'>(
    api: Api,
    fields: KafkaCalls[Api]['fields'],
  ): Promise<KafkaCalls[Api]['answer']> {
    const coordinator = await this.#connections.coordinatorOf('group', this.#options.groupId);
    return await this.#connections.call(coordinator, api, fields);
  }

  #errorOf(error: unknown): Error {
    const { groupId, instanceId } = this.#options;
    if (kafkaCodeOf(error) === 'FENCED_INSTANCE_ID') {
      return new CdcError(
        'CDC_PROJECT_LOCKED',
        `Sharing the work of group ${groupId}: another process has come as ${instanceId}.`,
        { cause: error, remedy: 'Give each loader a host name or a state folder of its own.' },
      );
    }
    return toCdcError(error, `Sharing the work of group ${groupId}`);
  }
}
