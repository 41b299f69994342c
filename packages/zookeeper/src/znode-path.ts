import { DiscoveryError } from "@rollcall/core";

/** Where the records of a registry are: the chroot of its connect string, then its path. */
export interface Root {
  /** Name of the registry, for errors. */
  readonly registry: string;
  /** Starts with `/`, or is empty for the root of the tree. */
  readonly path: string;
}

// What ZooKeeper's PathUtils refuse: controls, surrogates (so letters beyond the BMP), private use, specials.
const refused = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

/** Why a text cannot be one name in a path; undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (name === "" || name === "." || name === "..") return 'must not be empty, "." or ".."';
  if (name.includes("/")) return "must be without /";
  if (refused.test(name)) {
    return "must be without controls, private characters and characters beyond U+FFEF";
  }
  return undefined;
}

/** Why a text cannot be an absolute path; undefined when it can. */
export function pathProblem(path: string): string | undefined {
  if (!path.startsWith("/")) return "must start with /";
  for (const name of path.slice(1).split("/")) {
    const problem = nameProblem(name);
    if (problem !== undefined) return `each name in it ${problem}`;
  }
  return undefined;
}

/**
 * Path of a service's znode.
 *
 * @throws {@link DiscoveryError} `INVALID` when ZooKeeper cannot hold the name.
 */
export function servicePath(root: Root, service: string, operation: string): string {
  checkName(root, "service", service, operation);
  if (root.path === "" && service === "zookeeper") {
    throw invalid(root, operation, 'service must not be "zookeeper", which is ZooKeeper\'s own');
  }
  return `${root.path}/${service}`;
}

/** Path of a record. @throws {@link DiscoveryError} `INVALID` when ZooKeeper cannot hold a name. */
export function recordPath(
  root: Root,
  { service, id }: { readonly service: string; readonly id: string },
  operation: string,
): string {
  const parent = servicePath(root, service, operation);
  checkName(root, "id", id, operation);
  return `${parent}/${id}`;
}

/** Path of the znode above; empty above the first. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function checkName(root: Root, field: "service" | "id", name: string, operation: string): void {
  const problem = nameProblem(name);
  if (problem === undefined) return;
  const shown = JSON.stringify(name.slice(0, 80));
  throw invalid(root, operation, `${field} ${problem} for ZooKeeper, got ${shown}`);
}

function invalid({ registry }: Root, operation: string, reason: string): DiscoveryError {
  return new DiscoveryError({ code: "INVALID", registry, operation, reason });
}
