import type { ProjectConfig } from '../config/project-config.ts';
import type { Router } from '../route/router.ts';
import { createRouter } from '../route/rule-router.ts';
import { topicPrefix } from './open-log.ts';

/** The project's router; topics are named only where the log has some. */
export function openRouter(config: ProjectConfig): Router {
  const prefix = config.log.type === 'kafka' ? topicPrefix(config) : undefined;
  return createRouter(config.route, { prefix, project: config.name });
}
