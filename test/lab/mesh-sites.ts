import type { Lab, LabHost } from "./lab.ts";
import { MeshBox, type MeshBoxOptions } from "./mesh-box.ts";
import { internet, type NatRouterKind, type Segment, site } from "./nat-router.ts";

/** Where a box of the {@link MeshSites} is, which decides how others can reach it. */
export type Place =
  | "public"
  | "port-restricted"
  | "full-cone"
  | "symmetric"
  | "carrier"
  | "udp-blocked"
  | "dual-homed";

export interface SiteBox {
  box: MeshBox;
  place: Place;
  /** Switched Ethernets that it is on. */
  links: readonly string[];
}

/** Boxes behind one router keep apart by their ports: else a home router maps all but one of them anew for each destination. */
interface Plan {
  name: string;
  place: Place;
  port: number;
  plugs: readonly (readonly [link: string, address: string, metric?: number])[];
}

const PLANS: readonly Plan[] = [
  { name: "relay", place: "public", port: 4_600, plugs: [["internet", "198.51.100.10"]] },
  { name: "a1", place: "port-restricted", port: 4_600, plugs: [["a", "10.1.1.5"]] },
  { name: "a2", place: "port-restricted", port: 4_610, plugs: [["a", "10.1.1.6"]] },
  { name: "a3", place: "port-restricted", port: 4_620, plugs: [["a", "10.1.1.7"]] },
  {
    name: "dual",
    place: "dual-homed",
    port: 4_630,
    plugs: [
      ["a", "10.1.1.8", 100],
      ["b", "10.1.2.8", 200],
    ],
  },
  { name: "b1", place: "full-cone", port: 4_600, plugs: [["b", "10.1.2.5"]] },
  { name: "c1", place: "symmetric", port: 4_600, plugs: [["c", "10.1.3.5"]] },
  { name: "d1", place: "symmetric", port: 4_600, plugs: [["d", "10.1.4.5"]] },
  { name: "e1", place: "carrier", port: 4_600, plugs: [["e", "10.1.5.5"]] },
  { name: "f1", place: "carrier", port: 4_610, plugs: [["f", "10.1.6.5"]] },
  { name: "g1", place: "udp-blocked", port: 4_600, plugs: [["g", "10.1.7.5"]] },
  { name: "h1", place: "udp-blocked", port: 4_600, plugs: [["h", "10.1.8.5"]] },
];

interface SitePlan {
  link: string;
  upstream: string;
  outside: string;
  network: string;
  kind: NatRouterKind;
  mapTo?: string;
}

/** The carrier's network is a site itself, behind which homes e and f have routers of their own. */
const SITES: readonly SitePlan[] = [
  { link: "a", upstream: "internet", outside: "198.51.100.21", network: "10.1.1", kind: "port-restricted" },
  {
    link: "b",
    upstream: "internet",
    outside: "198.51.100.22",
    network: "10.1.2",
    kind: "full-cone",
    mapTo: "10.1.2.5",
  },
  { link: "c", upstream: "internet", outside: "198.51.100.23", network: "10.1.3", kind: "symmetric" },
  { link: "d", upstream: "internet", outside: "198.51.100.24", network: "10.1.4", kind: "symmetric" },
  {
    link: "carrier",
    upstream: "internet",
    outside: "198.51.100.25",
    network: "100.64.5",
    kind: "port-restricted",
  },
  { link: "e", upstream: "carrier", outside: "100.64.5.2", network: "10.1.5", kind: "port-restricted" },
  { link: "f", upstream: "carrier", outside: "100.64.5.3", network: "10.1.6", kind: "port-restricted" },
  { link: "g", upstream: "internet", outside: "198.51.100.27", network: "10.1.7", kind: "udp-blocked" },
  { link: "h", upstream: "internet", outside: "198.51.100.28", network: "10.1.8", kind: "udp-blocked" },
];

/** Twelve boxes in homes of every kind, and one on the internet by which they begin. */
export class MeshSites {
  private constructor(
    readonly boxes: readonly SiteBox[],
    readonly routers: ReadonlyMap<string, LabHost>,
  ) {}

  /** Builds the networks within an open lab and makes the boxes, which are not started yet. */
  static async build(lab: Lab, options: MeshBoxOptions = {}): Promise<MeshSites> {
    const links = new Map<string, Segment>([["internet", await internet(lab, await lab.host("inet"))]]);
    const segmentOf = (name: string): Segment => {
      const found = links.get(name);
      if (!found) throw new Error(`${name}: no such link`);
      return found;
    };
    const routers = new Map<string, LabHost>();
    for (const { link, upstream, ...rest } of SITES) {
      const router = await lab.host(`r-${link}`);
      routers.set(link, router);
      links.set(link, await site(lab, router, { upstream: segmentOf(upstream), ...rest }));
    }
    const boxes: SiteBox[] = [];
    for (const { name, place, port, plugs } of PLANS) {
      const host = await lab.host(name);
      for (const [index, [link, address, metric]] of plugs.entries())
        await segmentOf(link).plug(host, `eth${index}`, address, metric === undefined ? {} : { metric });
      const config = { ...options.config, port };
      const box = new MeshBox(lab, host, name, { ...options, config });
      boxes.push({ box, place, links: plugs.map(([link]) => link) });
    }
    return new MeshSites(boxes, routers);
  }

  box(name: string): MeshBox {
    const found = this.boxes.find(({ box }) => box.name === name);
    if (!found) throw new Error(`${name}: no such box`);
    return found.box;
  }
}
