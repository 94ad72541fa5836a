import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { NatKind } from "../../../../src/mesh/nat/nat-interface.ts";
import { Reach, type ReachOptions } from "../../../../src/mesh/network/reach.ts";
import { capturedLog } from "../../captured-log.ts";
import { connectionOf, FakeEngine } from "../fake-engine.ts";

/** What is dialled, and who answers: addresses that are in `answering`. */
function reachWith(options: Partial<ReachOptions> = {}) {
  const engine = new FakeEngine("self");
  const answering = new Set<string>();
  const dialled: string[] = [];
  const time = new VirtualTime();
  engine.onDial = async (peer, addresses) => {
    dialled.push(`${peer} ${addresses.join(" ")}`);
    await Bun.sleep(0);
    const remote = addresses.find((address) => answering.has(address));
    if (remote === undefined) throw new Error("nobody answers");
    const relay = /^\/p2p\/(.*)\/p2p-circuit$/.exec(remote)?.[1];
    const kind = relay === undefined ? (remote.endsWith("/webrtc") ? "webrtc" : "tcp") : "circuit";
    const connection = connectionOf(peer, { remote, kind, ...(relay === undefined ? {} : { relay }) });
    engine.opened(connection);
    return connection;
  };
  const reach = new Reach({
    engine,
    addresses: (peer) => [`/ip4/10.81.0.${peer}/tcp/4600`],
    relays: () => [],
    nat: () => "cone",
    ownNat: () => "cone",
    timers: time,
    log: capturedLog().log,
    ...options,
  });
  return { engine, reach, answering, dialled, time };
}

const straightTo = (peer: string) => `/ip4/10.81.0.${peer}/tcp/4600`;
const circuitBy = (relay: string) => `/p2p/${relay}/p2p-circuit`;

describe("a peer", () => {
  test("that answers straight is reached straight, and is not dialled again", async () => {
    const { reach, answering, dialled } = reachWith({ relays: () => ["9"] });
    answering.add(straightTo("1"));
    expect(await reach.to("1")).toBe(true);
    expect(await reach.to("1")).toBe(true);
    expect(dialled).toEqual([`1 ${straightTo("1")}`]);
  });

  test("that is asked for many times at once is tried once", async () => {
    const { reach, dialled } = reachWith();
    expect(await Promise.all([reach.to("1"), reach.to("1"), reach.to("1")])).toEqual([false, false, false]);
    expect(dialled).toHaveLength(1);
    await reach.to("1");
    expect(dialled).toHaveLength(2);
  });

  test("that does not answer straight is reached by a relay, which is reached first where it must", async () => {
    const { engine, reach, answering, dialled } = reachWith({ relays: () => ["8", "9"] });
    for (const address of [straightTo("9"), circuitBy("9")]) answering.add(address);
    expect(await reach.to("1")).toBe(true);
    expect(dialled).toEqual([
      `1 ${straightTo("1")}`,
      `8 ${straightTo("8")}`,
      `9 ${straightTo("9")}`,
      `1 ${circuitBy("9")}`,
    ]);
    expect(engine.connections("1").map(({ kind }) => kind)).toEqual(["circuit"]);
  });

  test("is not sought through itself, this box, a relay that is itself relayed, or more than three relays", async () => {
    const { engine, reach, dialled } = reachWith({
      relays: (peer) => [peer, "self", "7", "8", "9"],
      addresses: () => [],
    });
    engine.opened(connectionOf("7", { kind: "circuit", relay: "9" }));
    expect(await reach.to("1")).toBe(false);
    expect(dialled).toEqual([]);
    for (const relay of ["2", "3", "4", "5"]) engine.opened(connectionOf(relay));
    const many = reachWith({ relays: () => ["2", "3", "4", "5"], addresses: () => [] });
    for (const relay of ["2", "3", "4", "5"]) many.engine.opened(connectionOf(relay));
    expect(await many.reach.to("1")).toBe(false);
    expect(many.dialled).toEqual(["2", "3", "4"].map((relay) => `1 ${circuitBy(relay)}`));
  });

  test("that stays silent is sought by a relay after a second, and reached straight all the same when it answers late", async () => {
    const made = reachWith({ relays: () => ["9"] });
    made.engine.opened(connectionOf("9"));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const dial = made.engine.onDial;
    made.engine.onDial = async (peer, addresses) => {
      if (addresses.includes(straightTo("1"))) await late;
      return dial(peer, addresses);
    };
    const trying = made.reach.to("1");
    await Bun.sleep(0);
    made.time.advance(1_100);
    await Bun.sleep(0);
    expect(made.dialled).toEqual([]);
    made.time.advance(200);
    await Bun.sleep(1);
    expect(made.dialled).toEqual([`1 ${circuitBy("9")}`]);
    made.answering.add(straightTo("1"));
    resolve();
    expect(await trying).toBe(true);
  });

  test("that has answered and takes its time for the handshakes is not sought by a relay for five seconds", async () => {
    const made = reachWith({ relays: () => ["9"] });
    made.engine.opened(connectionOf("9"));
    const dial = made.engine.onDial;
    made.engine.onDial = async (peer, addresses, answered) => {
      if (!addresses.includes(straightTo("1"))) return dial(peer, addresses);
      answered?.();
      return new Promise(() => {});
    };
    let told = 0;
    void made.reach.to("1", () => {
      told += 1;
    });
    await Bun.sleep(0);
    expect(told).toBe(1);
    made.time.advance(4_900);
    await Bun.sleep(1);
    expect(made.dialled).toEqual([]);
    made.time.advance(100);
    await Bun.sleep(1);
    expect(made.dialled).toEqual([`1 ${circuitBy("9")}`]);
  });

  test("whose addresses cannot be told is not reached, and can be tried again", async () => {
    let isBroken = true;
    const { reach, answering } = reachWith({
      addresses: async (peer) => {
        if (isBroken) throw new Error("no directory");
        return [straightTo(peer)];
      },
    });
    answering.add(straightTo("1"));
    await expect(reach.to("1")).rejects.toThrow("no directory");
    isBroken = false;
    expect(await reach.to("1")).toBe(true);
  });

  test("that names somebody else's address makes this box knock there a few times, and no more, whoever names it", async () => {
    const { reach, dialled, time } = reachWith({ addresses: () => ["/ip4/203.0.113.9/tcp/443"] });
    for (let number = 0; number < 50; number += 1) await reach.to(`liar ${number}`);
    expect(dialled.length).toBeGreaterThan(1);
    expect(dialled.length).toBeLessThanOrEqual(6);
    const before = dialled.length;
    time.advance(60_000);
    for (let number = 0; number < 50; number += 1) await reach.to(`liar ${number}`);
    expect(dialled.length - before).toBeLessThanOrEqual(6);
  });

  test("that was met at an address is dialled there as often as need be", async () => {
    const { engine, reach, answering, dialled } = reachWith();
    answering.add(straightTo("1"));
    for (let times = 0; times < 30; times += 1) {
      expect(await reach.to("1")).toBe(true);
      await engine.close("to 1");
    }
    expect(dialled).toHaveLength(30);
  });
});

