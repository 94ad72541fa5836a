import { z } from "zod";
import { parsedJson } from "./parsed-json.ts";
import type { Runner } from "./queue-applier.ts";

/** A router of one of our uplinks. */
export interface Router {
  readonly interface: string;
  readonly address: string;
}

const neighbours = z.array(
  z.object({ dst: z.string(), dev: z.string(), state: z.array(z.string()).default([]) }),
);

/** Its address on the link is known and not doubted, or is just being asked for again. */
const ANSWERING = new Set(["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP"]);
/** What the operator set by hand, and devices that ask nobody. */
const UNASKED = new Set(["PERMANENT", "NOARP"]);

/**
 * Whether routers answer on the link, by the kernel's own neighbour unreachability detection (RFC 4861, 7.3; for IPv4 by
 * ARP): each look reads what the last one found out and has the kernel ask once more, with one small frame for a
 * router that answers. Every router answers this, whatever its firewall. What is beyond a router is not looked at.
 */
export class RouterWatch {
  private silentOnes = new Set<string>();

  constructor(private readonly run: Runner) {}

  /**
   * Those of these routers that have not answered since the last look or before. One that was never asked counts as
   * answering: it takes a second look, some seconds later, to find that it is silent.
   */
  async silent(routers: readonly Router[]): Promise<(router: Router) => boolean> {
    const { stdout } = await this.run(["ip", "-j", "neigh", "show"]);
    const entries = neighbours.safeParse(parsedJson(stdout)).data ?? [];
    const states = new Map(
      entries.map(({ dst, dev, state }) => [keyOf({ interface: dev, address: dst }), state]),
    );
    const silent = routers.filter((router) => {
      const state = states.get(keyOf(router)) ?? [];
      if (state.some((name) => ANSWERING.has(name))) return false;
      // Asked just now, or forgotten by the kernel since: as before.
      return state.includes("FAILED") || this.silentOnes.has(keyOf(router));
    });
    this.silentOnes = new Set(silent.map(keyOf));
    for (const router of routers) await this.ask(router, states.get(keyOf(router)) ?? []);
    const found = this.silentOnes;
    return (router) => found.has(keyOf(router));
  }

  private async ask({ interface: name, address }: Router, state: readonly string[]): Promise<void> {
    if (state.some((one) => UNASKED.has(one))) return;
    const isKnown = state.some((one) => ANSWERING.has(one));
    const how = isKnown
      ? ["change", address, "dev", name, "nud", "probe"]
      : ["replace", address, "dev", name, "use"];
    // It may have gone in between: then it is asked for with the next look.
    await this.run(["ip", "neigh", ...how]);
  }
}

const keyOf = ({ interface: name, address }: Router): string => `${name} ${address}`;
