/**
 * What a file's path says of its lines, as Kubernetes and Docker lay log files out:
 *
 * ```text
 * /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log            (and rotated ones beside it)
 * /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log         (links to the former)
 * /var/lib/docker/containers/ID/ID-json.log
 * ```
 */

import type { Labels } from "../../shared/events/compile-aggregation.ts";

const PODS = /\/pods\/([^/_]+)_([^/_]+)_[^/_]+\/([^/]+)\/[^/]+$/;
const CONTAINERS = /\/containers\/([^/_]+)_([^/_]+)_([^/]+)-[0-9a-f]{64}\.log[^/]*$/;
const DOCKER = /\/containers\/([0-9a-f]{64})\/\1-json\.log[^/]*$/;
/** What people and `docker ps` call a container by. */
const SHORT_ID_LENGTH = 12;

/** The labels of a path; none where it says nothing. */
export function labelsOfPath(path: string): Labels {
  const pod = PODS.exec(path);
  if (pod !== null) return labels(pod[1], pod[2], pod[3]);
  const link = CONTAINERS.exec(path);
  if (link !== null) return labels(link[2], link[1], link[3]);
  const container = DOCKER.exec(path)?.[1];
  return container === undefined ? {} : { container: container.slice(0, SHORT_ID_LENGTH) };
}

function labels(namespace = "", pod = "", container = ""): Labels {
  return { namespace, pod, container };
}
