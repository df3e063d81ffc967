/**
 * Requests that kafkajs writes and reads, with their fields in kafkajs's words. 64-bit numbers are texts.
 * An error code of the answer is thrown, except where an answer speaks of several things and has one for each.
 */
export interface KafkaCalls {
  readonly InitProducerId: {
    readonly fields: {
      readonly transactionalId: string | null;
      readonly transactionTimeout: number;
    };
    readonly answer: { readonly producerId: string; readonly producerEpoch: number };
  };
  /** `errors` has every partition; 0 is well. */
  readonly AddPartitionsToTxn: {
    readonly fields: {
      readonly transactionalId: string;
      readonly producerId: string;
      readonly producerEpoch: number;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly number[];
      }[];
    };
    readonly answer: {
      readonly errors: readonly {
        readonly topic: string;
        readonly partitionErrors: readonly {
          readonly partition: number;
          readonly errorCode: number;
        }[];
      }[];
    };
  };
  readonly EndTxn: {
    readonly fields: {
      readonly transactionalId: string;
      readonly producerId: string;
      readonly producerEpoch: number;
      /** True commits. */
      readonly transactionResult: boolean;
    };
    readonly answer: unknown;
  };
  /** Throws MEMBER_ID_REQUIRED with `memberId` to join again with, for members without an instance id. */
  readonly JoinGroup: {
    readonly fields: {
      readonly groupId: string;
      readonly sessionTimeout: number;
      readonly rebalanceTimeout: number;
      readonly memberId: string;
      /** Static membership: the member that comes back under this id keeps its assignment. */
      readonly groupInstanceId: string | null;
      readonly protocolType: string;
      readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
    };
    readonly answer: {
      readonly generationId: number;
      readonly groupProtocol: string;
      readonly leaderId: string;
      readonly memberId: string;
      readonly members: readonly {
        readonly memberId: string;
        readonly groupInstanceId: string | null;
        readonly memberMetadata: Buffer;
      }[];
    };
  };
  readonly SyncGroup: {
    readonly fields: {
      readonly groupId: string;
      readonly generationId: number;
      readonly memberId: string;
      readonly groupInstanceId: string | null;
      readonly groupAssignment: readonly {
        readonly memberId: string;
        readonly memberAssignment: Buffer;
      }[];
    };
    readonly answer: { readonly memberAssignment: Buffer };
  };
  readonly Heartbeat: {
    readonly fields: {
      readonly groupId: string;
      readonly groupGenerationId: number;
      readonly memberId: string;
      readonly groupInstanceId: string | null;
    };
    readonly answer: unknown;
  };
  readonly LeaveGroup: {
    readonly fields: {
      readonly groupId: string;
      readonly memberId: string;
      readonly groupInstanceId: string | null;
    };
    readonly answer: unknown;
  };
  readonly OffsetCommit: {
    readonly fields: {
      readonly groupId: string;
      readonly groupGenerationId: number;
      readonly memberId: string;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    };
    readonly answer: unknown;
  };
  /** An offset of -1 was never committed. */
  readonly OffsetFetch: {
    readonly fields: {
      readonly groupId: string;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number }[];
      }[];
    };
    readonly answer: {
      readonly responses: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    };
  };
  readonly CreateTopics: {
    readonly fields: {
      readonly topics: readonly {
        readonly topic: string;
        readonly numPartitions: number;
        /** -1: the cluster's default. */
        readonly replicationFactor: number;
        readonly configEntries: readonly { readonly name: string; readonly value: string }[];
      }[];
      readonly validateOnly: boolean;
      readonly timeout: number;
    };
    readonly answer: {
      readonly topicErrors: readonly {
        readonly topic: string;
        readonly errorCode: number;
        readonly errorMessage: string | null;
      }[];
    };
  };
  readonly DescribeConfigs: {
    readonly fields: {
      /** Type 2 is a topic. */
      readonly resources: readonly { readonly type: number; readonly name: string }[];
      readonly includeSynonyms: boolean;
    };
    readonly answer: {
      readonly resources: readonly {
        readonly errorCode: number;
        readonly errorMessage: string | null;
        readonly resourceName: string;
        readonly configEntries: readonly {
          readonly configName: string;
          readonly configValue: string | null;
        }[];
      }[];
    };
  };
  /** Timestamps: -2 the first offset there is, -1 the end. An offset of -1: nothing at or after the time. */
  readonly ListOffsets: {
    readonly fields: {
      readonly isolationLevel: number;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[];
      }[];
    };
    readonly answer: {
      readonly responses: readonly {
        readonly topic: string;
        readonly partitions: readonly {
          readonly partition: number;
          readonly errorCode: number;
          readonly offset: string;
        }[];
      }[];
    };
  };
  readonly DeleteRecords: {
    readonly fields: {
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
      readonly timeout: number;
    };
    readonly answer: {
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[];
      }[];
    };
  };
}
