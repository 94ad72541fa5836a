import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/host/clock.ts";
import { type Membership, Memberships, openDeviceKey } from "../../src/identity/index.ts";
import type { NetworkStatus } from "../../src/mesh/index.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import { flatLan } from "./mesh-shapes.ts";
import { addressOf, MeshTopology } from "./mesh-topology.ts";
import { foundIn, keyNeedle, type Needle, textNeedle, Wire } from "./wire.ts";

const NEEDS = [...LAB_NEEDS, "program:tcpdump"] as const;
const SPY = join(import.meta.dir, "mesh-spy-process.ts");

/** A box's identity as it lies on its medium, by the network's name. */
function membershipIn(folder: string, network: string): Membership {
  const told = () => {};
  const all = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
  const found = all.list().find(({ name }) => name === network);
  if (!found) throw new Error(`${folder} is not in ${network}`);
  return found;
}

describeNeeding(NEEDS, "A box in two networks at once", () => {
  const lab = new Lab("mtwo");
  let lan: MeshTopology;
  let wire: Wire;
  let both: MeshBox;
  /** One in each network, who writes down everything that it gets as a member. */
  const spies = new Map<string, MeshBox>();
  const NETWORKS = ["Green Meadow", "Blue Harbour"] as const;
  let statuses: readonly NetworkStatus[] = [];

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(5), "t");
    wire = await Wire.listen(lan.host(0), "eth0");
    // Other ports than anybody else's, by which it can be known.
    both = new MeshBox(lab, lan.host(0), "common-house", { config: { port: 5_600 } });
    const founders = [
      new MeshBox(lab, lan.host(1), "green-mill"),
      new MeshBox(lab, lan.host(2), "blue-pier"),
    ];
    const members = [3, 4].map(
      (host, index) =>
        new MeshBox(lab, lan.host(host), ["green-barn", "blue-boat"][index] ?? "", { script: SPY }),
    );
    await Promise.all([both, ...founders, ...members].map((box) => box.start()));
    for (const [index, network] of NETWORKS.entries()) {
      const [founder, member] = [founders[index], members[index]];
      if (!founder || !member) throw new Error("no box");
      await founder.found(network);
      const link = await founder.invite({ hours: 24 });
      await Promise.all([both.join(link), member.join(link)]);
      spies.set(network, member);
    }
    for (const box of [...founders, ...members]) await box.connected(2);
    statuses = await until("both networks", async () => {
      const all = await both.networks();
      return all.every(({ connected }) => connected === 2) && all;
    });
  }, 60_000);
  afterAll(() => lab.close(), 30_000);

  const status = (network: string): NetworkStatus => {
    const found = statuses.find(({ name }) => name === network);
    if (!found) throw new Error(`${network}: not there`);
    return found;
  };

  /** Everything by which one network could be known: of the box in both, and of its other members. */
  function tracesOf(network: string, founder: string, member: string): Needle[] {
    const { self, ports } = status(network);
    const membership = membershipIn(both.folder, network);
    return [
      textNeedle("its name", network),
      keyNeedle("its key", membership.networkKey),
      textNeedle("its id", membership.id),
      ...membership.sharedKeys().map((key) => keyNeedle("its shared key", key)),
      textNeedle("the common box's peer id there", self.peer),
      keyNeedle("the common box's key there", membership.publicKey),
      textNeedle("its founder", founder),
      textNeedle("its member", member),
      keyNeedle("its founder's key", membershipIn(join(lab.folder, founder), network).publicKey),
      keyNeedle("its member's key", membershipIn(join(lab.folder, member), network).publicKey),
      ...[ports?.tcp, ports?.ws].map((port) => textNeedle("a port of its", `/tcp/${port}`)),
      textNeedle("its UDP port", `:${ports?.udp}`),
    ];
  }

  const heardBy = (network: string): Buffer => {
    const path = join(spies.get(network)?.folder ?? "", "heard.bin");
    return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  };

  test("has another key, other ports and other words in each", () => {
    const [green, blue] = NETWORKS.map(status);
    expect(green?.self.peer).not.toBe(blue?.self.peer);
    expect(green?.self.words).not.toBe(blue?.self.words);
    const ports = [green, blue].flatMap((one) => [one?.ports?.tcp, one?.ports?.ws]);
    expect(new Set(ports).size).toBe(4);
  });

  test("talks in each with its members, and with nobody of the other", async () => {
    const { heard, end } = await both.listen("lab", "Green Meadow");
    const blue = await both.listen("lab", "Blue Harbour");
    const green = spies.get("Green Meadow");
    await green?.send(status("Green Meadow").self.peer, "said on the green");
    await until("the message", () => heard.length > 0);
    await expect(green?.send(status("Blue Harbour").self.peer, "said on the green")).rejects.toThrow();
    end();
    blue.end();
    expect(blue.heard).toEqual([]);
    for (const network of NETWORKS) {
      const own = network === "Green Meadow" ? ["green-barn", "green-mill"] : ["blue-boat", "blue-pier"];
      const names = async () => (await both.peers(network)).map(({ name }) => name).sort();
      await until("both records", async () => (await names()).length >= 2);
      expect(await names()).toEqual(own);
    }
  });

  test("shows the members of one nothing of the other, in records, statements, announcements or anything else", async () => {
    // Renewals, comparisons, announcements and proofs go on for a while.
    await Bun.sleep(8_000);
    const traces = {
      "Green Meadow": tracesOf("Green Meadow", "green-mill", "green-barn"),
      "Blue Harbour": tracesOf("Blue Harbour", "blue-pier", "blue-boat"),
    };
    for (const network of NETWORKS) {
      const heard = heardBy(network);
      const own = foundIn(heard, traces[network]);
      console.log(`      ${network}: ${heard.length} bytes read by a member, ${own.join(", ")}`);
      // What there is of its own is found there, so what there were of the other would be as well.
      expect(own).toEqual(
        expect.arrayContaining([
          "its key",
          "its founder",
          "its founder's key",
          "the common box's key there",
          "a port of its",
          "its UDP port",
        ]),
      );
      const other = network === "Green Meadow" ? "Blue Harbour" : "Green Meadow";
      expect(foundIn(heard, traces[other])).toEqual([]);
    }
  }, 30_000);

  test("has no loopback or link-local address in any record", async () => {
    for (const network of NETWORKS) {
      const heard = heardBy(network);
      const forms = ["127.0.0.1", "/ip6/::1/", "[::1]", "[fe80:"];
      const linkLocals = await Promise.all(
        lan.hosts.map(
          async (host) =>
            (await host.run(["ip", "-6", "-br", "addr", "show", "eth0"])).match(/fe80::[0-9a-f:]+/)?.[0],
        ),
      );
      // Announcements on the link name their sender's own, and nothing else does: they are written with their zone.
      const outside = heard.toString("latin1").replaceAll(/\/ip6zone\/eth0\/ip6\/fe80::[0-9a-f:]+/g, "");
      const needles = [...forms, ...linkLocals.filter((text) => text !== undefined)];
      expect(linkLocals.filter(Boolean)).toHaveLength(5);
      expect(needles.filter((text) => outside.includes(text))).toEqual([]);
      expect(heard.includes(addressOf(lan.port(0, 0).ipv4))).toBe(true);
    }
  });

  test("and whoever listens on its wire reads nothing of either", async () => {
    const frames = await wire.stop();
    const traces = [
      ...tracesOf("Green Meadow", "green-mill", "green-barn"),
      ...tracesOf("Blue Harbour", "blue-pier", "blue-boat"),
      textNeedle("a message", "said on the green"),
      textNeedle("the common box's name", "common-house"),
    ];
    console.log(`      ${frames.length} bytes of frames were searched for ${traces.length} things`);
    expect(frames.length).toBeGreaterThan(50_000);
    expect(foundIn(frames, traces)).toEqual([]);
  });
});

