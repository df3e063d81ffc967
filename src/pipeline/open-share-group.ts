import { hostname } from 'node:os';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import { GroupMember } from '../kafka/group-member.ts';
import type { Logger } from '../ops/logger.ts';
import { topicPrefix } from './open-log.ts';
import type { ShareGroup } from './share-group.ts';

/**
 * The group of the project's loaders. `number` tells those of one state folder apart; together with the host
 * and the folder it is who a loader is, also after a restart.
 */
export async function openShareGroup(
  config: ProjectConfig,
  number: number,
  logger: Logger,
): Promise<ShareGroup> {
  const { log, load } = config;
  if (log.type !== 'kafka')
    throw new CdcError('CDC_INTERNAL', 'A log without a cluster has no groups.');
  const prefix = topicPrefix(config);
  return await GroupMember.open(log, {
    // Loaders that divide the tables otherwise are no members of the same group.
    groupId: `${prefix}.load-${load.shares}`,
    instanceId: `${hostname()}:${config.stateFolder}:${number}`,
    items: load.shares,
    clientId: `cdc-${prefix}`,
    logger,
  });
}
