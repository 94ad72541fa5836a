import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import type { LeaseRequest } from "../request/index.ts";
import type { Policy, PolicyRule } from "./policy.ts";
import type { Source } from "./state.ts";

/** How a requester stands with this box by its policy, whatever is asked for. */
export interface Standing {
  verdict: PolicyRule["verdict"];
  priority: number;
  /** Which rule decided, from 0; undefined: none, but who the requester is. */
  rule: number | undefined;
}

/** @throws nothing; a network that the request names and `source` does not is nobody's */
export function standingOf(
  { requester, network }: Pick<LeaseRequest, "requester" | "network">,
  source: Source,
  { accept, rules, priorities }: Policy,
): Standing {
  if (source.local) return { verdict: "allow", priority: priorities.local, rule: undefined };
  const isMember = network !== undefined && source.networks.includes(network);
  const usual = isMember ? priorities.member : priorities.stranger;
  const address = source.address === undefined ? undefined : canonicalIp(source.address);
  const index = rules.findIndex((rule) => {
    if (rule.requester !== undefined && rule.requester !== requester) return false;
    if (rule.network !== undefined && !(isMember && rule.network === network)) return false;
    if (rule.source !== undefined && !(address !== undefined && isInPrefix(address, rule.source)))
      return false;
    return rule.reputation.least <= source.reputation && source.reputation <= rule.reputation.most;
  });
  const rule = rules[index];
  if (rule !== undefined) return { verdict: rule.verdict, priority: rule.priority ?? usual, rule: index };
  const verdicts = {
    all: "allow",
    members: isMember ? "allow" : "deny",
    ask: "ask",
    nobody: "deny",
  } as const;
  return { verdict: verdicts[accept], priority: usual, rule: undefined };
}

/**
 * What counts as one place that requests come from: an IPv4 address, or the /64 that one line or one guest of a network can choose
 * its IPv6 addresses from (RFC 6177, RFC 8981).
 */
export function isSamePlace(a: string | undefined, b: string | undefined): boolean {
  const [one, other] = [canonicalIp(a ?? ""), canonicalIp(b ?? "")];
  if (one === undefined || other === undefined) return a === b;
  return isInPrefix(one, one.includes(":") ? `${other}/64` : `${other}/32`);
}
