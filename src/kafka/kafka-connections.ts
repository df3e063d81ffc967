import { isConnectionFault } from './error-map.ts';
import type { KafkaCalls } from './kafka-calls.ts';
import {
  KafkajsNode,
  type NodeSettings,
  protocolError,
  type RawRequest,
} from './kafkajs-internals.ts';

export interface ConnectionsSettings extends NodeSettings {
  /** Asked when no broker is known or none of the known ones answers: `host:port`, `[ipv6]:port`. */
  readonly brokers: readonly string[];
}

export interface ClusterMetadata {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly {
    readonly nodeId: number;
    readonly host: string;
    readonly port: number;
  }[];
  readonly topicMetadata: readonly {
    readonly topic: string;
    /** Of the protocol; 0 is well, 3 an unknown topic. */
    readonly topicErrorCode: number;
    readonly isInternal: boolean;
    readonly partitionMetadata: readonly {
      readonly partitionId: number;
      /** -1 while there is none. */
      readonly leader: number;
      readonly replicas: readonly number[];
    }[];
  }[];
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * One connection to each broker of a cluster, and what is known of leaders and coordinators. A request that
 * waits at the broker holds up those sent after it on the same connection, so fetches go through `sendWaiting`,
 * and whoever waits long otherwise (joins a group) has a `KafkaConnections` of its own. Every error is kafkajs's own, unwrapped, and nothing
 * is sent a second time: retrying is up to the caller, who calls `forget` after an answer such as NOT_LEADER.
 * After a connection was lost everything known is forgotten here.
 */
export class KafkaConnections implements Disposable {
  readonly #settings: ConnectionsSettings;
  /** By `host:port`, so the seed and the broker it turns out to be are one. */
  readonly #nodes = new Map<string, KafkajsNode>();
  /** For requests that wait at the broker; by address too, those that are not in use. */
  readonly #spareNodes = new Map<string, KafkajsNode[]>();
  readonly #allNodes = new Set<KafkajsNode>();
  readonly #addresses = new Map<number, string>();
  readonly #leaders = new Map<string, ReadonlyMap<number, number>>();
  readonly #coordinators = new Map<string, number>();

  constructor(settings: ConnectionsSettings) {
    this.#settings = settings;
  }

