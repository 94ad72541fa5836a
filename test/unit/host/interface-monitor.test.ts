import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import {
  type InterfaceChanges,
  InterfaceMonitor,
  interfaceChanges,
  parseMonitorLine,
} from "../../../src/host/interface-monitor.ts";
import type { HostInterface } from "../../../src/host/interfaces.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const LINES = readFileSync(join(import.meta.dir, "recorded/ip-monitor.txt"), "utf8").split("\n");

const face = (name: string, more: Partial<HostInterface> = {}): HostInterface => ({
  name,
  index: 2,
  kind: "ethernet",
  up: true,
  carrier: true,
  addresses: ["192.0.2.5/24"],
  hasWayOut: false,
  ...more,
});

const PULLED =
  "3: eth0@far: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 qdisc noqueue state LOWERLAYERDOWN group default \\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff";
const BACK = PULLED.replace("NO-CARRIER,", "").replace("M-DOWN", "LOWER_UP").replace("LOWERLAYERDOWN", "UP");

describe("a line of ip monitor", () => {
  test("tells in a recording when the wire came, was pulled, came back and when the interface went", () => {
    const eth0 = LINES.flatMap((line) => {
      const told = parseMonitorLine(line);
      return told?.about === "link" && told.name === "eth0" ? [told.carrier] : [];
    });
    // Repeats left out: down, up, pulled, back, removed.
    expect(eth0.filter((carrier, index) => carrier !== eth0[index - 1])).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  test("tells of addresses and default routes, and not of the routes that come with each address", () => {
    const others = LINES.flatMap((line) => {
      const told = parseMonitorLine(line);
      return told && told.about !== "link" ? [`${told.about} ${told.name}`] : [];
    });
    expect(others.filter((entry) => !/^(address|route) (lo|eth0|br0|far|p0|p1)$/.test(entry))).toEqual([]);
    expect(others).toContain("address eth0");
    expect(others).toContain("route eth0");
    expect(
      parseMonitorLine("local 192.0.2.5 dev eth0 table local proto kernel scope host src 192.0.2.5"),
    ).toBe(undefined);
  });

  test("that is anything else is nothing", () => {
    for (const line of ["", "Deleted ", "7:", "Error: netlink", "\0\0"])
      expect(parseMonitorLine(line)).toBe(undefined);
  });
});

test("what changed between two looks is told by name; an adapter with another number or router has changed", () => {
  const before = [
    face("a"),
    face("b"),
    face("c"),
    face("d", { carrier: false }),
    face("e"),
    face("f", { routers: ["192.0.2.1"] }),
  ];
  const after = [
    face("a"),
    face("b", { carrier: false }),
    face("c", { addresses: [] }),
    face("d"),
    face("e", { index: 7 }),
    face("f", { routers: ["192.0.2.14"] }),
  ];
  expect(interfaceChanges(before, after)).toEqual({ came: ["d"], lost: ["b"], changed: ["c", "e", "f"] });
  expect(interfaceChanges(before, before)).toEqual({ came: [], lost: [], changed: [] });
});

describe("the interface monitor", () => {
  let running: InterfaceMonitor | undefined;
  afterEach(() => running?.stop());

  /** With interfaces that the test sets, in virtual time; lines come from the test. */
  async function started(first: HostInterface[]) {
    const time = new VirtualTime();
    const state = { now: first, reads: 0 };
    const told: (string | InterfaceChanges)[] = [];
    const { log, lines } = capturedLog();
    const monitor = new InterfaceMonitor({
      runFolder: scratch(),
      log,
      timers: time,
      lost: (name) => told.push(`lost ${name}`),
      changed: (_, changes) => told.push(changes),
      read: async () => {
        state.reads += 1;
        return state.now;
      },
    });
    running = monitor;
    await monitor.start();
    return { time, state, told, monitor, lines };
  }

  test("tells a pulled wire before it has read anything, once, and then what it reads", async () => {
    const { time, state, told, monitor } = await started([face("eth0")]);
    state.now = [face("eth0", { carrier: false })];
    monitor.take(PULLED);
    monitor.take(PULLED);
    expect(told).toEqual(["lost eth0"]);
    await time.advanceAsync(20);
    expect(told).toEqual(["lost eth0", { came: [], lost: ["eth0"], changed: [] }]);
    expect(monitor.current()).toEqual(state.now);
  });

  test("tells that a wire is back which was gone too shortly to be seen", async () => {
    const { time, told, monitor } = await started([face("eth0")]);
    monitor.take(PULLED);
    monitor.take(BACK);
    await time.advanceAsync(20);
    expect(told).toEqual(["lost eth0", { came: ["eth0"], lost: [], changed: [] }]);
  });

  test("reads once for a burst of lines", async () => {
    const { time, state, monitor } = await started([face("eth0")]);
    for (let count = 0; count < 100; count += 1) monitor.take(BACK);
    await time.advanceAsync(25);
    expect(state.reads).toBe(2);
  });

  test("finds by itself what no line told, within half a minute", async () => {
    const { time, state, told } = await started([face("eth0")]);
    await time.advanceAsync(2_000);
    state.now = [face("eth0", { addresses: ["192.0.2.9/24"] })];
    await time.advanceAsync(30_000);
    expect(told).toEqual([{ came: [], lost: [], changed: ["eth0"] }]);
  });

  test("goes on when the interfaces cannot be read, and says so", async () => {
    const { time, state, told, monitor, lines } = await started([face("eth0")]);
    const read = state.now;
    Object.defineProperty(state, "now", {
      get: () => {
        throw new Error("no memory");
      },
      configurable: true,
    });
    monitor.take(BACK);
    await time.advanceAsync(20);
    expect(lines.some(({ msg }) => msg.includes("cannot be read"))).toBe(true);
    Object.defineProperty(state, "now", { value: [...read, face("eth1")] });
    monitor.take(BACK);
    await time.advanceAsync(20);
    expect(told).toEqual([{ came: ["eth1"], lost: [], changed: [] }]);
  });
});
