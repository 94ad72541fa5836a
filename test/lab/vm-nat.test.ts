import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MESH_SOCKET, type TunnelView } from "../../src/mesh/index.ts";
import { describeNeeding } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import { forgetMappings, internet, type NatRouterKind, type Segment, site } from "./nat-router.ts";
import type { NatLendingOrder } from "./vm-nat-box-process.ts";
import type { NatRequesterOrder } from "./vm-nat-requester.ts";

const NEEDS = ["root", "program:nft", "program:wg", "program:wireguard-go", "program:conntrack"] as const;
const RELAY = "198.51.100.9";
const BANNER = "SSH-2.0-stand-in";
/** What answers at a machine's SSH. */
const SSH = `Bun.listen({ hostname: "0.0.0.0", port: 22, socket: { open: (s) => void s.write("${BANNER}\\r\\n"), data() {} } })`;
/** What a requester says when its machine answers, with its address, or never will. */
const ENDS = /^(?:ready|ended) (\S+) .*$/m;
/** On a machine that may do much else. */
const PATIENCE_MS = 60_000;

interface Lease {
  process: LabProcess;
  /** The machine's, in the tunnel. */
  address: string;
}

/** A home with a box, which lends or does not. */
interface Home {
  router: LabHost;
  /** The router's address outside. */
  outside: string;
  /** The three first bytes of the network inside. */
  network: string;
  box: MeshBox;
}