  /** Asks a broker; topics that do not exist or have no leader are in the answer with their error code. */
  async metadata(topics: readonly string[] | 'all'): Promise<ClusterMetadata> {
    if (topics.length === 0) throw new RangeError('an empty list would ask for all topics');
    const fields = { topics: topics === 'all' ? [] : topics, allowAutoTopicCreation: false };
    const metadata = (await this.#callAny('Metadata', fields)) as ClusterMetadata;
    for (const { nodeId, host, port } of metadata.brokers) {
      this.#addresses.set(nodeId, renderAddress(host, port));
    }
    for (const { topic, topicErrorCode, partitionMetadata } of metadata.topicMetadata) {
      if (topicErrorCode !== 0) this.#leaders.delete(topic);
      else {
        const leaders = partitionMetadata.map(
          (entry) => [entry.partitionId, entry.leader] as const,
        );
        this.#leaders.set(topic, new Map(leaders));
      }
    }
    return metadata;
  }

  /** Node ids of the leaders, in the order of `places`; asks for all unknown topics at once. */
  async leadersOf(places: readonly TopicPartition[]): Promise<number[]> {
    const unknown = new Set(
      places.map(({ topic }) => topic).filter((topic) => !this.#leaders.has(topic)),
    );
    if (unknown.size > 0) {
      const { topicMetadata } = await this.metadata([...unknown]);
      const bad = topicMetadata.find(({ topicErrorCode }) => topicErrorCode !== 0);
      if (bad !== undefined)
        throw Object.assign(protocolError(bad.topicErrorCode), { topic: bad.topic });
    }
    return places.map(({ topic, partition }) => {
      const leader = this.#leaders.get(topic)?.get(partition);
      if (leader !== undefined && leader >= 0) return leader;
      this.#leaders.delete(topic);
      const code = leader === undefined ? unknownTopicOrPartition : leaderNotAvailable;
      throw Object.assign(protocolError(code), { topic, partition });
    });
  }

  /** Node id of the leader. Throws UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE with `topic`. */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const [leader] = await this.leadersOf([{ topic, partition }]);
    return leader as number;
  }

  /** Node id of the coordinator of a group or of a transactional id. */
  async coordinatorOf(kind: CoordinatorKind, id: string): Promise<number> {
    const key = `${kind}/${id}`;
    const known = this.#coordinators.get(key);
    if (known !== undefined) return known;
    const fields = { groupId: id, coordinatorType: kind === 'group' ? 0 : 1 };
    const { coordinator } = (await this.#callAny('GroupCoordinator', fields)) as {
      coordinator: { nodeId: number; host: string; port: number };
    };
    const { nodeId, host, port } = coordinator;
    this.#addresses.set(nodeId, renderAddress(host, port));
    this.#coordinators.set(key, nodeId);
    return nodeId;
  }

  /** After an answer that says that leaders or coordinators have moved. */
  forget(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
  }

  /** Sends a request made by us and resolves to the body of the answer. */
  async send(nodeId: number, request: RawRequest): Promise<Buffer> {
    return await this.#with(this.#nodeAt(this.#addressOf(nodeId)), (node) => node.send(request));
  }

  /** As `send`, for a request that the broker answers after `waitMs` at the latest: on a connection of its own. */
  async sendWaiting(nodeId: number, request: RawRequest, waitMs: number): Promise<Buffer> {
    const address = this.#addressOf(nodeId);
    const spares = this.#spareNodes.get(address) ?? [];
    this.#spareNodes.set(address, spares);
    const node = spares.pop() ?? this.#newNode(address);
    try {
      const timeoutMs = waitMs + this.#settings.requestTimeoutMs;
      return await this.#with(node, (free) => free.send({ ...request, timeoutMs }));
    } finally {
      spares.push(node);
    }
  }

  /** Sends a request that kafkajs writes and resolves to its answer; see `KafkaCalls` for errors in it. */
  async call<Api extends keyof KafkaCalls>(
    nodeId: number | 'any',
    api: Api,
    fields: KafkaCalls[Api]['fields'],
  ): Promise<KafkaCalls[Api]['answer']> {
    if (nodeId === 'any') return await this.#callAny(api, fields);
    return await this.#with(this.#nodeAt(this.#addressOf(nodeId)), (node) =>
      node.call(api, fields),
    );
  }

  /** Closes all connections; requests on their way, and later ones, are rejected. */
  [Symbol.dispose](): void {
    for (const node of this.#allNodes) node.close();
  }

  /** The first broker that answers: connected ones before known ones before those of the settings. */
  async #callAny(api: string, fields: object): Promise<unknown> {
    const known = [...this.#addresses.values()];
    const isConnected = (address: string) => this.#nodes.get(address)?.isConnected ?? false;
    const addresses = new Set([
      ...known.filter(isConnected),
      ...known.filter((address) => !isConnected(address)),
      ...this.#settings.brokers,
    ]);
    let last: unknown;
    for (const address of addresses) {
      try {
        return await this.#with(this.#nodeAt(address), (node) => node.call(api, fields));
      } catch (error) {
        if (!isConnectionFault(error)) throw error;
        last = error;
      }
    }
    throw last;
  }

  async #with<T>(node: KafkajsNode, action: (node: KafkajsNode) => Promise<T>): Promise<T> {
    try {
      return await action(node);
    } catch (error) {
      if (isConnectionFault(error)) this.forget();
      throw error;
    }
  }

  #addressOf(nodeId: number): string {
    const address = this.#addresses.get(nodeId);
    if (address === undefined) throw new RangeError(`no metadata names broker ${nodeId}`);
    return address;
  }

  #nodeAt(address: string): KafkajsNode {
    const node = this.#nodes.get(address) ?? this.#newNode(address);
    this.#nodes.set(address, node);
    return node;
  }

  #newNode(address: string): KafkajsNode {
    const node = new KafkajsNode(parseAddress(address), this.#settings);
    this.#allNodes.add(node);
    return node;
  }
}

export type CoordinatorKind = 'group' | 'transaction';

const unknownTopicOrPartition = 3;
const leaderNotAvailable = 5;

function renderAddress(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
