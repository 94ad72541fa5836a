import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { traffic as trafficConfig } from "../../src/config/traffic-schema.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Traffic, type TrafficOptions } from "../../src/mesh/traffic/traffic.ts";
import { assuredKbit, TRAFFIC_CLASSES, type TrafficClass } from "../../src/mesh/traffic/traffic-class.ts";
import { type PlannedFlow, relayRuleset } from "../../src/mesh/tunnels/relay-ruleset.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { flood, pour, row, Sinks, timeDatagrams } from "./traffic-load.ts";

const LINE_KBIT = 2_000;
/** A little less than the line: queues are to form in the box, not in the modem. */
const SHAPED_KBIT = 1_900;
const FAR = "192.0.2.2";
const PORTS = { control: [4600], messages: [4600], bulk: [4700] };
/** TCP ports at the far end, one a class. */
const SINK = { messages: 4600, services: 9100, guests: 9200, vm: 9300, bulk: 4700 };
const { shares } = trafficConfig.parse({});

describeNeeding(LAB_NEEDS, "Traffic classes on a line of 2 Mbit/s", () => {
  const lab = new Lab("traffic");
  let box: LabHost;
  let far: LabHost;
  let guest: LabHost;
  let machine: LabHost;
  let sinks: Sinks;
  let traffic: Traffic | undefined;
  const pours: (() => void)[] = [];

  beforeAll(async () => {
    await lab.open();
    [box, far, guest, machine] = [
      await lab.host("box"),
      await lab.host("far"),
      await lab.host("guest"),
      await lab.host("vm"),
    ];
    const modem = await lab.host("modem");
    await lab.cable(box, "wan0", modem, "in");
    await lab.cable(modem, "out", far, "eth0");
    await lab.cable(guest, "eth0", box, "port0");
    await lab.cable(machine, "eth0", box, "vm0");
    await modem.run([
      "sh",
      "-ec",
      "ip link add br0 up type bridge; ip link set in master br0; ip link set out master br0",
    ]);
    // What a cheap modem does: a line's rate, and a quarter of a second of buffer in front of it. (TBF lets one packet
    // go at once where a line would take up to 6 ms for it.)
    await modem.run([
      "tc",
      "qdisc",
      "add",
      "dev",
      "out",
      "root",
      "tbf",
      "rate",
      `${LINE_KBIT}kbit`,
      "burst",
      "1600",
      "limit",
      "64000",
    ]);
    await box.run(["sh", "-ec", "ip link add br-guest up type bridge; ip link set port0 master br-guest"]);
    const addresses: [LabHost, string, string][] = [
      [box, "192.0.2.1/24", "wan0"],
      [box, "10.77.0.1/24", "br-guest"],
      [box, "10.78.0.1/24", "vm0"],
      [far, `${FAR}/24`, "eth0"],
      [guest, "10.77.0.2/24", "eth0"],
      [machine, "10.78.0.2/24", "eth0"],
    ];
    for (const [host, address, device] of addresses) {
      await host.run(["ip", "addr", "add", address, "dev", device]);
    }
    await asBox(box);
    await box.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await guest.run(["ip", "route", "add", "default", "via", "10.77.0.1"]);
    await machine.run(["ip", "route", "add", "default", "via", "10.78.0.1"]);
    await far.run(["ip", "route", "add", "10.76.0.0/14", "via", "192.0.2.1"]);
    sinks = new Sinks(far);
    for (const port of Object.values(SINK)) sinks.listen(port);
  });
  afterEach(async () => {
    for (const end of pours.splice(0)) end();
    await traffic?.stop();
    traffic = undefined;
  });
  afterAll(async () => {
    sinks.close();
    await lab.close();
  });

  const start = async (more: Partial<TrafficOptions> = {}, upKbit: number | null = SHAPED_KBIT) => {
    traffic = new Traffic({
      ...{ shares, prefer: "auto", ports: PORTS, guestBridge: "br-guest", vmInterfaces: ["vm0"] },
      ...{ timers: systemTimers, log: createLog({ level: "error" }) },
      run: (command, options) => box.tryRun(command, options),
      ...more,
    });
    await traffic.start();
    await traffic.refresh([{ name: "wan0", ...(upKbit === null ? {} : { upKbit }) }]);
    return traffic;
  };
  const saturate = async (...names: (keyof typeof SINK)[]) => {
    const from = { messages: box, services: box, bulk: box, guests: guest, vm: machine };
    for (const name of names) pours.push(await pour(from[name], FAR, SINK[name], 2));
  };
  const control = (forMs: number, everyMs = 20) =>
    timeDatagrams({ host: box, port: 4600 }, { host: far, address: FAR, port: 4600 }, { everyMs, forMs });
  const sentBy = async (part: Traffic): Promise<Record<TrafficClass, number>> => {
    const classes = (await part.status()).links[0]?.classes ?? {};
    const of = (name: TrafficClass) => classes[name]?.bytes ?? 0;
    return Object.fromEntries(TRAFFIC_CLASSES.map((name) => [name, of(name)])) as Record<
      TrafficClass,
      number
    >;
  };
  /** Kilobits a second by class over a while. */
  const measure = async (part: Traffic, forMs: number) => {
    const [before, from] = [await sentBy(part), performance.now()];
    await Bun.sleep(forMs);
    const [after, took] = [await sentBy(part), performance.now() - from];
    return Object.fromEntries(
      TRAFFIC_CLASSES.map((name) => [name, ((after[name] - before[name]) * 8) / took]),
    ) as Record<TrafficClass, number>;
  };

  test("control passes within milliseconds while bulk and guests saturate the line", async () => {
    const overload = async () => {
      await saturate("bulk", "guests");
      // A guest whose video call does not heed what is lost.
      pours.push(await flood(guest, FAR, 9999, 1_500));
      await Bun.sleep(3_000);
    };
    await overload();
    const without = await control(6_000);
    for (const end of pours.splice(0)) end();
    await Bun.sleep(1_000);
    await start();
    await overload();
    const shaped = await control(6_000);
    console.log(`      ${row("control datagrams, 50 a second", "p50 ms", "p99 ms", "worst ms", "lost %")}`);
    for (const [name, figures] of [
      ["as the kernel queues", without],
      ["with traffic classes", shaped],
    ] as const) {
      const lost = (100 * (figures.sent - figures.received)) / figures.sent;
      console.log(
        `      ${row(name, figures.p50.toFixed(1), figures.p99.toFixed(1), figures.worst.toFixed(1), lost.toFixed(1))}`,
      );
    }
    expect(shaped.received).toBe(shaped.sent);
    expect(shaped.p99).toBeLessThan(40);
    // The control of the test: the line is one on which control would have waited.
    expect(without.p50).toBeGreaterThan(80);
  });

  test("when all are busy each class has its share, to 10 %", async () => {
    const part = await start();
    await saturate("messages", "services", "guests", "vm", "bulk");
    // 242 bytes on the wire every 4 ms are 484 kbit/s: more than the share of control.
    const urgent = timeDatagrams(
      { host: box, port: 4600 },
      { host: far, address: FAR, port: 4600 },
      { everyMs: 4, forMs: 16_000 },
    );
    await Bun.sleep(5_000);
    const kbit = await measure(part, 10_000);
    await urgent;
    const assured = assuredKbit(shares, SHAPED_KBIT);
    console.log(`      ${row("all classes busy", "share kbit/s", "got kbit/s", "of share %")}`);
    for (const name of TRAFFIC_CLASSES) {
      const got = kbit[name];
      console.log(
        `      ${row(name, assured[name], got.toFixed(0), ((100 * got) / assured[name]).toFixed(1))}`,
      );
    }
    for (const name of TRAFFIC_CLASSES) {
      expect(kbit[name] / assured[name], name).toBeGreaterThan(0.9);
      expect(kbit[name] / assured[name], name).toBeLessThan(1.1);
    }
  });

  test("what others leave idle is borrowed, whole", async () => {
    const part = await start();
    await saturate("bulk");
    await Bun.sleep(2_500);
    const alone = await measure(part, 4_000);
    await saturate("guests");
    await Bun.sleep(2_500);
    const two = await measure(part, 5_000);
    console.log(`      ${row("kbit/s", "bulk", "guests")}`);
    console.log(`      ${row("bulk alone", alone.bulk.toFixed(0), alone.guests.toFixed(0))}`);
    console.log(`      ${row("guests come", two.bulk.toFixed(0), two.guests.toFixed(0))}`);
    expect(alone.bulk).toBeGreaterThan(SHAPED_KBIT * 0.9);
    expect(two.bulk + two.guests).toBeGreaterThan(SHAPED_KBIT * 0.9);
    expect(two.guests).toBeGreaterThan(assuredKbit(shares, SHAPED_KBIT).guests * 0.9);
    expect(two.guests).toBeGreaterThan(two.bulk * 2);
  });

  test("a tunnel's port is heeded from the moment that it is told, and nothing else changes", async () => {
    const part = await start();
    const through = async (port: number) => {
      const before = (await part.status()).sent;
      await timeDatagrams(
        { host: box, port },
        { host: far, address: FAR, port: 5_555 },
        { everyMs: 10, forMs: 200 },
      );
      const after = (await part.status()).sent;
      return TRAFFIC_CLASSES.filter((name) => after[name] - before[name] > 2_000);
    };
    expect(await through(51_820)).toEqual(["services"]);
    const handles = await box.run(["nft", "-a", "list", "chain", "inet", "omerta_traffic", "out"]);
    await part.setTunnelPorts([51_820, 51_821]);
    expect(await through(51_820)).toEqual(["vm"]);
    expect(await box.run(["nft", "-a", "list", "chain", "inet", "omerta_traffic", "out"])).toBe(handles);
    await part.setTunnelPorts([]);
    expect(await through(51_820)).toEqual(["services"]);
  });

  test("what is relayed for others is the machines' class, though no connection is tracked for it", async () => {
    const part = await start();
    const none = { packets: 0, bytes: 0 };
    const flow: PlannedFlow = {
      ...{ slot: 0, family: 4, ports: { a: 28_001, b: 28_002 }, counted: { a: none, b: none } },
      ends: {
        a: { remote: { address: "10.78.0.2", port: 1_000 }, local: "10.78.0.1" },
        b: { remote: { address: FAR, port: 1_001 }, local: "192.0.2.1" },
      },
    };
    const nftables = relayRuleset("omerta_relay_lab", [flow], { kbitEach: 4_000, kbitTotal: 20_000 }, []);
    await box.run(["nft", "-j", "-f", "-"], { input: JSON.stringify({ nftables }) });
    // From an interface that is no machine's for the marks: by the relay alone it is to be known.
    await part.stop();
    const relaying = await start({ vmInterfaces: [] });
    const before = (await relaying.status()).sent;
    const data = Buffer.concat([Buffer.from([4, 0, 0, 0]), Buffer.alloc(996)]);
    const socket = await withNetworkOf(machine, () =>
      Bun.udpSocket({ port: 1_000, socket: { data() {}, error() {} } }),
    );
    for (let count = 0; count < 20; count += 1) socket.send(data, 28_001, "10.78.0.1");
    await until("all of it to be relayed", async () => {
      const after = (await relaying.status()).sent;
      return after.vm - before.vm >= 20 * 1_000;
    });
    expect((await relaying.status()).sent.services - before.services).toBeLessThan(2_000);
    socket.close();
    await box.run(["nft", "delete", "table", "inet", "omerta_relay_lab"]);
  });

  test("a rate that changes is taken on in place: what waits is kept", async () => {
    const part = await start();
    await saturate("bulk");
    await Bun.sleep(2_000);
    const before = await sentBy(part);
    await part.refresh([{ name: "wan0", upKbit: 800 }]);
    expect((await sentBy(part)).bulk).toBeGreaterThanOrEqual(before.bulk);
    await Bun.sleep(1_000);
    const kbit = await measure(part, 3_000);
    expect(kbit.bulk).toBeGreaterThan(700);
    expect(kbit.bulk).toBeLessThan(880);
  });

  test("what somebody else undoes is put back, on an interface that returns as well", async () => {
    const part = await start();
    const roots = () => box.run(["tc", "qdisc", "show", "dev", "wan0", "root"]);
    const links = [
      { name: "wan0", upKbit: SHAPED_KBIT },
      { name: "usb0", upKbit: 500 },
    ];
    await box.run(["tc", "qdisc", "del", "dev", "wan0", "root"]);
    await box.run(["nft", "delete", "table", "inet", "omerta_traffic"]);
    await part.refresh(links);
    expect(await roots()).toContain("htb 1:");
    expect(await box.run(["nft", "list", "tables"])).toContain("omerta_traffic");
    expect((await part.status()).links.map((link) => link.state)).toEqual(["queued", "absent"]);
    await box.run(["ip", "link", "add", "usb0", "type", "veth", "peer", "name", "usb1"]);
    await part.refresh(links);
    expect((await part.status()).links.map((link) => link.state)).toEqual(["queued", "queued"]);
    await box.run(["ip", "link", "del", "usb0"]);
  });

  test("takes up what a killed one left, without a break", async () => {
    const first = await start();
    await saturate("bulk");
    await Bun.sleep(1_500);
    const before = await sentBy(first);
    const second = await start();
    expect((await sentBy(second)).bulk).toBeGreaterThanOrEqual(before.bulk);
    expect(second.trouble()).toBeUndefined();
    await first.stop();
  });

  test("leaves a queue that somebody else has set as it is, and says so", async () => {
    const theirs = ["tbf", "rate", "5mbit", "burst", "3000", "limit", "60000"];
    await box.run(["tc", "qdisc", "add", "dev", "wan0", "root", "handle", "77:", ...theirs]);
    const part = await start();
    expect(part.trouble()).toContain("wan0: queued by somebody else (tbf 77:)");
    await part.stop();
    expect(await box.run(["tc", "qdisc", "show", "dev", "wan0", "root"])).toContain("tbf 77:");
    await box.run(["tc", "qdisc", "del", "dev", "wan0", "root"]);
  });

  test("everything is as before once it has stopped", async () => {
    const before = await box.run(["tc", "qdisc", "show"]);
    const part = await start();
    expect(await box.run(["tc", "qdisc", "show"])).not.toBe(before);
    await part.stop();
    expect(await box.run(["tc", "qdisc", "show"])).toBe(before);
    expect(await box.run(["nft", "list", "tables"])).not.toContain("omerta_traffic");
    expect(await box.run(["ip", "-br", "link"])).not.toContain("omt-probe");
  });

  test("guests share what is theirs by the gateway's marks, each a class of his own", async () => {
    const guestClasses = ["1:11", "1:12"];
    const part = await start();
    await part.refresh([{ name: "wan0", upKbit: SHAPED_KBIT, guestClasses }]);
    // As the gateway's firewall does it, by the guest's own address; here by port.
    await box.run(["nft", "-f", "-"], {
      input: `table inet lab_gateway {
        chain forward {
          type filter hook forward priority 0;
          tcp dport ${SINK.guests} meta priority set 1:11
          tcp dport ${SINK.vm} meta priority set 1:12
        }
      }
      `,
    });
    pours.push(await pour(guest, FAR, SINK.guests, 1), await pour(guest, FAR, SINK.vm, 8));
    await saturate("bulk", "services", "messages");
    await Bun.sleep(4_000);
    const before = [sinks.of(SINK.guests), sinks.of(SINK.vm)];
    await Bun.sleep(6_000);
    const [one = 0, eight = 0] = [SINK.guests, SINK.vm].map(
      (port, index) => sinks.of(port) - (before[index] ?? 0),
    );
    console.log(`      ${row("two guests, KiB in 6 s", "1 conn.", "8 conn.")}`);
    console.log(`      ${row("", Math.round(one / 1024), Math.round(eight / 1024))}`);
    await box.run(["nft", "delete", "table", "inet", "lab_gateway"]);
    expect(eight / one).toBeLessThan(1.3);
    expect(eight / one).toBeGreaterThan(0.77);
    expect((await sentBy(part)).guests).toBeGreaterThan(one + eight);
  });

  test("without a rate the urgent goes first where the device itself holds back", async () => {
    const part = await start({}, null);
    expect((await part.status()).links[0]?.mode).toBe("bands");
    // A slow device in the place of this fast one: it asks the queue for the next packet when it can send it.
    await box.run(["tc", "qdisc", "del", "dev", "wan0", "root"]);
    const slow = ["handle", "1:", "tbf", "rate", "1500kbit", "burst", "2000", "limit", "100000"];
    await box.run(["tc", "qdisc", "add", "dev", "wan0", "root", ...slow]);
    const figures = [];
    for (const queue of ["pfifo", "pfifo_fast"]) {
      await box.run([
        "tc",
        "qdisc",
        "replace",
        "dev",
        "wan0",
        "parent",
        "1:",
        ...(queue === "pfifo" ? [queue, "limit", "60"] : [queue]),
      ]);
      await saturate("bulk", "guests");
      await Bun.sleep(2_500);
      figures.push(await control(3_000));
      for (const end of pours.splice(0)) end();
      await Bun.sleep(1_000);
    }
    await box.run(["tc", "qdisc", "del", "dev", "wan0", "root"]);
    const [one, bands] = figures;
    console.log(`      ${row("a slow device, control", "p50 ms", "p99 ms")}`);
    console.log(`      ${row("one queue", one?.p50.toFixed(1) ?? "", one?.p99.toFixed(1) ?? "")}`);
    console.log(`      ${row("bands", bands?.p50.toFixed(1) ?? "", bands?.p99.toFixed(1) ?? "")}`);
    expect(bands?.p99).toBeLessThan((one?.p50 ?? 0) / 2);
  });
});
