import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { decodeInviteLink, type Membership, Memberships, openDeviceKey } from "../../src/identity/index.ts";
import { peerIdOf } from "../../src/mesh/engine/peer-id.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import type { IntruderPlan, IntruderReport } from "./mesh-intruder.ts";
import { flatLan } from "./mesh-shapes.ts";
import { addressOf, MeshTopology } from "./mesh-topology.ts";
import { foundIn, keyNeedle, type Needle, textNeedle, Wire } from "./wire.ts";

const NEEDS = [...LAB_NEEDS, "program:tcpdump"] as const;
const INTRUDER = join(import.meta.dir, "mesh-intruder.ts");
/** What members say on: who opens one of these gets records, statements, keys. */
const PROTOCOLS = ["/omerta/records/1", "/omerta/statements/1", "/omerta/session/1", "/ipfs/id/1.0.0"];

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** What a member shows: its key and its certificates. */
const shownBy = (membership: Membership) => ({
  seed: base64(membership.seed),
  chain: base64(membership.chain()),
});

/** A box's identity as it lies on its medium. */
function membershipsIn(folder: string): Memberships {
  const told = () => {};
  return new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
}

function only(memberships: Memberships): Membership {
  const [first] = memberships.list();
  if (!first) throw new Error("no membership");
  return first;
}

