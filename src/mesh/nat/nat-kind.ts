import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import { addressScope } from "../discovery/address-policy.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";
import type { NatKind, Observation } from "./nat-interface.ts";

/** What a box knows of itself. */
export interface OwnSocket {
  /** Its interfaces' addresses with prefix length: "10.1.2.3/24". */
  addresses: readonly string[];
  /** UDP port that the observed datagrams left by. */
  port: number;
}

/** Somebody beyond the own links who was asked, or probed, and has never answered by UDP. */
export interface Unanswered {
  observer: Endpoint;
  /** When the first question left, on the clock of {@link Observation.atMs}. */
  sinceMs: number;
}

/** Mappings last as long as something goes through them; what was seen earlier may be another network's. */
export const OBSERVATION_FRESH_MS = 300_000;
/** A silence of this long is an answer. */
const SILENT_MS = 5_000;

/** What the witnesses agree on. */
interface Verdict {
  /** Distinct observers. */
  witnesses: number;
  /** What more than half of them saw; with one witness, what it saw. */
  agreed: Endpoint | undefined;
}

/**
 * What kind of NAT is in front of a socket, from what others saw of it.
 *
 * One address (for IPv6, one /64) is one witness, however many say something there, and what most witnesses saw counts.
 * So among three one liar decides nothing, as long as it does not know what another sees; two of three decide. What
 * the worst lie does is that holes are punched in vain, or a relay is used without need, until it is no longer fresh.
 *
 * Observers with private addresses on the box's own links say nothing of what is beyond them. Where some observers have public addresses,
 * only they count: another box of the same site sees a NAT less. IPv4 counts where there is any, since IPv6 is
 * seldom translated.
 */
export function natKind(
  observations: readonly Observation[],
  own: OwnSocket,
  nowMs: number,
  unanswered: readonly Unanswered[] = [],
): NatKind {
  const { witnesses, agreed } = verdict(observations, own, nowMs);
  if (witnesses === 0 && isSilent(unanswered, own, nowMs)) return "blocked";
  if (witnesses < 2) return "unknown";
  if (agreed === undefined) return "symmetric";
  return isOwn(agreed, own) ? "open" : "cone";
}

/**
 * The endpoint by which others may reach the socket from outside, to be told to members: what most saw. Undefined
 * while nobody has said anything, when each sees another one (then none is of use to a third), and when it is no
 * address to be told. One witness is enough, as in ICE: if it lies, others probe the address in vain, a few times.
 */
export function mappedEndpoint(
  observations: readonly Observation[],
  own: OwnSocket,
  nowMs: number,
): Endpoint | undefined {
  const { agreed } = verdict(observations, own, nowMs);
  if (agreed === undefined || agreed.port === 0) return undefined;
  const scope = addressScope(agreed.address);
  return scope === "public" || scope === "private" ? agreed : undefined;
}

function verdict(observations: readonly Observation[], own: OwnSocket, nowMs: number): Verdict {
  const fresh = observations.filter(
    ({ observer, atMs }) =>
      atMs <= nowMs && nowMs - atMs <= OBSERVATION_FRESH_MS && isBeyondOwnLinks(observer.address, own),
  );
  const [ipv4, ipv6] = [fresh.filter(isIpv4), fresh.filter((observation) => !isIpv4(observation))];
  const ofFamily = ipv4.length > 0 ? ipv4 : ipv6;
  const isPublic = ({ observer }: Observation) => addressScope(observer.address) === "public";
  const counting = ofFamily.some(isPublic) ? ofFamily.filter(isPublic) : ofFamily;
  const latest = new Map<string, Observation>();
  for (const observation of [...counting].sort((a, b) => a.atMs - b.atMs)) {
    latest.set(witnessOf(observation.observer.address), observation);
  }
  const votes = new Map<string, { seen: Endpoint; count: number }>();
  for (const { seen } of latest.values()) {
    const endpoint = { address: canonicalIp(seen.address) ?? seen.address, port: seen.port };
    const vote = votes.get(endpointText(endpoint));
    if (vote) vote.count += 1;
    else votes.set(endpointText(endpoint), { seen: endpoint, count: 1 });
  }
  const agreed = [...votes.values()].find(({ count }) => count * 2 > latest.size)?.seen;
  return { witnesses: latest.size, agreed };
}

const isIpv4 = ({ seen }: Observation): boolean => canonicalIp(seen.address)?.includes(":") === false;

/** Whoever has one address of a /64 has them all. */
function witnessOf(address: string): string {
  const plain = canonicalIp(address) ?? address;
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const [front, back] = [head.split(":").filter(Boolean), (tail ?? "").split(":").filter(Boolean)];
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...new Array<string>(zeros).fill("0"), ...back].slice(0, 4).join(":");
}

function isBeyondOwnLinks(address: string, own: OwnSocket): boolean {
  const scope = addressScope(address);
  // One with a public address on our own link is beyond no NAT either, and neither are we.
  if (scope !== "private") return scope === "public";
  return !own.addresses.some((prefix) => isInPrefix(canonicalIp(address) ?? "", prefix));
}

const isOwnAddress = (address: string, own: OwnSocket): boolean =>
  own.addresses.some((text) => canonicalIp(text.split("/")[0] ?? "") === canonicalIp(address));

const isOwn = ({ address, port }: Endpoint, own: OwnSocket): boolean =>
  port === own.port && isOwnAddress(address, own);

/** Two who are asked in vain: one alone may be off. */
function isSilent(unanswered: readonly Unanswered[], own: OwnSocket, nowMs: number): boolean {
  const silent = unanswered.filter(
    ({ observer, sinceMs }) => nowMs - sinceMs >= SILENT_MS && isBeyondOwnLinks(observer.address, own),
  );
  return new Set(silent.map(({ observer }) => witnessOf(observer.address))).size >= 2;
}
