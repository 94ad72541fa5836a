import type { Lab, LabHost } from "./lab.ts";

/**
 * NATs as Linux makes them, in the words of RFC 4787:
 * `open`: no translation, a plain router (hosts outside need a route to the network inside);
 * `full-cone`: endpoint-independent mapping and filtering, as with a static mapping or a "DMZ host" (one host behind it);
 * `port-restricted`: endpoint-independent mapping as long as no two hosts use one port (masquerade keeps the port),
 * address- and port-dependent filtering: what most home routers are;
 * `symmetric`: another port for each destination (masquerade with fully-random);
 * `udp-blocked`: TCP is masqueraded, UDP and QUIC never leave.
 */
export const NAT_ROUTER_KINDS = ["open", "full-cone", "port-restricted", "symmetric", "udp-blocked"] as const;
export type NatRouterKind = (typeof NAT_ROUTER_KINDS)[number];

export interface NatRouterOptions {
  /** Interfaces of the router, which have their addresses already. */
  inside: string;
  outside: string;
  kind: NatRouterKind;
  /** `full-cone` only: the address inside to which every UDP port is mapped. */
  mapTo?: string;
  /** A mapping is forgotten after this long without a packet. Linux' own: 30 s one-sided, 120 s answered. */
  udpTimeoutS?: number;
}

/** The router's rules for nft -f. What comes from outside unasked is dropped, as in any home router, so that it makes no mapping. */
export function natRules({ inside, outside, kind, mapTo }: NatRouterOptions): string {
  const isTranslating = kind !== "open";
  const forward = [
    ...(kind === "udp-blocked" ? ["meta l4proto udp drop"] : []),
    ...(isTranslating
      ? [
          `iifname "${inside}" accept`,
          `iifname "${outside}" ct state established,related accept`,
          `iifname "${outside}" ct status dnat accept`,
          "drop",
        ]
      : []),
  ];
  if (kind === "full-cone" && mapTo === undefined)
    throw new Error("a full cone needs the host that it maps to");
  return `
    table ip nat-router
    delete table ip nat-router
    table ip nat-router {
      chain prerouting {
        type nat hook prerouting priority dstnat;
        ${kind === "full-cone" ? `iifname "${outside}" meta l4proto udp dnat to ${mapTo}` : ""}
      }
      chain postrouting {
        type nat hook postrouting priority srcnat;
        ${isTranslating ? `oifname "${outside}" masquerade ${kind === "symmetric" ? "random,fully-random" : ""}` : ""}
      }
      chain forward {
        type filter hook forward priority filter;
        ${forward.join("\n        ")}
      }
      chain input {
        type filter hook input priority filter;
        ${isTranslating ? `iifname "${outside}" ct state established,related accept` : ""}
        ${isTranslating ? `iifname "${outside}" meta l4proto { tcp, udp } drop` : ""}
      }
    }
  `;
}

/** Makes `host` a router between two of its interfaces. May be called again with another kind: mappings that there are go. */
export async function natRouter(host: LabHost, options: NatRouterOptions): Promise<void> {
  await host.run(["nft", "-f", "-"], { input: natRules(options) });
  await host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  if (options.udpTimeoutS !== undefined) {
    await host.run([
      "sysctl",
      "-qw",
      `net.netfilter.nf_conntrack_udp_timeout=${options.udpTimeoutS}`,
      `net.netfilter.nf_conntrack_udp_timeout_stream=${options.udpTimeoutS}`,
    ]);
  }
  await forgetMappings(host);
}

/** What a router does when it restarts, or when an operator changes: every mapping is forgotten. */
export async function forgetMappings(router: LabHost): Promise<void> {
  await router.tryRun(["conntrack", "-F"]);
}

/** Something that hosts can be plugged into. */
export interface Segment {
  /** A cable from `host` to here. `host` gets the address and, where there is one, a default route. @param address "10.1.1.5" */
  plug(host: LabHost, interfaceName: string, address: string, options?: PlugOptions): Promise<void>;
}

export interface PlugOptions {
  /** Of the default route: the lowest wins. Default 100; `null`: no default route. */
  metric?: number | null;
}

/** One Ethernet segment: a bridge in a namespace. */
async function segment(
  lab: Lab,
  host: LabHost,
  bridge: string,
  prefixLength: number,
  gateway: string | undefined,
): Promise<Segment> {
  await host.run([
    "ip",
    "link",
    "add",
    bridge,
    "type",
    "bridge",
    "forward_delay",
    "0",
    "mcast_snooping",
    "0",
  ]);
  await host.run(["ip", "link", "set", bridge, "up"]);
  let ports = 0;
  return {
    async plug(guest, interfaceName, address, { metric = 100 } = {}) {
      const port = `${bridge}-p${ports++}`;
      await lab.cable(host, port, guest, interfaceName);
      await host.run(["ip", "link", "set", port, "master", bridge]);
      await guest.run(["ip", "addr", "add", `${address}/${prefixLength}`, "dev", interfaceName]);
      if (gateway !== undefined && metric !== null) {
        await guest.run([
          "ip",
          "route",
          "add",
          "default",
          "via",
          gateway,
          "dev",
          interfaceName,
          "metric",
          String(metric),
        ]);
      }
    },
  };
}

/** An internet of one segment, 198.51.100.0/24 (TEST-NET-2): whoever is plugged in has a public address. */
export function internet(lab: Lab, host: LabHost): Promise<Segment> {
  return segment(lab, host, "inet", 24, undefined);
}

/** A switch without a router. */
export function flatNetwork(lab: Lab, host: LabHost, bridge = "lan", prefixLength = 24): Promise<Segment> {
  return segment(lab, host, bridge, prefixLength, undefined);
}

export interface SiteOptions {
  /** What it is plugged into: an {@link internet}, or another site, which makes two layers (carrier-grade NAT). */
  upstream: Segment;
  /** The router's address there. */
  outside: string;
  /** The three first bytes of the network inside, "10.1.1": the router is .1 of it. */
  network: string;
  kind: NatRouterKind;
  mapTo?: string;
  udpTimeoutS?: number;
}

/** A home or an office: `router` stands between `upstream` ("wan") and a network of its own ("lan"). */
export async function site(lab: Lab, router: LabHost, options: SiteOptions): Promise<Segment> {
  const { upstream, outside, network, ...nat } = options;
  await upstream.plug(router, "wan", outside);
  const inside = await segment(lab, router, "lan", 24, `${network}.1`);
  await router.run(["ip", "addr", "add", `${network}.1/24`, "dev", "lan"]);
  await natRouter(router, { inside: "lan", outside: "wan", ...nat });
  return inside;
}
