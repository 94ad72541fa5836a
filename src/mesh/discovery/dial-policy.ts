import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import { addressScope } from "./address-policy.ts";
import type { LocalInterface } from "./discovery-interface.ts";

/** What of others' records may be dialled depends on. */
export interface DialRules {
  /** The mesh's own interfaces. */
  interfaces: readonly LocalInterface[];
  /** Networks where nobody of the mesh is, with prefix length: the guests', those of virtual machines. */
  forbidden: readonly string[];
  /** Own listeners' ports. Own addresses with other ports are another box on this machine. */
  ownPorts: readonly number[];
  /** Two boxes on one machine: loopback addresses and own ones with other ports count too. */
  loopback: boolean;
}

/** Addresses of one peer that are tried at most. */
export const MAX_ADDRESSES_OF_PEER = 8;

/** An IP address and port, from a multiaddr `/ip4|ip6/…/tcp/…[/ws]` or `/ip4|ip6/…/udp/…`; undefined for every other form. */
export function parseIpMultiaddr(
  multiaddr: string,
): { ip: string; transport: "tcp" | "udp"; port: number; ws: boolean } | undefined {
  const match = /^\/ip([46])\/([0-9a-fA-F:.]{2,45})\/(tcp|udp)\/(\d{1,5})(\/ws)?$/.exec(multiaddr);
  if (!match) return undefined;
  const [, family, text = "", transport, portText, ws] = match;
  const ip = canonicalIp(text);
  const port = Number(portText);
  const isFamily = text.includes(":") === (family === "6");
  if (ip === undefined || !isFamily || port < 1 || port > 65_535) return undefined;
  if (transport === "udp" && ws !== undefined) return undefined;
  return { ip, transport: transport === "udp" ? "udp" : "tcp", port, ws: ws !== undefined };
}

/** Ports below 1024 where members listen; on the others are other people's services, which a lie could make boxes knock at. */
const LOW_PORTS = [80, 443];

/**
 * Which addresses of a peer's record, which may be a lie, are dialled: IP addresses alone (a name could lead anywhere), none that means
 * this machine, nobody or many, none on networks that are no business of the mesh, private ones only where this box has a private address itself, and
 * not more than {@link MAX_ADDRESSES_OF_PEER}. Link-local ones mean something by local discovery alone. Keeps the order.
 */
export function dialableAddresses(multiaddrs: readonly string[], rules: DialRules): string[] {
  const usable = new Set(multiaddrs.filter((multiaddr) => isDialable(multiaddr, rules)));
  return [...usable].slice(0, MAX_ADDRESSES_OF_PEER);
}

function isDialable(multiaddr: string, rules: DialRules): boolean {
  const parsed = parseIpMultiaddr(multiaddr);
  if (parsed === undefined) return false;
  const { ip, port } = parsed;
  if (port < 1_024 && !LOW_PORTS.includes(port)) return false;
  const scope = addressScope(ip);
  if (scope === "loopback") return rules.loopback && !rules.ownPorts.includes(port);
  if (scope !== "public" && scope !== "private") return false;
  if (rules.forbidden.some((prefix) => isInPrefix(ip, prefix))) return false;
  const own = rules.interfaces.flatMap(({ addresses }) => addresses.map(plainOf));
  if (own.includes(ip)) return rules.loopback && !rules.ownPorts.includes(port);
  const isSameFamily = (address: string) => address.includes(":") === ip.includes(":");
  return (
    scope === "public" || own.some((address) => isSameFamily(address) && addressScope(address) === "private")
  );
}

const plainOf = (text: string): string => canonicalIp(text.split("/")[0] ?? "") ?? "";

export interface DialBudgetLimits {
  /** Dials to one IP address at once, and then one each `refillMs`. */
  burst: number;
  refillMs: number;
  maxAddresses: number;
}

/**
 * One dial in ten seconds to an address where no member has ever been met, after six at once: a box is moved about
 * by lies to send no more than that to anybody, whatever number of peers a liar invents.
 */
export const DIAL_BUDGET_LIMITS: DialBudgetLimits = { burst: 6, refillMs: 10_000, maxAddresses: 2_048 };

interface Account {
  tokens: number;
  atMs: number;
  provenMs: number;
}

/** A member met at an address makes it free this long. */
const PROOF_LIFE_MS = 3_600_000;

/** How often an IP address is dialled, whoever is said to be there. */
export class DialBudget {
  private readonly accounts = new Map<string, Account>();

  constructor(private readonly limits: DialBudgetLimits = DIAL_BUDGET_LIMITS) {}

  /** Whether it may be dialled now; counts as a dial if so. */
  takes(ip: string, nowMs: number): boolean {
    const { burst, refillMs } = this.limits;
    const account = this.accountOf(ip, nowMs);
    if (account === undefined) return false;
    if (nowMs - account.provenMs < PROOF_LIFE_MS) return true;
    account.tokens = Math.min(burst, account.tokens + (nowMs - account.atMs) / refillMs);
    account.atMs = nowMs;
    if (account.tokens < 1) return false;
    account.tokens -= 1;
    return true;
  }

  /** A member has proven to be there: its address is dialled as often as need be. */
  proven(ip: string, nowMs: number): void {
    const account = this.accountOf(ip, nowMs);
    if (account) account.provenMs = nowMs;
  }

  /** Undefined while there are too many others: nothing is known then of how often it was dialled. */
  private accountOf(ip: string, nowMs: number): Account | undefined {
    const key = canonicalIp(ip) ?? ip;
    const known = this.accounts.get(key);
    if (known) return known;
    if (this.accounts.size >= this.limits.maxAddresses) this.forgetFull(nowMs);
    if (this.accounts.size >= this.limits.maxAddresses) return undefined;
    const account = { tokens: this.limits.burst, atMs: nowMs, provenMs: Number.NEGATIVE_INFINITY };
    this.accounts.set(key, account);
    return account;
  }

  private forgetFull(nowMs: number): void {
    const fullAfterMs = this.limits.burst * this.limits.refillMs;
    for (const [ip, { atMs, provenMs }] of this.accounts) {
      if (nowMs - atMs >= fullAfterMs && nowMs - provenMs >= PROOF_LIFE_MS) this.accounts.delete(ip);
    }
  }
}