describeNeeding(NEEDS, "Who is no member of a network, on the same wire as its boxes", () => {
  const lab = new Lab("mstr");
  let lan: MeshTopology;
  let wire: Wire;
  let link = "";
  const boxes = new Map<string, MeshBox>();
  const box = (name: string): MeshBox => {
    const found = boxes.get(name);
    if (!found) throw new Error(`${name}: no such box`);
    return found;
  };
  const HOSTS = ["alice", "berta", "carla", "doris", "other", "intruder", "erika"];

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(HOSTS.length), "s");
    for (const [index, name] of HOSTS.entries()) {
      // Alice and Berta relay for each other and for the rest, so that it is known by whom circuits go.
      const relay = { ...defaultConfig().mesh.relay, enabled: index < 2 };
      boxes.set(name, new MeshBox(lab, lan.host(index), `${name}-of-the-green`, { config: { relay } }));
    }
    wire = await Wire.listen(lan.host(0), "eth0");
    const members = ["alice", "berta", "carla", "doris"].map(box);
    await Promise.all([...members, box("other")].map((one) => one.start()));
    await foundTogether(members, "Green Meadow");
    await box("other").found("Other Place");
    for (const member of members) await member.connected(3);
    link = await box("alice").invite({ hours: 24 });
  }, 60_000);
  afterAll(() => lab.close(), 30_000);

  const peerNames = async (one: MeshBox): Promise<string[]> => (await one.peers()).map(({ peer }) => peer);
  const refusals = (one: MeshBox): string =>
    one
      .output()
      .split("\n")
      .filter((line) => line.includes("turned away"))
      .join("\n");

  /** Lets somebody try everything at a box, in the intruder's host. */
  async function intrude(
    at: MeshBox,
    who: Omit<IntruderPlan, "target" | "addresses" | "protocols" | "sharedKeys">,
  ): Promise<IntruderReport> {
    const { self, ports } = await at.network();
    const index = HOSTS.findIndex((name) => box(name) === at);
    const [ip, relay] = [lan.address(index), await box("berta").peer()];
    const ipv6 = addressOf(lan.port(index, 0).ipv6);
    const plan: IntruderPlan = {
      ...who,
      sharedKeys: [base64(decodeInviteLink(link).sharedKey.key)],
      target: self.peer,
      addresses: [
        `/ip4/${ip}/tcp/${ports?.tcp}`,
        `/ip6/${ipv6}/tcp/${ports?.tcp}`,
        `/ip4/${ip}/tcp/${ports?.ws}/ws`,
        `/ip4/${lan.address(1)}/tcp/${ports?.tcp}/p2p/${relay}/p2p-circuit`,
        `/ip4/${lan.address(1)}/tcp/${ports?.tcp}/p2p/${relay}/p2p-circuit/webrtc`,
      ],
      protocols: PROTOCOLS,
    };
    const command = [process.execPath, INTRUDER, JSON.stringify(plan)];
    return JSON.parse(await lan.host(5).run(command, { timeoutMs: 60_000 })) as IntruderReport;
  }

  function expectNothing(report: IntruderReport): void {
    const inside = Object.entries(report.attempts).filter(([, result]) => result === "connected");
    expect(Object.keys(report.attempts)).toHaveLength(5);
    expect({ inside, got: report.got, joined: report.joined }).toEqual({ inside: [], got: {}, joined: [] });
  }

  test("a box of another network finds nobody, and nobody finds it", async () => {
    const other = box("other");
    const { heard, end } = await box("berta").listen();
    await box("alice").send(await box("berta").peer(), "the words of the Green Meadow");
    await until("the message", () => heard.length > 0);
    end();
    await Bun.sleep(3_000);
    expect(await other.peers()).toEqual([]);
    expect(await other.network()).toMatchObject({ known: 0, connected: 0 });
    const peer = await other.peer();
    for (const name of ["alice", "berta", "carla", "doris"])
      expect(await peerNames(box(name))).not.toContain(peer);
  });

  test("certificates that hold open every way: what the others do not get is there to be had", async () => {
    const member = membershipsIn(join(lab.folder, "member")).join(link).membership;
    const report = await intrude(box("alice"), { ...shownBy(member), stayMs: 0 });
    for (const [address, result] of Object.entries(report.attempts))
      console.log(`      ${address.replace(/\/p2p\/[^/]+/, "/p2p/berta").padEnd(52)} ${result.slice(0, 60)}`);
    expect(Object.values(report.attempts)).toEqual(Array(5).fill("connected"));
    expect(report.got["/omerta/records/1"] ?? 0).toBeGreaterThan(3);
    expect(report.got["/ipfs/id/1.0.0"] ?? 0).toBeGreaterThan(0);
  }, 60_000);

  test("the shared key without certificates, with forged ones or with another's opens no way", async () => {
    const [stranger, real] = [
      membershipsIn(join(lab.folder, "stranger")).found("Green Meadow", "berta-of-the-green"),
      only(membershipsIn(box("berta").folder)),
    ];
    const seed = base64(stranger.seed);
    /** Its own network's name in its certificates replaced by the real one's: the signatures are then nobody's. */
    const forged = Buffer.from(stranger.chain());
    forged.set(real.networkKey, forged.indexOf(stranger.networkKey));
    const tries: [string, string, RegExp][] = [
      ["certificates of another network", base64(stranger.chain()), /network/],
      ["forged ones", base64(forged), /signature|network|chain/],
      ["another member's", base64(real.chain()), /somebody else/],
      ["none", "", /chain|certificate|bytes|show/],
    ];
    for (const [what, chain, why] of tries) {
      const before = refusals(box("alice")).length;
      const report = await intrude(box("alice"), { seed, chain, stayMs: 300 });
      expectNothing(report);
      const told = refusals(box("alice")).slice(before);
      expect({ what, told }).toEqual({ what, told: expect.stringMatching(why) });
      for (const name of ["alice", "berta", "carla", "doris"])
        expect(await peerNames(box(name))).not.toContain(report.peer);
    }
  }, 60_000);

  test("who knows not even the shared key is told nothing by TCP, and no more than that WebSockets are spoken", async () => {
    const { ports } = await box("alice").network();
    const script = `
      const [ip, tcp, ws, udp] = ${JSON.stringify([lan.address(0), ports?.tcp, ports?.ws, ports?.udp])};
      const got = { tcp: [], ws: [], udp: [] };
      for (const [kind, port, hello] of [
        ["tcp", tcp, crypto.getRandomValues(new Uint8Array(200))],
        ["tcp", tcp, Buffer.from("\\x13/multistream/1.0.0\\n")],
        ["tcp", tcp, Buffer.from("GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")],
        ["ws", ws, Buffer.from("GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n")],
      ]) {
        const socket = await Bun.connect({ hostname: ip, port, socket: { data: (_, data) => void got[kind].push(data.toString("latin1")) } });
        socket.write(hello);
        await Bun.sleep(700);
        socket.end();
      }
      const udpSocket = await Bun.udpSocket({ socket: { data: (_, data) => void got.udp.push(data.toString("latin1")) } });
      for (let first = 0x40; first < 256; first++) {
        const datagram = crypto.getRandomValues(new Uint8Array(80));
        datagram[0] = first;
        udpSocket.send(datagram, udp, ip);
      }
      await Bun.sleep(500);
      console.log(JSON.stringify(got));
      process.exit(0);`;
    const got = JSON.parse(
      await lan.host(5).run([process.execPath, "-e", script], { timeoutMs: 20_000 }),
    ) as Record<"tcp" | "ws" | "udp", string[]>;
    expect(got.tcp).toEqual([]);
    expect(got.udp).toEqual([]);
    expect(got.ws.join("")).toMatch(/^HTTP\/1.1 101/);
    expect(got.ws.join("").toLowerCase()).not.toMatch(/omerta|libp2p|green|bun/);
    console.log(`      WebSocket: ${JSON.stringify(got.ws.join(""))}`);
  }, 30_000);

  test("a member that is put out while connected loses everything at once, and for good", async () => {
    const [alice, berta, carla, doris] = ["alice", "berta", "carla", "doris"].map(box);
    if (!alice || !berta || !carla || !doris) throw new Error("no boxes");
    const [peerB, peerC] = [await berta.peer(), await carla.peer()];
    // One is away when it happens.
    await doris.stop();
    const { heard, end } = await berta.listen();
    const startedMs = performance.now();
    await alice.ask("/v1/networks/-/revocations", { peer: peerC, why: "for the test" });
    await until("carla to be out everywhere", async () => {
      const seen = [...(await peerNames(alice)), ...(await peerNames(berta))];
      return !seen.includes(peerC) && (await carla.network()).connected === 0;
    });
    console.log(`      put out everywhere after ${Math.round(performance.now() - startedMs)} ms`);
    await expect(carla.send(peerB, "still here", { timeoutMs: 2_000 })).rejects.toThrow();
    expect((await carla.network()).trouble).toContain("revoked");

    // The one that was away hears of it from another than who did it, and the one that is out comes back in vain.
    await alice.stop();
    await carla.stop();
    await Promise.all([doris.start(), carla.start()]);
    await doris.connected(1);
    await Bun.sleep(3_000);
    expect(await peerNames(doris)).not.toContain(peerC);
    expect(await carla.network()).toMatchObject({ connected: 0 });
    await expect(carla.send(peerB, "here again", { timeoutMs: 2_000 })).rejects.toThrow();

    // It ignores that it is out, and comes with all that it has.
    const shown = shownBy(only(membershipsIn(carla.folder)));
    await carla.stop();
    for (const one of [berta, doris]) {
      expectNothing(await intrude(one, { ...shown, stayMs: 300 }));
      // Of many refusals in a row some are only counted.
      expect(refusals(one)).toContain("revoked");
    }
    end();
    expect(heard).toEqual([]);
    await alice.start();
    await alice.connected(2);
  }, 90_000);

  test("a member whose certificates have expired gets in nowhere", async () => {
    const erika = box("erika");
    const index = HOSTS.indexOf("erika");
    const short = await box("alice").invite({ hours: 6 / 3_600 });
    // Nobody who could make its certificates last longer meets it before.
    const restore = await lan.faults.interfaceDown(index, 0);
    await erika.start();
    await erika.join(short);
    const peer = await erika.peer();
    await Bun.sleep(7_000);
    await restore();
    await Bun.sleep(5_000);
    expect(await erika.network()).toMatchObject({
      connected: 0,
      trouble: expect.stringContaining("expired"),
    });
    for (const name of ["alice", "berta", "doris"]) expect(await peerNames(box(name))).not.toContain(peer);
    const shown = shownBy(only(membershipsIn(erika.folder)));
    await erika.stop();
    const before = refusals(box("alice")).length;
    expectNothing(await intrude(box("alice"), { ...shown, stayMs: 300 }));
    expect(refusals(box("alice")).slice(before)).toContain("expired");
  }, 60_000);

  test("and of all that passed on the wire nothing tells names, keys or words", async () => {
    const frames = await wire.stop();
    const needles: Needle[] = [
      textNeedle("the network's name", "Green Meadow"),
      textNeedle("a box's name", "-of-the-green"),
      textNeedle("a message", "the words of the Green Meadow"),
    ];
    for (const name of ["alice", "berta", "carla", "doris"]) {
      const membership = only(membershipsIn(box(name).folder));
      needles.push(
        keyNeedle(`${name}'s key`, membership.publicKey),
        textNeedle(`${name}'s peer id`, peerIdOf(membership.publicKey)),
        keyNeedle("the network's key", membership.networkKey),
        ...membership.sharedKeys().map((key) => keyNeedle("a shared key", key)),
      );
    }
    console.log(`      ${frames.length} bytes of frames were searched for ${needles.length} things`);
    // What is said in the clear is found: by WebSockets' handshake.
    expect(foundIn(frames, [textNeedle("a handshake", "Sec-WebSocket-Accept")])).toHaveLength(1);
    expect(foundIn(frames, needles)).toEqual([]);
  });
});
