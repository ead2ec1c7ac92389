import { systemCode } from "../errors.ts";

/** A user of this machine, and groups in which a service of that user is besides its own. */
export interface ServiceIdentity {
  readonly user: string;
  /** Those that this machine does not have are left out. */
  readonly groups: readonly string[];
}

/**
 * Does `work` with the rights of a user, as far as this process may take them and the user is there, and as it is otherwise; resolves with what
 * `work` does, and whether it had them. The whole process has these rights meanwhile: nothing else may go on.
 */
export async function withRightsOf<Result>(
  identity: ServiceIdentity,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly isTaken: boolean }> {
  const ownGroups = process.getgroups?.() ?? [];
  const isTaken = process.geteuid?.() === 0 && takeRights(identity);
  try {
    return { result: await work(), isTaken };
  } finally {
    if (isTaken) giveRightsBack(ownGroups);
  }
}

function takeRights({ user, groups }: ServiceIdentity): boolean {
  try {
    initializeGroups(user);
  } catch (error) {
    if (!isUnknown(error)) throw error;
    return false;
  }
  // Before groups are asked for, which tells of this one, too.
  process.setegid?.(user);
  for (const group of groups) {
    try {
      process.setgroups?.([...(process.getgroups?.() ?? []), group]);
    } catch (error) {
      if (!isUnknown(error)) throw error;
    }
  }
  process.seteuid?.(user);
  return true;
}

/** Takes the groups of a user that has one of its name. Node's types do not know of it. */
function initializeGroups(user: string): void {
  const initgroups: unknown = Reflect.get(process, "initgroups");
  if (typeof initgroups === "function") Reflect.apply(initgroups, process, [user, user]);
}

function giveRightsBack(ownGroups: readonly number[]): void {
  process.seteuid?.(0);
  process.setegid?.(0);
  process.setgroups?.([...ownGroups]);
}

/** States whether Node does not know a user or a group. */
function isUnknown(error: unknown): boolean {
  return systemCode(error) === "ERR_UNKNOWN_CREDENTIAL";
}