describeNeeding(NEEDS, "The members of a network, whose shared key changes and who come and go", () => {
  const lab = new Lab("mrot");
  let lan: MeshTopology;
  let boxes: MeshBox[] = [];
  const at = (index: number): MeshBox => {
    const found = boxes[index];
    if (!found) throw new Error(`boxes[${index}]: not there`);
    return found;
  };

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(5), "r");
    boxes = ["anna", "bruno", "cleo", "dario", "emil"].map(
      (name, index) => new MeshBox(lab, lan.host(index), name),
    );
    await Promise.all(boxes.map((box) => box.start()));
    await foundTogether(boxes.slice(0, 3), "Green Meadow");
    for (const box of boxes.slice(0, 3)) await box.connected(2);
  }, 60_000);
  afterAll(() => lab.close(), 30_000);

  const keysOf = (box: MeshBox): string[] =>
    membershipIn(box.folder, "Green Meadow")
      .sharedKeys()
      .map((key) => Buffer.from(key).toString("hex"));
  const rotate = () => at(0).ask("/v1/networks/-/shared-key", {});
  const talk = async (from: MeshBox, to: MeshBox): Promise<void> => {
    const { heard, end } = await to.listen();
    await from.send(await to.peer(), "hello");
    await until("the message", () => heard.length > 0);
    end();
  };

  test("stay connected when the shared key changes, and get the new one, also who was away", async () => {
    await at(2).stop();
    // A process that is stopped has closed its connections, which the others have yet to read.
    await until("the other to see it go", async () => (await at(1).network()).connected === 1);
    const before = keysOf(at(1));
    await rotate();
    const [newest] = keysOf(at(0));
    expect(before).not.toContain(newest);
    await until("the other to have the new key", () => keysOf(at(1))[0] === newest);
    await talk(at(0), at(1));
    expect(await at(1).network()).toMatchObject({ connected: 1 });
    await at(2).start();
    await at(2).connected(2);
    await until("the one that was away to have it", () => keysOf(at(2))[0] === newest);
    await talk(at(2), at(1));
  }, 30_000);

  test("let in by the new key who joins now, and by an older invite who has not joined yet", async () => {
    const older = await at(0).invite({ hours: 24 });
    await rotate();
    const newer = await at(0).invite({ hours: 24 });
    await Promise.all([at(3).join(older), at(4).join(newer)]);
    await Promise.all([at(3).connected(4), at(4).connected(4)]);
    await talk(at(3), at(4));
  }, 30_000);

  test("forget who leaves, whose ports are closed, and who can join another network, or the same again", async () => {
    const leaving = at(4);
    const [peer, { id, ports }] = [await leaving.peer(), await leaving.network()];
    await leaving.ask(`/v1/networks/${id}`, undefined, "DELETE");
    expect(await leaving.networks()).toEqual([]);
    await until("the others to see it go", async () =>
      (await at(0).peers()).every((one) => one.peer !== peer || !one.connected),
    );
    const listening = await lan.host(4).run(["ss", "-Hltun"]);
    expect(listening).not.toContain(`:${ports?.tcp} `);
    expect(existsSync(join(leaving.folder, "networks", `${id}.json`))).toBe(false);
    await leaving.found("Blue Harbour");
    expect(await leaving.networks()).toHaveLength(1);
    await leaving.join(await at(0).invite({ hours: 1 }));
    await until(
      "it to be in both",
      async () => {
        const all = await leaving.networks();
        return all.find(({ name }) => name === "Green Meadow")?.connected === 4;
      },
      20_000,
    );
    const green = (await leaving.networks()).find(({ name }) => name === "Green Meadow");
    const { heard, end } = await leaving.listen("lab", "Green Meadow");
    await at(1).send(green?.self.peer ?? "", "welcome back");
    await until("the message", () => heard.length > 0);
    end();
  }, 40_000);
});