/** Requesters in two homes, boxes that lend in two others, and on the internet another box, which lends as well. */
describeNeeding(NEEDS, "A lease between NATs", () => {
  const lab = new Lab("vmnat");
  let cones: { requester: Home; lender: Home };
  let symmetric: { requester: Home; lender: Home };
  let street: MeshBox;

  beforeAll(async () => {
    await lab.open();
    const world = await internet(lab, await lab.host("inet"));
    const box = async (name: string, segment: Segment, address: string, lends: boolean) => {
      const host = await lab.host(name);
      await asBox(host);
      await segment.plug(host, "eth0", address);
      if (!lends) return new MeshBox(lab, host, name);
      const machine = (await lab.host(`${name}-vm`)).spawn([process.execPath, "-e", SSH]);
      const script = join(import.meta.dir, "vm-nat-box-process.ts");
      const one = new MeshBox(lab, host, name, { script });
      const order: NatLendingOrder = { address, guest: `/proc/${machine.pid}/ns/net` };
      mkdirSync(one.folder, { recursive: true });
      writeFileSync(join(one.folder, "lending.json"), JSON.stringify(order));
      return one;
    };
    const home = async (name: string, number: number, kind: NatRouterKind, lends = false): Promise<Home> => {
      const router = await lab.host(`${name}-nat`);
      const [outside, network] = [`198.51.100.${20 + number}`, `10.1.${number}`];
      const inside = await site(lab, router, { upstream: world, outside, network, kind });
      return { router, outside, network, box: await box(name, inside, `${network}.5`, lends) };
    };
    street = await box("street", world, RELAY, true);
    cones = {
      requester: await home("cr", 1, "port-restricted"),
      lender: await home("cl", 2, "port-restricted", true),
    };
    symmetric = {
      requester: await home("sr", 3, "symmetric"),
      lender: await home("sl", 4, "symmetric", true),
    };
    const behind = [cones, symmetric].flatMap((pair) => [pair.requester.box, pair.lender.box]);
    const all = [street, ...behind];
    await Promise.all(all.map((one) => one.start(PATIENCE_MS)));
    await foundTogether(all);
    await Promise.all(behind.map((one) => one.connected(1, PATIENCE_MS)));
  }, 300_000);
  afterAll(() => lab.close(), 60_000);

  async function borrow(
    { box: { host } }: Home,
    name: string,
    way: NatRequesterOrder["way"],
    more: Pick<NatRequesterOrder, "heardAt"> = {},
  ): Promise<Lease> {
    const folder = join(lab.folder, name);
    mkdirSync(folder, { recursive: true });
    const order: NatRequesterOrder = { folder, way, ...more };
    const script = join(import.meta.dir, "vm-nat-requester.ts");
    const one = host.spawn([process.execPath, script, JSON.stringify(order)]);
    const end = await until("SSH by the tunnel", () => ENDS.exec(one.output()), PATIENCE_MS).catch(
      (error) => {
        throw new Error(`${error}: ${one.output().slice(-3_000)}`);
      },
    );
    expect(end[0]).toStartWith("ready");
    expect(end[0]).toContain(BANNER);
    return { process: one, address: end[1] ?? "" };
  }
  const byMesh = async ({ requester, lender }: typeof cones) => ({
    socket: join(requester.box.folder, "run", MESH_SOCKET),
    network: (await requester.box.network()).id,
    peer: await lender.box.peer(),
  });
  const ways = ({ requester, lender }: typeof cones) =>
    Promise.all(
      [requester.box, lender.box].map(async (box) => (await box.ask<TunnelView[]>("/v1/tunnels"))[0]),
    );
  /** Until both ends say that they are joined so. */
  const joined = (
    pair: typeof cones,
    phase: TunnelView["phase"],
    is: (end: TunnelView) => boolean = () => true,
  ) =>
    until(
      `both to be ${phase}`,
      async () => (await ways(pair)).every((end) => end?.phase === phase && is(end)),
      PATIENCE_MS,
    ).catch(async (error) => {
      throw new Error(`${error}: ${JSON.stringify(await ways(pair))}`);
    });
  const answers = ({ box: { host } }: Home, address: string) =>
    until(
      "the machine to answer",
      async () => (await host.tryRun(["ping", "-c", "1", "-W", "1", address])).exitCode === 0,
      PATIENCE_MS,
    );
  /** Gives it back. Nothing is left of it on either side. */
  async function giveBack({ process: one }: Lease, requester: LabHost, lender: MeshBox, pair = cones) {
    process.kill(one.pid, "SIGTERM");
    await until("it to be given back", () => one.output().includes("stopped"), PATIENCE_MS);
    const left = async () => [
      ...(await ways(pair)).flatMap((end) => (end ? [`${end.interface} is led`] : [])),
      ...(await lender.host.run(["ip", "-o", "link"])).matchAll(/om[tw][0-9a-f]{10}/g),
      ...(await requester.run(["ip", "-o", "link"])).matchAll(/omq[0-9a-f]{8}/g),
      ...(await street.host.run(["nft", "list", "tables"])).matchAll(/omerta_relay\w*/g),
    ];
    await until("nothing to be left", async () => (await left()).length === 0, PATIENCE_MS).catch(
      async (error) => {
        throw new Error(`${error}: ${await left()}`);
      },
    );
  }
  /** The machine's namespace is as it was planned, whatever the mesh has done with its tunnel. */
  async function stillConfined({ box }: Home) {
    const said = () => box.output().match(/^egress .*$/gm) ?? [];
    const before = said().length;
    process.kill(box.pid, "SIGUSR2");
    await until("the egress to be looked at", () => said().length > before);
    expect(said().at(-1)).toBe("egress as planned");
  }
  /** A home's router is seen from elsewhere from now on, and the box inside has another address. */
  async function move({ router, network, outside, box: { host } }: Home, to: string) {
    await router.run(["ip", "addr", "add", `${to}/24`, "dev", "wan"]);
    await router.run(["ip", "addr", "del", `${outside}/24`, "dev", "wan"]);
    await router.run(["ip", "addr", "replace", `${to}/24`, "dev", "wan"]);
    await host.run(["ip", "addr", "del", `${network}.5/24`, "dev", "eth0"]);
    await host.run(["ip", "addr", "add", `${network}.6/24`, "dev", "eth0"]);
    await host.run(["ip", "route", "replace", "default", "via", `${network}.1`, "dev", "eth0"]);
    await forgetMappings(router);
  }

  test("a requester behind a NAT borrows from a box that can be reached, by HTTP alone, also when it says an address that means nothing there", async () => {
    const { requester } = cones;
    // Its own, behind the NAT: the box finds out by what comes (WireGuard's roaming).
    const lease = await borrow(requester, "http", { address: RELAY }, { heardAt: "10.1.1.5" });
    await answers(requester, lease.address);
    await giveBack(lease, requester.box.host, street);
  }, 300_000);

  test("where no hole can be made, a third box relays what it cannot read", async () => {
    const { requester, lender } = symmetric;
    const lease = await borrow(requester, "relayed", await byMesh(symmetric));
    await joined(symmetric, "relayed", ({ endpoint }) => endpoint?.address === RELAY);
    await answers(requester, lease.address);
    await stillConfined(lender);
    await giveBack(lease, requester.box.host, lender.box, symmetric);
  }, 300_000);

  test("two ends behind NATs are introduced by the mesh and meet through both, and follow when the requester moves", async () => {
    const { requester, lender } = cones;
    const lease = await borrow(requester, "punched", await byMesh(cones));
    const routers = [requester.outside, lender.outside];
    await joined(cones, "direct", ({ endpoint }) => routers.includes(endpoint?.address ?? ""));
    await answers(requester, lease.address);
    await stillConfined(lender);
    const movedMs = performance.now();
    const after = () => `${(performance.now() - movedMs).toFixed(0)} ms`;
    const outside = "198.51.100.77";
    await move(requester, outside);
    await answers(requester, lease.address);
    console.log(`the requester has moved: its machine answers after ${after()}`);
    await joined(cones, "direct", ({ role, endpoint }) => role === "leader" || endpoint?.address === outside);
    console.log(`through both NATs again after ${after()}`);
    await stillConfined(lender);
    // Its requester was heard meanwhile: a lease whose requester is silent ends after 15 s.
    await Bun.sleep(Math.max(0, 17_000 - (performance.now() - movedMs)));
    expect(lease.process.output()).not.toContain("step ended");
    await giveBack(lease, requester.box.host, lender.box);
  }, 300_000);
});
