import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";

/** What is known of a link by who configured it. */
export interface LinkNotes {
  /** Its name servers. */
  resolvers: readonly string[];
  /** They are this link's own, rather than the whole system's. */
  isOwn: boolean;
  /** What DHCP or a router advertisement says of a captive portal (RFC 8910). */
  portalUrl?: string;
}

const MAX_RESOLVERS = 3;
const MAX_URL = 500;

/**
 * What systemd-networkd has learned of a link: /run/systemd/netif/links/INDEX, lines of `KEY=value` (sd-network.h).
 * NetworkManager and others tell only resolv.conf, for all links together.
 * @param root for tests; "/" on a box
 */
export function linkNotes(index: number, root = "/"): LinkNotes {
  const read = (path: string) => readOr(join(root, path));
  const lines = read(`run/systemd/netif/links/${index}`).split("\n");
  const value = (key: string) => lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
  const own = addresses((value("DNS") ?? "").split(" "));
  const announced = value("CAPTIVE_PORTAL") ?? "";
  const portal = /^https?:\/\/[!-~]+$/.test(announced) && announced.length <= MAX_URL ? announced : undefined;
  const noted = portal === undefined ? {} : { portalUrl: portal };
  if (own.length > 0) return { resolvers: own, isOwn: true, ...noted };
  const system = ["etc/resolv.conf", "run/systemd/resolve/resolv.conf"]
    .map((path) => addresses(nameservers(read(path))))
    .find((list) => list.length > 0);
  return { resolvers: system ?? [], isOwn: false, ...noted };
}

/** resolv.conf(5). */
const nameservers = (text: string): string[] =>
  text.split("\n").map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? "");

/** One on this machine itself asks others by whatever way it likes, and tells nothing of a link. */
const addresses = (texts: readonly string[]): string[] =>
  texts
    .map((text) => text.replace(/[#%].*$/, ""))
    .filter((text) => isIP(text) !== 0 && !text.startsWith("127.") && text !== "::1")
    .slice(0, MAX_RESOLVERS);

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
