import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import { addressScope } from "../discovery/address-policy.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import type { TunnelMessage, Whereabouts } from "./tunnel-messages.ts";

/** Where tunnels may send to depends on. */
export interface EndpointRules {
  /** Networks where nobody of the mesh is, with prefix length: the guests'. */
  forbidden: readonly string[];
  /** This box's own addresses. */
  own: readonly string[];
}

/** Neither boxes nor NATs (RFC 4787, 4.2.2) put tunnels on the ports below, where other people's services are. */
const LOWEST_PORT = 1_024;

/** Not this host, nobody, everybody or a group; nor link-local, which means nothing without an interface; nor IPv4 in IPv6's clothes. */
export function isUnicast(address: string): boolean {
  const scope = addressScope(address);
  if (canonicalIp(address)?.includes(":") !== address.includes(":")) return false;
  return scope === "public" || scope === "private";
}

/** Whether WireGuard may be pointed at an endpoint that somebody else has named. */
export function mayPointAt({ address, port }: Endpoint, { forbidden, own }: EndpointRules): boolean {
  const ip = canonicalIp(address) ?? "";
  if (port < LOWEST_PORT || !isUnicast(address)) return false;
  if (own.some((text) => canonicalIp(text) === ip)) return false;
  return !forbidden.some((prefix) => isInPrefix(ip, prefix));
}

/**
 * A message without the endpoints that this box is not to be pointed at: whoever names one, the other end or a relay,
 * may lie, to make it send to somebody. Undefined when nothing is left of it.
 */
export function withoutForbidden(message: TunnelMessage, rules: EndpointRules): TunnelMessage | undefined {
  const kept = (endpoints: readonly Endpoint[]) => endpoints.filter((end) => mayPointAt(end, rules));
  const keptAt = (at: Whereabouts): Whereabouts => ({ ...at, endpoints: kept(at.endpoints) });
  switch (message.type) {
    case "offer":
    case "accept":
    case "candidates":
      return { ...message, at: keptAt(message.at) };
    case "relayed": {
      const endpoints = kept(message.endpoints);
      // An empty list means that the relay is left.
      return endpoints.length === 0 && message.endpoints.length > 0 ? undefined : { ...message, endpoints };
    }
    case "grant": {
      // Theirs is for the other end to judge, which has other addresses.
      const yours = kept(message.yours);
      return yours.length === 0 ? undefined : { ...message, yours };
    }
    case "observed":
      return mayPointAt(message.other, rules) ? message : undefined;
    default:
      return message;
  }
}
