import { type AgentClient, type LeaseView, shortId } from "../requester/agent/index.ts";
import { NOTHING } from "./vm-text.ts";

/**
 * The lease that is meant: by the beginning of its id, or the only one there is.
 * @throws Error saying which there are
 */
export async function leaseMeant(agent: AgentClient, named: string | undefined): Promise<LeaseView> {
  const leases = agent.hasState ? (await agent.list()).leases : [];
  if (leases.length === 0) throw new Error(NOTHING);
  // Also as ssh-config calls it.
  const beginning = named?.toLowerCase().replace(/^omerta-/, "") ?? "";
  const meant = leases.filter(({ id }) => id.startsWith(beginning));
  const [only, ...others] = meant;
  if (only !== undefined && others.length === 0) return only;
  const all = leases.map(({ id }) => shortId(id)).join(", ");
  throw new Error(
    named === undefined
      ? `say which virtual machine is meant: ${all}`
      : `${meant.length === 0 ? "no virtual machine's id begins" : "several virtual machines' ids begin"} with ${named}; there is ${all}`,
  );
}