describe("a peer that is reached by a relay alone", () => {
  const relayed = (kinds: [NatKind, NatKind] = ["cone", "cone"]) => {
    const made = reachWith({ nat: () => kinds[0], ownNat: () => kinds[1] });
    made.engine.opened(connectionOf("1", { id: "c", kind: "circuit", relay: "9" }));
    return made;
  };
  const punch = `1 ${circuitBy("9")}/webrtc`;

  test("is reached straight where that has become possible, and else by a hole", async () => {
    const straight = relayed();
    straight.answering.add(straightTo("1"));
    expect(await straight.reach.straighten("1")).toBe(true);
    expect(straight.dialled).toEqual([`1 ${straightTo("1")}`]);
    const { reach, answering, dialled } = relayed();
    answering.add(`${circuitBy("9")}/webrtc`);
    expect(await reach.straighten("1")).toBe(true);
    expect(dialled).toEqual([`1 ${straightTo("1")}`, punch]);
    expect(await reach.straighten("1")).toBe(true);
    expect(dialled).toHaveLength(2);
  });

  test.each([
    ["cone", "symmetric", true],
    ["unknown", "unknown", true],
    ["symmetric", "symmetric", false],
    ["blocked", "open", false],
    ["cone", "blocked", false],
  ] as const)(
    "whose NAT is %s, with %s in front of this box, is punched for: %p",
    async (theirs, own, isTried) => {
      const { reach, dialled } = relayed([theirs, own]);
      expect(await reach.straighten("1")).toBe(false);
      expect(dialled.includes(punch)).toBe(isTried);
    },
  );

  test("and could not be punched for is tried again after half a minute, one, two, four, eight, and then every ten", async () => {
    const { reach, dialled, time } = relayed();
    const triedAtS: number[] = [];
    for (let seconds = 0; seconds < 2_000; seconds += 15) {
      const before = dialled.length;
      await reach.straighten("1");
      if (dialled.length > before) triedAtS.push(seconds);
      time.advance(15_000);
    }
    expect(triedAtS).toEqual([0, 30, 90, 210, 450, 930, 1_530]);
    expect(dialled.filter((one) => one === punch)).toHaveLength(7);
  });

  test("is left alone where it is connected straight too, and where it is not at all", async () => {
    const { engine, reach, dialled } = relayed();
    engine.opened(connectionOf("1", { id: "t" }));
    expect(await reach.straighten("1")).toBe(true);
    expect(await reach.straighten("2")).toBe(false);
    expect(dialled).toEqual([]);
  });
});
