import type { MultiaddrConnection } from "@libp2p/interface";

/** Each costs a socket, and at most 44 bytes of what it has sent. */
const MAX_UNPROVEN = 256;
/** Those on one link share it, and every neighbour has an address of its own: they may be this many times as many. */
const TIMES_ON_LINK = 4;

export interface InboundPoolOptions {
  /** Connections of one address, and of all, that have shown the shared key and are not through the handshakes yet. */
  maxPendingOfAddress: number;
  maxPending: number;
}

/** What the pool asks of a connection; libp2p's own. */
export type Inbound = Pick<MultiaddrConnection, "remoteAddr" | "abort" | "addEventListener">;

interface Waiting {
  connection: Inbound;
  source: Source;
  isProven: boolean;
}

interface Source {
  name: string;
  isLink: boolean;
}

/**
 * Connections on their way from "accepted" to "a member". Whoever has not shown the shared key costs next to nothing, so
 * many are kept; and when there is no room for a newcomer, the oldest goes of the source that has the most: silent
 * connections, from however many addresses, keep nobody out who shows the key at once. Handshakes are what costs, and only
 * those who have shown the key come to them, so only these are few.
 */
export class InboundPool {
  /** The one that came first at the front. */
  private readonly waiting = new Map<object, Waiting>();

  constructor(private readonly options: InboundPoolOptions) {}

  /** Takes a new connection in; another may have to go for it. */
  arrived(connection: Inbound): void {
    const unproven = [...this.waiting.values()].filter(({ isProven }) => !isProven);
    if (unproven.length >= MAX_UNPROVEN) this.dropOldest(unproven);
    this.waiting.set(connection, { connection, source: sourceOf(connection), isProven: false });
    connection.addEventListener("close", () => this.leave(connection), { once: true });
  }

  /**
   * A connection that has arrived has shown the shared key, or needs none.
   * @returns why it cannot be taken on now, or undefined when it can
   */
  proven(connection: object): string | undefined {
    const one = this.waiting.get(connection);
    if (one === undefined || one.isProven) return undefined;
    const proven = [...this.waiting.values()].filter(({ isProven }) => isProven);
    const { maxPending, maxPendingOfAddress } = this.options;
    const ofSource = proven.filter(({ source }) => source.name === one.source.name).length;
    if (ofSource >= maxPendingOfAddress * (one.source.isLink ? TIMES_ON_LINK : 1))
      return "too many connections at once from its address";
    if (proven.length >= maxPending) return "too many connections at once";
    one.isProven = true;
    return undefined;
  }

  /** A connection is through, or over. */
  leave(connection: object): void {
    this.waiting.delete(connection);
  }

  private dropOldest(unproven: readonly Waiting[]): void {
    const counts = new Map<string, number>();
    for (const { source } of unproven) counts.set(source.name, (counts.get(source.name) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const oldest = unproven.find(({ source }) => counts.get(source.name) === most);
    if (oldest === undefined) return;
    this.leave(oldest.connection);
    oldest.connection.abort(new Error("gave way to a newer connection"));
  }
}

/**
 * What one attacker has one of: an IPv4 address, the /64 of an IPv6 address, the link whose addresses anybody on it makes
 * up at will, or the member whose circuit or WebRTC it is. Those whose relay is the same are many members.
 */
function sourceOf({ remoteAddr }: Inbound): Source {
  const components = remoteAddr.getComponents();
  const other = (name: string): Source => ({ name, isLink: false });
  if (components.some(({ name }) => name === "p2p-circuit" || name === "webrtc")) {
    return other(components.findLast(({ name }) => name === "p2p")?.value ?? "relay");
  }
  const ip = components.find(({ name }) => name === "ip4" || name === "ip6");
  const address = ip?.value ?? String(remoteAddr);
  if (ip?.name !== "ip6") return other(address);
  if (!/^fe[89ab]/i.test(address)) return other(network64(address));
  const zone = components.find(({ name }) => name === "ip6zone")?.value ?? "";
  return { name: `link ${zone}`, isLink: true };
}

function network64(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  if (tail === undefined) return before.slice(0, 4).join(":");
  const after = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
