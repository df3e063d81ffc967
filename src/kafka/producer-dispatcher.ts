import { isTransientFault, toCdcError } from './error-map.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import { decodeProduceAnswer, type ProduceResult, produceRequest } from './produce-request.ts';
import type { PendingBatch, ProducerIdentity, ProducerPartition } from './producer-partition.ts';

/** One batch in a request. */
export interface Shipment {
  readonly partition: ProducerPartition;
  readonly batch: PendingBatch;
}

/** What becomes of batches and partitions; never called after `close`. */
export interface DispatchListener {
  onAnswer(shipment: Shipment, result: ProduceResult): void;
  /** There will be no answer; the batch may be stored. */
  onLost(shipment: Shipment, error: unknown): void;
  /** The partition has batches but, now, nobody to take them. */
  onNoLeader(partition: ProducerPartition, error: unknown): void;
  /** Something that no other attempt mends. */
  onBroken(error: Error): void;
}

/** Far below what brokers take (100 MB), so that answers keep coming. A larger batch goes alone. */
const maxRequestBytes = 8 * 1024 * 1024;

/** What is on its way to one broker. */
interface Traffic {
  inFlight: number;
  /** Until it has answered once, a connection gets one request only, so that none overtakes another. */
  isProven: boolean;
  notBefore: number;
}

/** Brings batches of partitions to the brokers that lead them, those for one broker together where they wait together. */
export class ProducerDispatcher {
  identity: ProducerIdentity;
  /** Only batches that were sent before are sent. */
  isPaused = false;
  readonly #connections: KafkaConnections;
  readonly #maxInFlight: number;
  readonly #listener: DispatchListener;
  /** Partitions that may have batches to send; the one served last is the last. */
  readonly #busy = new Set<ProducerPartition>();
  readonly #traffic = new Map<number, Traffic>();
  #isPumping = false;
  #isAskedAgain = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(
    connections: KafkaConnections,
    identity: ProducerIdentity,
    options: { readonly maxInFlight: number; readonly listener: DispatchListener },
  ) {
    this.#connections = connections;
    this.identity = identity;
    this.#maxInFlight = options.maxInFlight;
    this.#listener = options.listener;
  }

  /** A batch was added to the partition. */
  add(partition: ProducerPartition): void {
    this.#busy.add(partition);
    this.schedule();
  }

  /** Sends what can be sent once those who run now are done, so that what they add goes together. */
  schedule(): void {
    this.#isAskedAgain = true;
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    queueMicrotask(() => {
      this.#pump().catch((error: unknown) => this.#break(error));
    });
  }

  /** Sends nothing more, and tells nothing more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #break(error: unknown): void {
    if (!this.#isClosed) this.#listener.onBroken(toCdcError(error, 'Appending to Kafka'));
  }

  async #pump(): Promise<void> {
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false;
      const byLeader = await this.#byLeader(this.#ready());
      for (const [broker, partitions] of byLeader) this.#serve(broker, partitions);
    }
    this.#isPumping = false;
  }

  #ready(): ProducerPartition[] {
    const now = performance.now();
    const ready: ProducerPartition[] = [];
    for (const partition of this.#busy) {
      if (partition.pending.length === 0) this.#busy.delete(partition);
      else if (partition.next(this.isPaused) !== undefined) {
        if (partition.retryAt <= now) ready.push(partition);
        else this.#wakeAt(partition.retryAt);
      }
    }
    return ready;
  }

  async #byLeader(
    ready: readonly ProducerPartition[],
  ): Promise<ReadonlyMap<number, readonly ProducerPartition[]>> {
    const byLeader = new Map<number, ProducerPartition[]>();
    let asked = ready;
    while (asked.length > 0 && !this.#isClosed) {
      try {
        const places = asked.map(({ topic, id }) => ({ topic, partition: id }));
        const leaders = await this.#connections.leadersOf(places);
        for (const [index, partition] of asked.entries()) {
          const leader = leaders[index] as number;
          const others = byLeader.get(leader);
          if (others === undefined) byLeader.set(leader, [partition]);
          else others.push(partition);
        }
        asked = [];
      } catch (error) {
        // The error of one topic says nothing of the others.
        const topic = error instanceof Error && 'topic' in error ? error.topic : undefined;
        const isHit = (each: ProducerPartition) => topic === undefined || each.topic === topic;
        if (this.#isClosed) return byLeader;
        for (const partition of asked) {
          if (isHit(partition)) this.#listener.onNoLeader(partition, error);
        }
        asked = asked.filter((partition) => !isHit(partition));
      }
    }
    return byLeader;
  }

  #serve(broker: number, partitions: readonly ProducerPartition[]): void {
    const traffic = this.#traffic.get(broker) ?? { inFlight: 0, isProven: false, notBefore: 0 };
    this.#traffic.set(broker, traffic);
    if (traffic.notBefore > performance.now()) {
      this.#wakeAt(traffic.notBefore);
      return;
    }
    while (!this.#isClosed && traffic.inFlight < (traffic.isProven ? this.#maxInFlight : 1)) {
      const shipments = this.#take(partitions);
      if (shipments.length === 0) return;
      this.#ship(broker, traffic, shipments).catch((error: unknown) => this.#break(error));
    }
  }

  /** The next batch of each partition, as many as fit into a request. */
  #take(partitions: readonly ProducerPartition[]): Shipment[] {
    const shipments: Shipment[] = [];
    let bytes = 0;
    for (const partition of partitions) {
      const batch = partition.next(this.isPaused);
      if (batch === undefined) continue;
      bytes += batch.bytes.length;
      if (bytes > maxRequestBytes && shipments.length > 0) break;
      partition.markSent(batch, this.identity);
      shipments.push({ partition, batch });
      this.#busy.delete(partition);
      this.#busy.add(partition);
    }
    return shipments;
  }

  async #ship(broker: number, traffic: Traffic, shipments: readonly Shipment[]): Promise<void> {
    traffic.inFlight++;
    try {
      const results = await this.#exchange(broker, traffic, shipments);
      traffic.isProven = true;
      if (this.#isClosed) return;
      for (const [index, shipment] of shipments.entries()) {
        this.#listener.onAnswer(shipment, results[index] as ProduceResult);
      }
    } catch (error) {
      traffic.isProven = false;
      if (!isTransientFault(error)) throw error;
      if (this.#isClosed) return;
      for (const shipment of shipments) this.#listener.onLost(shipment, error);
    } finally {
      traffic.inFlight--;
      this.schedule();
    }
  }

  /** The results in the order of the shipments. */
  async #exchange(
    broker: number,
    traffic: Traffic,
    shipments: readonly Shipment[],
  ): Promise<ProduceResult[]> {
    const entries = shipments.map(({ partition, batch }) => {
      return { topic: partition.topic, partition: partition.id, bytes: batch.bytes };
    });
    const body = await this.#connections.send(broker, produceRequest(entries));
    const { results, throttleMs } = decodeProduceAnswer(body);
    traffic.notBefore = performance.now() + throttleMs;
    return shipments.map(({ partition: { topic, id, name } }) => {
      const result = results.find((each) => each.topic === topic && each.partition === id);
      if (result === undefined) throw new RangeError(`broker ${broker} left out ${name}`);
      return result;
    });
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.schedule();
      },
      Math.max(1, Math.ceil(time - performance.now())),
    );
  }
}
