import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { peerIdOf } from "../../src/mesh/engine/peer-id.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import type { DiscoveryBoxConfig } from "./discovery-box.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { flatNetwork, type Segment } from "./nat-router.ts";

interface Event {
  event: "started" | "sighted" | "gone" | "lost" | "changed";
  atMs: number;
  network?: string;
  peer?: string;
  addresses?: string[];
  udpPort?: number;
  interface?: string;
  name?: string;
  changes?: { came: string[]; lost: string[]; changed: string[] };
}

const RED = "11".repeat(32);
const BLUE = "22".repeat(32);
const key = (number: number) => number.toString(16).padStart(2, "0").repeat(32);
const peer = (number: number) => peerIdOf(Uint8Array.from(Buffer.from(key(number), "hex")));

describeNeeding(LAB_NEEDS, "Local discovery", () => {
  const lab = new Lab("disc");
  let one: LabHost;
  let two: LabHost;
  let switchHost: LabHost;
  let lan: Segment;
  let boxes: LabProcess[] = [];
  let started = 0;

  const box = (
    host: LabHost,
    number: number,
    more: Partial<DiscoveryBoxConfig> & { sharedKeys?: string[] } = {},
  ): LabProcess => {
    const { sharedKeys = [RED], ...rest } = more;
    const config: DiscoveryBoxConfig = {
      networks: [{ id: "red", publicKey: key(number), sharedKeys, port: 4000 + number * 10 }],
      runFolder: join(lab.folder, `box-${started++}`),
      ...rest,
    };
    const child = host.spawn([
      process.execPath,
      join(import.meta.dir, "discovery-box.ts"),
      JSON.stringify(config),
    ]);
    boxes.push(child);
    return child;
  };
  const events = (process: LabProcess): Event[] =>
    process
      .output()
      .split("\n")
      .filter((line) => line.startsWith('{"event"'))
      .map((line) => JSON.parse(line) as Event);
  const awaitEvent = (
    process: LabProcess,
    what: string,
    matches: (event: Event) => boolean,
    timeoutMs = 10_000,
  ) => until(what, () => events(process).find(matches), timeoutMs);
  const sees = (process: LabProcess, number: number, by = "eth0") =>
    awaitEvent(
      process,
      `box ${number} by ${by}`,
      (event) => event.event === "sighted" && event.peer === peer(number) && event.interface === by,
    );

  beforeAll(async () => {
    await lab.open();
    switchHost = await lab.host("switch");
    lan = await flatNetwork(lab, switchHost);
    [one, two] = [await lab.host("one"), await lab.host("two")];
    await Promise.all([one, two].map(asBox));
    await lan.plug(one, "eth0", "192.0.2.1");
    await lan.plug(two, "eth0", "192.0.2.2");
  });
  afterEach(async () => {
    await Promise.all(boxes.map((process) => process.stop()));
    boxes = [];
  });
  afterAll(() => lab.close());

  test("two boxes on a cable find each other within two seconds, without a default route, link-local addresses first", async () => {
    const [first, second] = [box(one, 1), box(two, 2)];
    const sighting = await sees(first, 2);
    await sees(second, 1);
    const begun = Math.max(
      ...[...events(first), ...events(second)]
        .filter(({ event }) => event === "started")
        .map(({ atMs }) => atMs),
    );
    expect(sighting.atMs - begun).toBeLessThan(2_000);
    // An IPv6 address is announced once the kernel knows that nobody else has it (RFC 4862), a second or two after the cable.
    const isLinkLocal = /^\/ip6zone\/eth0\/ip6\/fe80::[0-9a-f:]+\/tcp\/4020$/;
    const whole = await awaitEvent(
      first,
      "the link-local address",
      ({ event, addresses }) => event === "sighted" && isLinkLocal.test(addresses?.[0] ?? ""),
    );
    expect(whole.addresses).toContain("/ip4/192.0.2.2/tcp/4020");
    expect(whole.addresses).toContain("/ip4/192.0.2.2/tcp/4021/ws");
    expect(whole.udpPort).toBe(4022);
  });

  test("two boxes of different networks never hear of each other, and a box with an old key hears one that has it still", async () => {
    const red = box(one, 1, { sharedKeys: [BLUE, RED] });
    const blue = box(two, 2, { sharedKeys: ["33".repeat(32)] });
    const old = box(two, 3, { sharedKeys: [RED, BLUE] });
    await sees(red, 3);
    await sees(old, 1);
    expect(events(red).filter((event) => event.event === "sighted" && event.peer === peer(2))).toEqual([]);
    expect(events(blue).filter(({ event }) => event === "sighted")).toEqual([]);
  });

  test("a box that stops says goodbye", async () => {
    const [first, second] = [box(one, 1), box(two, 2)];
    await sees(first, 2);
    const stoppedMs = Date.now();
    await second.stop();
    const gone = await awaitEvent(first, "the goodbye", ({ event }) => event === "gone");
    expect(gone.peer).toBe(peer(2));
    expect(gone.atMs - stoppedMs).toBeLessThan(1_000);
  });

  test("a box whose wire is pulled forgets who was there within a quarter of a second, and finds them again when it is back", async () => {
    const [first, second] = [box(one, 1), box(two, 2)];
    await sees(first, 2);
    await sees(second, 1);
    const port =
      (await switchHost.run(["ls", "/sys/class/net"])).split("\n").find((name) => name.endsWith("p0")) ?? "";
    const pulledMs = Date.now();
    await switchHost.run(["ip", "link", "set", port, "down"]);
    const lost = await awaitEvent(first, "the loss", ({ event }) => event === "lost");
    const gone = await awaitEvent(first, "box 2 to be gone", ({ event }) => event === "gone");
    expect([lost.name, gone.peer]).toEqual(["eth0", peer(2)]);
    expect(lost.atMs - pulledMs).toBeLessThan(100);
    expect(gone.atMs - pulledMs).toBeLessThan(250);
    const backMs = Date.now();
    await switchHost.run(["ip", "link", "set", port, "up"]);
    const again = await awaitEvent(
      first,
      "box 2 again",
      (event) => event.event === "sighted" && event.peer === peer(2) && event.atMs >= backMs,
    );
    expect(again.atMs - backMs).toBeLessThan(3_000);
  });

  test("boxes without any IPv4 address find each other by IPv6 link-local addresses, also when the interface comes late", async () => {
    const three = await lab.host("three");
    await asBox(three);
    const late = box(three, 3);
    const here = box(one, 1);
    await awaitEvent(late, "the start", ({ event }) => event === "started");
    await lan.plug(three, "eth5", "192.0.2.3", { metric: null });
    await three.run(["ip", "addr", "del", "192.0.2.3/24", "dev", "eth5"]);
    await sees(late, 1, "eth5");
    const seen = await sees(here, 3);
    expect(
      seen.addresses?.every(
        (address) => address.startsWith("/ip6zone/eth0/ip6/fe80:") || address.includes("192.0.2.3"),
      ),
    ).toBe(true);
  });

  test("an address that changes is told within a second", async () => {
    const [first, second] = [box(one, 1), box(two, 2)];
    await sees(first, 2);
    await sees(second, 1);
    const changedMs = Date.now();
    await two.run(["ip", "addr", "add", "192.0.2.202/24", "dev", "eth0"]);
    const told = await awaitEvent(
      first,
      "the new address",
      ({ event, addresses }) =>
        event === "sighted" && addresses?.includes("/ip4/192.0.2.202/tcp/4020") === true,
    );
    expect(told.atMs - changedMs).toBeLessThan(1_000);
    await two.run(["ip", "addr", "del", "192.0.2.202/24", "dev", "eth0"]);
  });

  test("two boxes on one machine find each other by the loopback interface when asked to, sharing the port", async () => {
    const alone = await lab.host("alone");
    const first = box(alone, 1, { loopback: true });
    const second = box(alone, 2, { loopback: true });
    const sighting = await sees(first, 2, "lo");
    await sees(second, 1, "lo");
    expect(sighting.addresses).toEqual(["/ip4/127.0.0.1/tcp/4020", "/ip4/127.0.0.1/tcp/4021/ws"]);
    const silent = box(alone, 3);
    await awaitEvent(silent, "the start", ({ event }) => event === "started");
    await Bun.sleep(1_500);
    expect(events(silent).filter(({ event }) => event === "sighted")).toEqual([]);
  });

  test("interfaces that are excluded carry nothing, and neighbours on different ones are told apart", async () => {
    const far = await lab.host("far");
    await asBox(far);
    await lab.cable(one, "eth1", far, "eth0");
    await lab.cable(one, "guests", two, "guests");
    for (const host of [one, far]) await host.run(["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"]);
    const middle = box(one, 1, { exclude: ["guests"] });
    const onLan = box(two, 2);
    const onCable = box(far, 3);
    await sees(middle, 2, "eth0");
    await sees(middle, 3, "eth1");
    await sees(onLan, 1);
    await sees(onCable, 1);
    const seen = events(middle).filter(({ event }) => event === "sighted");
    expect(new Set(seen.map((event) => `${event.peer} ${event.interface}`))).toEqual(
      new Set([`${peer(2)} eth0`, `${peer(3)} eth1`]),
    );
    expect(new Set(seen.map(({ addresses }) => addresses?.some((text) => text.includes("guests"))))).toEqual(
      new Set([false]),
    );
    expect(
      events(onLan).filter((event) => event.event === "sighted" && event.interface === "guests"),
    ).toEqual([]);
  });

  test("an outsider on the link reads neither peer ids nor ports nor keys, and hears nothing of use when it asks", async () => {
    const [first, second] = [box(one, 1), box(two, 2)];
    const dump = switchHost.spawn([
      "tcpdump",
      "-i",
      "lan",
      "-l",
      "-s",
      "0",
      "-X",
      "-n",
      "udp",
      "port",
      "5353",
    ]);
    await until("tcpdump", () => dump.output().includes("listening"));
    await Promise.all([sees(first, 2), sees(second, 1)]);
    await Bun.sleep(500);
    const hex = dump
      .output()
      .split("\n")
      .flatMap(
        (line) => /^\s+0x[0-9a-f]+:\s+((?:[0-9a-f]{2,4} ?)+)/.exec(line)?.[1]?.replaceAll(" ", "") ?? [],
      )
      .join("");
    expect(hex).toContain(Buffer.from("_omerta-box").toString("hex"));
    for (const secret of [key(1), key(2), RED, Buffer.from(peer(1)).toString("hex")]) {
      expect(hex).not.toContain(secret.slice(0, 16));
    }
    await dump.stop();
  });
});
