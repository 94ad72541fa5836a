import { describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { parseConfig } from "../../../../src/config/index.ts";
import type { CheckRequest } from "../../../../src/gateway/uplink/check-uplink.ts";
import type { UplinkKind } from "../../../../src/gateway/uplink/uplink-device.ts";
import type { CheckResult } from "../../../../src/gateway/uplink/uplink-health.ts";
import { UplinkWatch } from "../../../../src/gateway/uplink/uplink-watch.ts";
import type { HostInterface } from "../../../../src/host/interfaces.ts";
import { createLog } from "../../../../src/host/log.ts";

const ETH: HostInterface = {
  ...{ name: "eth0", index: 2, kind: "ethernet", up: true, carrier: true },
  ...{ addresses: ["192.0.2.7/24"], hasWayOut: true },
};
const WWAN: HostInterface = { ...ETH, name: "wwan0", index: 3, kind: "line", addresses: ["100.64.0.7/32"] };

/** A watch over interfaces and answers that the test decides on, in virtual time. */
class Bench {
  readonly time = new VirtualTime();
  readonly asked: CheckRequest[] = [];
  readonly entries: string[] = [];
  readonly details: { kind: string; subject: string | undefined; detail: unknown }[] = [];
  interfaces: readonly HostInterface[] = [ETH, WWAN];
  outcome: (device: string, targets: readonly URL[]) => CheckResult["outcome"] = () => "reached";
  readonly watch: UplinkWatch;

  constructor(toml = "") {
    this.watch = new UplinkWatch({
      config: parseConfig(toml),
      senses: {
        interfaces: async () => this.interfaces,
        kindOf: (name) => this.kindOf(name),
        notesOf: () => ({ resolvers: ["192.0.2.1"], isOwn: false }),
        check: async (request) => {
          this.asked.push(request);
          return { outcome: this.outcome(request.device, request.targets), rttMs: 20 };
        },
        isRouterSilent: async () => false,
        monitor: () => ({ start: async () => {}, stop: async () => {} }),
      },
      timers: this.time,
      journal: {
        append: async (_, kind, subject, detail) => {
          this.entries.push(`${kind} ${subject}`);
          this.details.push({ kind, subject, detail });
        },
      },
      log: createLog({ level: "error", destination: { write: () => {} } }),
    });
  }

  /** A machine knows nothing of what is not there. */
  private kindOf(name: string): UplinkKind | undefined {
    if (!this.interfaces.some((one) => one.name === name)) return undefined;
    return name.startsWith("wwan") ? "modem" : name.startsWith("enx") ? "tethering" : "ethernet";
  }

  async pass(seconds: number): Promise<void> {
    for (let step = 0; step < seconds * 2; step += 1) {
      await setImmediate();
      this.time.advance(500);
      await setImmediate();
    }
  }

  countOf(device: string): number {
    return this.asked.filter((request) => request.device === device).length;
  }
}

describe("the watch over the ways to the internet", () => {
  test("finds them by itself, checks each, and uses the best", async () => {
    const bench = new Bench();
    await bench.watch.start();
    await bench.pass(1);
    expect(bench.watch.view().map(({ interface: name, state, inUse }) => [name, state, inUse])).toEqual([
      ["eth0", "online", true],
      ["wwan0", "online", false],
    ]);
    expect(bench.watch.isMetered("wwan0")).toBe(true);
    expect(bench.entries).toContain("uplinks-in-use eth0");
    await bench.watch.stop();
    expect(bench.watch.inUse()).toEqual([]);
  });

  test("asks little: a target at a time, and seldom where it is paid for", async () => {
    const bench = new Bench();
    await bench.watch.start();
    await bench.pass(600);
    expect(bench.countOf("eth0")).toBeWithin(58, 63);
    expect(bench.countOf("wwan0")).toBeWithin(6, 9);
    expect(bench.asked.every(({ targets }) => targets.length === 1)).toBe(true);
    const [first, second] = bench.asked.filter(({ device }) => device === "eth0");
    expect(first?.targets).not.toEqual(second?.targets);
    await bench.watch.stop();
  });

  test("asks all targets at once in doubt, leaves one that fails for the next, and tells so", async () => {
    const bench = new Bench();
    await bench.watch.start();
    await bench.pass(1);
    let changes = 0;
    bench.watch.onChange(() => {
      changes += 1;
    });
    bench.outcome = (device) => (device === "eth0" ? "associated" : "reached");
    await bench.pass(12);
    expect(bench.asked.filter(({ device }) => device === "eth0").at(-1)?.targets).toHaveLength(3);
    expect(bench.watch.inUse()).toEqual(["wwan0"]);
    expect(changes).toBeGreaterThan(0);
    expect(bench.entries).toContain("uplink-state eth0");
    await bench.watch.stop();
  });

  test("believes at once that an interface has gone, and takes one that comes under its name for what it is", async () => {
    const bench = new Bench();
    await bench.watch.start();
    await bench.pass(1);
    bench.interfaces = [WWAN];
    await bench.watch.look();
    expect(bench.watch.inUse()).toEqual(["wwan0"]);
    expect(bench.watch.view()[0]?.state).toBe("absent");
    const asked = bench.countOf("eth0");
    await bench.pass(60);
    expect(bench.countOf("eth0")).toBe(asked);
    bench.interfaces = [{ ...ETH, index: 9 }, WWAN];
    await bench.pass(30);
    expect(bench.watch.inUse()).toEqual(["eth0"]);
    await bench.watch.stop();
  });

  test("says what guests may do: slowly where it is paid for, or not at all, as configured", async () => {
    const guests = async (toml: string) => {
      const bench = new Bench(toml);
      bench.interfaces = [WWAN];
      await bench.watch.start();
      await bench.pass(1);
      const ways = bench.watch.forGuests();
      await bench.watch.stop();
      return ways;
    };
    expect(await guests("")).toEqual({ interfaces: ["wwan0"], works: true, rateKbit: 256 });
    expect(await guests('uplinks.metered_guests = "allow"')).toMatchObject({
      works: true,
      rateKbit: undefined,
    });
    expect(await guests('uplinks.metered_guests = "refuse"')).toMatchObject({ interfaces: [], works: false });
    const free = '[uplinks]\nlinks = [{ interface = "wwan0", metered = false }]';
    expect(await guests(free)).toMatchObject({ interfaces: ["wwan0"], rateKbit: undefined });
  });

  test("tells guests of no internet where there is none, and where names do not resolve", async () => {
    for (const outcome of ["associated", "captive", "no-names"] as const) {
      const bench = new Bench();
      bench.outcome = () => outcome;
      await bench.watch.start();
      await bench.pass(1);
      expect(bench.watch.inUse()).not.toEqual([]);
      expect(bench.watch.forGuests().works).toBe(false);
      await bench.watch.stop();
    }
  });

  test("takes routes at their word where it is not to check", async () => {
    const bench = new Bench("uplinks.check = false");
    bench.outcome = () => "associated";
    await bench.watch.start();
    await bench.pass(30);
    expect(bench.asked).toEqual([]);
    expect(bench.watch.inUse()).toEqual(["eth0"]);
    expect(bench.watch.forGuests().works).toBe(true);
    await bench.watch.stop();
  });

  test("takes a page that is blocked for no loss of the link", async () => {
    const bench = new Bench();
    bench.outcome = (_, targets) =>
      targets.length === 1 && targets[0]?.hostname.includes("gstatic") ? "associated" : "reached";
    await bench.watch.start();
    await bench.pass(7_000);
    expect(bench.watch.view()[0]).toMatchObject({ state: "online", inUse: true });
    expect(bench.entries.filter((entry) => entry.startsWith("uplink-state eth0"))).toHaveLength(1);
    // It is tried again now and then: once before it is known, and once after an hour.
    const blocked = bench.asked.filter(
      ({ device, targets }) =>
        device === "eth0" && targets.length === 1 && targets[0]?.hostname.includes("gstatic"),
    );
    expect(blocked).toHaveLength(2);
    await bench.watch.stop();
  });

  test("tells little of what comes and goes all the time, and how it is in the end", async () => {
    const bench = new Bench();
    await bench.watch.start();
    await bench.pass(1);
    for (let round = 0; round < 200; round += 1) {
      bench.interfaces = round % 2 === 0 ? [{ ...ETH, carrier: false }, WWAN] : [ETH, WWAN];
      await bench.watch.look();
      await bench.pass(1);
    }
    bench.interfaces = [{ ...ETH, carrier: false }, WWAN];
    expect(bench.entries.length).toBeLessThan(20);
    await bench.pass(700);
    expect(bench.watch.view()[0]?.state).toBe("unplugged");
    expect(bench.details.findLast(({ subject }) => subject === "eth0")?.detail).toMatchObject({
      state: "unplugged",
    });
    expect(bench.details.findLast(({ kind }) => kind === "uplinks-in-use")?.subject).toBe("wwan0");
    await bench.watch.stop();
  });

  test("looks at once where the address or the router is another, and not at what has no carrier", async () => {
    const bench = new Bench();
    await bench.watch.start();
    await bench.pass(12);
    for (const change of [{ addresses: ["198.51.100.9/24"] }, { routers: ["192.0.2.254"] }]) {
      const asked = bench.countOf("eth0");
      bench.interfaces = [{ ...ETH, ...change }, WWAN];
      await bench.watch.look();
      expect(bench.countOf("eth0")).toBe(asked + 1);
      await bench.pass(1);
    }
    bench.interfaces = [{ ...ETH, carrier: false }, WWAN];
    await bench.watch.look();
    const asked = bench.countOf("eth0");
    await bench.pass(60);
    expect(bench.countOf("eth0")).toBe(asked);
    await bench.watch.stop();
  });

  test("has a place for every phone that tethers under a name of its own, and moves no other for it", async () => {
    const bench = new Bench();
    await bench.watch.start();
    for (let phone = 0; phone < 40; phone += 1) {
      bench.interfaces = [ETH, WWAN, { ...ETH, name: `enx${phone}`, index: 10 + phone }];
      await bench.pass(3);
      expect(bench.watch.view().find((one) => one.interface === `enx${phone}`)?.state).toBe("online");
      bench.interfaces = [ETH, WWAN];
      await bench.pass(90);
    }
    expect(bench.watch.known().map((one) => one.interface)).toEqual(["eth0", "wwan0", "enx39"]);
    expect(bench.watch.isMetered("enx39")).toBe(true);
    await bench.watch.stop();
  });

  test("goes on as without any check where this machine cannot check, and says so", async () => {
    const bench = new Bench();
    bench.outcome = () => {
      throw new Error("no socket can be bound");
    };
    await bench.watch.start();
    await bench.pass(30);
    expect(bench.watch.inUse()).toEqual(["eth0"]);
    expect(bench.watch.forGuests().works).toBe(true);
    expect(bench.watch.trouble()).toBe("uplinks are not checked: no socket can be bound");
    bench.outcome = () => "reached";
    await bench.pass(30);
    expect(bench.watch.trouble()).toBeUndefined();
    await bench.watch.stop();
  });
});
