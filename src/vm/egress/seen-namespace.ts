import { runInside } from "./namespace.ts";

/** What the kernel has in a namespace, as its own tools print it (`ip -json`, `nft --json`, `tc -json`). */
export interface SeenNamespace {
  links: readonly SeenLink[];
  routes: readonly SeenRoute[];
  rules: readonly { table: string }[];
  neighbours: readonly { dst: string; dev: string; lladdr?: string; state?: readonly string[] }[];
  queues: readonly { dev: string; kind: string; options?: { rate?: number } }[];
  ruleset: readonly Readonly<Record<string, unknown>>[];
  /** Chains of the netdev family, as nft writes them. */
  ingress: string;
  /** By their names, with slashes. */
  parameters: ReadonlyMap<string, string>;
}

export interface SeenLink {
  ifname: string;
  flags: readonly string[];
  mtu: number;
  address?: string;
  linkinfo?: { info_kind?: string };
  addr_info: readonly { family: string; local: string; prefixlen: number }[];
}

export interface SeenRoute {
  dst: string;
  dev?: string;
  gateway?: string;
  table?: string;
  type?: string;
}

const PARTS = ["links", "routes", "routes6", "rules", "neighbours", "queues", "ruleset", "ingress"] as const;
const COMMANDS: Record<(typeof PARTS)[number], string> = {
  links: "ip -json -details address show",
  routes: "ip -json -4 route show table all",
  // A kernel without IPv6 has no such table.
  routes6: "ip -json -6 route show table all || true",
  rules: "ip -json rule show",
  neighbours: "ip -json neigh show",
  queues: "tc -json qdisc show",
  ruleset: "nft --json --stateless list ruleset",
  // nft's JSON does not say on which interface a chain is (1.0.6).
  ingress: "nft list chains netdev",
};

/** Reads all of a namespace in one go. @param parameters kernel parameters to read, names with slashes */
export async function seeNamespace(namespace: string, parameters: readonly string[]): Promise<SeenNamespace> {
  const text = await runInside(namespace, [
    ...PARTS.flatMap((part) => [`echo "== ${part}"`, COMMANDS[part]]),
    'echo "== parameters"',
    // One program for all of them; it says of those that are not there that something failed.
    `cd /proc/sys; grep -s "" ${parameters.join(" ")} /dev/null || true`,
  ]);
  const parts = new Map(
    text
      .split(/^== /m)
      .map((part): [string, string] => [
        part.slice(0, part.indexOf("\n")),
        part.slice(part.indexOf("\n") + 1),
      ]),
  );
  // What the tools print is taken as their manuals have it; what is missing shows as a difference.
  const list = <T>(part: (typeof PARTS)[number]): T[] => {
    const printed = (parts.get(part) ?? "").trim();
    return printed === "" ? [] : (JSON.parse(printed) as T[]);
  };
  const ruleset = JSON.parse(parts.get("ruleset") ?? "{}") as { nftables?: Record<string, unknown>[] };
  return {
    links: list<SeenLink>("links"),
    routes: [...list<SeenRoute>("routes"), ...list<SeenRoute>("routes6")],
    rules: list("rules"),
    neighbours: list("neighbours"),
    queues: list("queues"),
    ruleset: ruleset.nftables ?? [],
    ingress: parts.get("ingress") ?? "",
    parameters: new Map(
      (parts.get("parameters") ?? "")
        .split("\n")
        .map((line) => line.split(":"))
        .filter((words): words is [string, string] => words.length === 2),
    ),
  };
}
