import { tagOfDomain } from "../reaper/index.ts";

/** A machine that this box has made and looks after. */
export interface OwnMachine {
  /** Its name in libvirt. */
  domain: string;
  of: "lease" | "pool" | "visitor";
  /** The lease's; of others what they are named by. */
  id: string;
}

export type Whose =
  | Pick<OwnMachine, "of" | "id">
  /** Named as this box names its own, and nobody's: it is about to be taken away. */
  | { of: "nobody" }
  /** Named as this box names its own, and no box runs here that would know whose it is. */
  | { of: "this box" }
  | { of: "somebody else" };

/** @param own undefined: no box runs here */
export function whoseMachine(name: string, own: readonly OwnMachine[] | undefined): Whose {
  const found = own?.find(({ domain }) => domain === name);
  if (found) return { of: found.of, id: found.id };
  if (tagOfDomain(name) === undefined) return { of: "somebody else" };
  return { of: own === undefined ? "this box" : "nobody" };
}
