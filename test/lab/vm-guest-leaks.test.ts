import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "../../src/host/run.ts";
import { GUEST_LINK, leaseNames } from "../../src/vm/guest-link.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { CASES_ELSEWHERE } from "./vm-cases-elsewhere.ts";
import { ADDRESSES } from "./vm-egress-lab.ts";
import { tcpFrame, udpFrame } from "./vm-frames.ts";
import { INWARD_CASES, LEAK_CASES, type LeakCase, markOf } from "./vm-leak-cases.ts";
import { countedWrong, hasMark, isCounted } from "./vm-leak-verdicts.ts";
import { LENDING_NEEDS, LendingBox } from "./vm-lending-box.ts";
import { LentGuest } from "./vm-lent-guest.ts";
import { HOST, type Home, makeHome, set } from "./vm-requester.ts";
import { Sniffer } from "./vm-sniffer.ts";

const NEEDS = [
  ...LENDING_NEEDS,
  ...(["program:dnsmasq", "program:tcpdump", "program:curl", "program:gcc"] as const),
  ...(["program:ssh", "program:ssh-keygen"] as const),
] as const;

/**
 * How the tunnel is while all is tried, in this order. That it has not come up yet is not among them, as nobody is root
 * in a machine before: what its kernel sends until then is looked at by itself.
 */
const STATES = ["connected", "unreachable", "peer gone", "tunnel gone", "rules gone"] as const;
type State = (typeof STATES)[number];

/** What root has in the machine besides raw frames; they must fail. */
const TOOLS = [
  ["a page of the metadata service", "nc -w 1 169.254.169.254 80 </dev/null"],
  ["a page of the box's", `nc -w 1 ${HOST} 8080 </dev/null`],
  ["a page of the box's by its LAN", `nc -w 1 ${ADDRESSES.boxOnLan} 8080 </dev/null`],
  ["a connection to the LAN", `nc -w 1 ${ADDRESSES.lanHost} 22 </dev/null`],
  ["a ping to the LAN", `ping -c 1 -W 1 ${ADDRESSES.lanHost}`],
  ["a name from the gateway", `timeout 2 nslookup omerta.test ${GUEST_LINK.gatewayAddress} | grep Name:`],
  ["a name from the LAN", `timeout 2 nslookup omerta.test ${ADDRESSES.lanHost} | grep Name:`],
  ["ARP for a neighbour", "arping -c 1 -w 1 -I eth0 10.0.2.33"],
  ["an address by DHCP", "udhcpc -n -q -t 1 -T 1 -i eth0 -s /bin/true"],
  [
    "another address of its own",
    `ip addr add 192.168.77.9/24 dev eth0; ping -c 1 -W 1 -I 192.168.77.9 ${ADDRESSES.lanHost}; r=$?; ip addr del 192.168.77.9/24 dev eth0; (exit $r)`,
  ],
] as const;

describeNeeding(NEEDS, "What root in a lent virtual machine tries besides its tunnel", () => {
  const lab = new Lab("vmgl");
  const file = (name: string) => join(lab.folder, name);
  let home: Home;
  let lan: LabHost;
  let box: LendingBox;
  let guest: LentGuest;
  let other: LentGuest;
  let portal: { stop(now: boolean): unknown } | undefined;
  /** Where nothing of a machine's may be seen, from before there is one. */
  let outside: Sniffer[] = [];
  let otherLink: Sniffer;
  let carried: Sniffer;
  let carriedBy = "";
  /** Case, then state: what was wrong, or "". */
  const verdicts = new Map<string, Map<State, string>>();
  const toldAfterMs = new Map<string, number>();

  const cases: LeakCase[] = [
    ...LEAK_CASES,
    ...([9, 22] as const).map(
      (port): LeakCase => ({
        name: `the other machine in the tunnel, port ${port}`,
        fate: "tunnel",
        frames: (mark) => [(port === 22 ? tcpFrame : udpFrame)(other?.address ?? "10.0.0.1", port, mark)],
      }),
    ),
  ];

  const feed = async (host: LabHost, device: string, frames: readonly Uint8Array[]): Promise<void> => {
    const sender = join(import.meta.dir, "vm-frame-sender.ts");
    const hex = frames.map((frame) => Buffer.from(frame).toString("hex"));
    await host.run([process.execPath, sender, device, ...hex], { timeoutMs: 60_000 });
  };
  const hasPortal = async (): Promise<number> => {
    const beganMs = performance.now();
    const text = await lan.run(["curl", "-s", "-m", "20", `http://${ADDRESSES.boxOnLan}:8080/`], {
      timeoutMs: 30_000,
    });
    expect(text).toBe("portal");
    return performance.now() - beganMs;
  };
  /** Something that does pass each of these interfaces: whoever has seen it was listening all the time. */
  const passEverywhere = async (text: string): Promise<void> => {
    const frame = udpFrame("192.0.2.1", 9, text);
    await feed(home.host, "eth0", [frame]);
    await feed(home.host, "lan0", [frame]);
    await feed(other.namespace, other.tap, [frame]);
    for (const wire of [...outside, otherLink])
      await until(`${text} on ${wire.name}`, () => wire.has(text), 30_000);
  };

  beforeAll(async () => {
    await lab.open();
    home = await makeHome(lab);
    lan = await lab.host("neighbour");
    await lab.cable(home.host, "lan0", lan, "eth0");
    await set(home.host, `address add ${ADDRESSES.boxOnLan}/24 dev lan0`);
    await set(lan, `address add ${ADDRESSES.lanHost}/24 dev eth0`);
    await set(home.internet, `address add ${ADDRESSES.beyond}/32 dev lo`, "address add 9.9.9.9/32 dev lo");
    await home.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    portal = withNetworkOf(home.host, () =>
      Bun.serve({ hostname: "0.0.0.0", port: 8_080, fetch: () => new Response("portal") }),
    );
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file("key")]);
    const source = join(import.meta.dir, "vm-guest-sender.c");
    await run(["gcc", "-Wall", "-Os", "-static", "-s", "-o", file("sender"), source], { timeoutMs: 120_000 });
    box = await LendingBox.make(lab, home.host, HOST, {
      forbidden: ["198.51.100.0/24", "192.168.77.0/24"],
      // All is to be tried by one machine.
      punishment: { usually: "log", offences: {}, escalation: [] },
    });
    await box.start();
    outside = await Promise.all([
      Sniffer.listen("uplink", home.internet, "eth1"),
      Sniffer.listen("LAN", lan, "eth0"),
      Sniffer.listen("box", home.host, "any"),
    ]);
    const lend = (name: string) => LentGuest.lend(home, name, file("key"), box);
    [guest, other] = await Promise.all([lend("state-1"), lend("state-2")]);
    otherLink = await Sniffer.listen("other machine", other.namespace, other.tap);
    carriedBy = await guest.requesterDevice();
    carried = await Sniffer.listen("tunnel", home.requester, carriedBy);
    for (const one of [guest, other]) await one.takeOrders(readFileSync(file("sender")));
  }, 900_000);
  afterAll(async () => {
    report();
    portal?.stop(true);
    await guest?.release();
    await other?.release();
    await box?.stop();
    await lab.close();
  }, 120_000);

  test("sends nothing past its tunnel from its first millisecond until it answers", async () => {
    const own = Buffer.from(GUEST_LINK.guestMacAddress.replaceAll(":", ""), "hex");
    for (const { lease, namespace } of [guest, other]) {
      const { tap } = leaseNames(lease);
      const received = await namespace.run(["cat", `/sys/class/net/${tap}/statistics/rx_packets`]);
      expect(Number(received)).toBeGreaterThan(0);
    }
    const seen = outside.filter((wire) => wire.bytes().includes(own)).map(({ name }) => name);
    expect(seen).toEqual([]);
  }, 60_000);

  test("the sniffers see each of these frames where it does leak", async () => {
    for (const device of ["eth0", "lan0"]) {
      const frames = cases.flatMap(({ name, frames }) => frames(markOf(name, `control ${device}`)));
      await feed(home.host, device, frames);
    }
    await passEverywhere("the end of the control");
    const seen = new Map(outside.map((wire) => [wire.name, wire.bytes()] as const));
    const missing = cases.filter(hasMark).flatMap(({ name }) =>
      (
        [
          ["uplink", "eth0"],
          ["LAN", "lan0"],
          ["box", "eth0"],
          ["box", "lan0"],
        ] as const
      )
        .filter(([wire, device]) => !seen.get(wire)?.includes(markOf(name, `control ${device}`)))
        .map(([wire]) => `${name} on ${wire}`),
    );
    expect(missing).toEqual([]);
    // And so the first test would have seen a machine's first frame.
    const own = Buffer.from(GUEST_LINK.guestMacAddress.replaceAll(":", ""), "hex");
    expect([...seen].filter(([, bytes]) => !bytes.includes(own))).toEqual([]);
  }, 120_000);

  test("fails by the programs that it has", async () => {
    const script = TOOLS.map(
      ([, command], index) => `if (${command}) >/dev/null 2>&1; then echo ${index} reached; fi`,
    ).join("\n");
    const before = await guest.traffic();
    const said = await guest.ssh(`${script}\necho tried all`);
    const { rogue } = await guest.traffic();
    expect(said.trim()).toBe("tried all");
    expect(rogue.destination - before.rogue.destination).toBeGreaterThanOrEqual(7);
    expect(rogue.arp - before.rogue.arp).toBeGreaterThanOrEqual(1);
    // What it asks again for a while is not to be taken for what is tried next.
    let last = "";
    await until(
      "it to be quiet",
      async () => {
        const earlier = last;
        last = JSON.stringify((await guest.traffic()).rogue);
        if (last !== earlier) await Bun.sleep(2_000);
        return last === earlier;
      },
      60_000,
    );
  }, 120_000);

  const enter: Record<State, () => Promise<void>> = {
    connected: async () => undefined,
    unreachable: async () => {
      await home.internet.run(["nft", "-f", "-"], {
        input: `table inet cut {
          chain forward {
            type filter hook forward priority 0; policy accept;
            meta l4proto udp drop
          }
        }
`,
      });
    },
    "peer gone": async () => {
      const peer = (await home.requester.run(["wg", "show", carriedBy, "peers"])).trim();
      guest.keepPeersAsTheyAre();
      await home.requester.run(["wg", "set", carriedBy, "peer", peer, "remove"]);
      await home.internet.run(["nft", "delete", "table", "inet", "cut"]);
    },
    "tunnel gone": async () => {
      const { tunnel } = leaseNames(guest.lease);
      const pids = (await run(["ip", "netns", "pids", home.host.name])).split("\n").filter(Boolean);
      for (const pid of pids) {
        const isIts = readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(
          `wireguard-go\0-f\0${tunnel}\0`,
        );
        if (isIts) process.kill(Number(pid), "SIGKILL");
      }
      await until(
        "the tunnel to go",
        async () => !(await guest.namespace.run(["ip", "-o", "link"])).includes(tunnel),
      );
    },
    // What is left then is that there is no other way.
    "rules gone": async () => {
      await guest.namespace.run(["nft", "flush", "ruleset"]);
    },
  };
  async function tryAll(state: State): Promise<void> {
    await enter[state]();
    const link = await Sniffer.listen("link", guest.namespace, guest.tap);
    const counted = new Map<string, string>();
    const hasRules = state !== "rules gone";
    let before = hasRules ? await guest.traffic() : undefined;
    for (const leak of cases) {
      const mark = markOf(leak.name, state);
      const frames = leak.frames(mark);
      const told = guest.events().length;
      const sentAtMs = Date.now();
      for (const frame of frames) await guest.order(frame);
      const marked = frames.filter((frame) => Buffer.from(frame).includes(mark)).length;
      await until(`${leak.name} to be tried`, () => times(link.bytes(), mark) >= marked, 20_000);
      if (!before) continue;
      let after = await guest.traffic();
      // One that cannot be looked for on the link may be on its way.
      if (countedWrong(leak, before, after) !== "") after = await Bun.sleep(200).then(() => guest.traffic());
      const wrong = countedWrong(leak, before, after);
      before = after;
      counted.set(leak.name, wrong);
      if (state !== "connected" || !isCounted(leak) || leak.fate === "noise" || wrong !== "") continue;
      const events = () => guest.events().slice(told);
      await until(
        `${leak.name} to be told`,
        () => events().reduce((sum, { packets }) => sum + packets, 0) >= frames.length,
        10_000,
      );
      if (events().some(({ offence }) => offence !== leak.fate)) counted.set(leak.name, "told as another");
      toldAfterMs.set(leak.name, Math.max(...events().map(({ atMs }) => atMs)) - sentAtMs);
    }
    await passEverywhere(`the end of ${state}`);
    const onLink = await link.stopAfter(markOf(cases.at(-1)?.name ?? "", state));
    const seen = outside.concat(otherLink).map((wire) => ({ name: wire.name, bytes: wire.bytes() }));
    const atRequester = carried.bytes();
    for (const leak of cases) {
      const { name, fate } = leak;
      const mark = markOf(name, state);
      const wrong = seen.filter(({ bytes }) => bytes.includes(mark)).map((wire) => `seen on ${wire.name}`);
      if (hasMark(leak) && !onLink.includes(mark)) wrong.push("not tried");
      const isCarried = atRequester.includes(mark);
      const should = fate === "tunnel" && state === "connected";
      if (isCarried !== should) wrong.push(isCarried ? "seen in the tunnel" : "not carried");
      const both = [...wrong, counted.get(name) ?? ""].filter((text) => text !== "").join(", ");
      verdicts.set(name, (verdicts.get(name) ?? new Map<State, string>()).set(state, both));
    }
  }

  test("tries all of it while its tunnel is connected", () => tryAll("connected"), 300_000);

  test("comes in by no other way than the tunnel either", async () => {
    const link = await Sniffer.listen("link", guest.namespace, guest.tap);
    const macOf = async (device: string) =>
      (await home.host.run(["cat", `/sys/class/net/${device}/address`])).trim();
    const ways = [
      { way: "LAN", from: lan, device: "eth0", to: await macOf("lan0") },
      { way: "uplink", from: home.internet, device: "eth1", to: await macOf("eth0") },
    ];
    for (const { way, from, device, to } of ways)
      await feed(
        from,
        device,
        INWARD_CASES.map(({ name, frame }) => frame(markOf(name, way), to)),
      );
    await feed(guest.namespace, guest.tap, [udpFrame("192.0.2.1", 9, "the end of what comes in")]);
    const bytes = await link.stopAfter("the end of what comes in");
    const came = ways.flatMap(({ way }) =>
      INWARD_CASES.filter(({ name }) => bytes.includes(markOf(name, way))).map(
        ({ name }) => `${name}: ${way}`,
      ),
    );
    expect(came).toEqual([]);
  }, 120_000);

  test("finds none of the box's ports open", async () => {
    for (const address of [HOST, ADDRESSES.boxOnLan]) {
      const before = (await guest.traffic()).rogue.destination;
      const beganMs = performance.now();
      await guest.order(tcpFrame(address, 1, "port scan"), { times: 65_535, field: 36, sum: 50 });
      await until(
        "all ports",
        async () => (await guest.traffic()).rogue.destination - before >= 65_535,
        120_000,
      );
      const took = performance.now() - beganMs;
      console.log(`      65,535 ports of ${address} in ${(took / 1_000).toFixed(1)} s`);
    }
    await passEverywhere("the end of the ports");
    expect(outside.filter((wire) => wire.has("port scan"))).toEqual([]);
  }, 300_000);

  test("floods nothing but itself with connections: what the box serves stays up", async () => {
    const file = "/proc/sys/net/netfilter/nf_conntrack_count";
    const calmMs = await hasPortal();
    const before = await guest.traffic();
    await guest.order(tcpFrame(ADDRESSES.beyond, 80, "flood", { from: 1 }), {
      times: 30_000,
      field: 34,
      sum: 50,
    });
    const busyMs = await hasPortal();
    const passed = ({ rogue, up }: typeof before) => rogue.flood + up.packets;
    await until("the flood", async () => passed(await guest.traffic()) - passed(before) >= 30_000, 120_000);
    const { rogue } = await guest.traffic();
    const own = Number(await guest.namespace.run(["cat", file]));
    const boxes = Number(await home.host.run(["cat", file]));
    console.log(
      `      flood of 30,000: ${rogue.flood - before.rogue.flood} refused, ${own} tracked, ${boxes} by the box; its portal ${calmMs.toFixed(0)} ms before, ${busyMs.toFixed(0)} ms meanwhile`,
    );
    expect(rogue.flood - before.rogue.flood).toBeGreaterThan(10_000);
    expect(own).toBeLessThanOrEqual(4_096);
    expect(boxes).toBeLessThan(200);
  }, 180_000);

  /** @param of them each ends by itself, or goes on for what is left of the machine's life */
  async function flood(
    floods: readonly (readonly [name: string, command: string])[],
    by = other,
  ): Promise<void> {
    const qemu = await qemuOf(home.host, by.lease);
    const resident = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${qemu}/status`, "utf8"))?.[1] ?? 0) / 1_024;
    const before = bytesIn(lab.folder);
    for (const [name, command] of floods) {
      const flood = by.sshMeanwhile(command);
      let slowestMs = 0;
      const over = flood.exited.then(() => true);
      const untilMs = performance.now() + 8_000;
      while (performance.now() < untilMs && !(await Promise.race([over, Bun.sleep(100).then(() => false)])))
        slowestMs = Math.max(slowestMs, await hasPortal());
      await flood.stop("SIGKILL");
      console.log(
        `      flood of ${name}: the portal's slowest answer ${slowestMs.toFixed(0)} ms, QEMU has ${resident().toFixed(0)} MiB`,
      );
      // What it asked for, and QEMU's own.
      expect(resident()).toBeLessThan(256 + 256);
    }
    const grown = bytesIn(lab.folder) - before;
    console.log(`      files on the box have grown by ${(grown / 1_048_576).toFixed(1)} MiB meanwhile`);
    expect(grown).toBeLessThan(16 * 1_048_576);
  }

  test(
    "floods its console, its files and its memory, and the host stays well",
    () =>
      flood([
        ["console", "timeout 3 cat /dev/zero > /dev/ttyS0"],
        ["files", "dd if=/dev/zero of=/tmp/full bs=64k 2>/dev/null; rm -f /tmp/full; echo over"],
        ["memory", "timeout 10 tail -c 1000000000 /dev/zero >/dev/null 2>&1; echo over"],
      ]),
    300_000,
  );

  test.each(STATES.slice(1))("tries all of it again: %s", (state) => tryAll(state), 300_000);

  // How hard depends on how many of the frames come within one look: 20 have it cut off, 200 ended.
  test("is cut off or ended by the policy when it goes on", async () => {
    box.punishAsUsual();
    const beganMs = performance.now();
    await other.order(udpFrame(ADDRESSES.lanHost, 9, "the last of it"), { times: 300, field: 0, sum: 0 });
    const names = leaseNames(other.lease);
    const isEnded = async () => !(await box.left()).includes(names.namespace);
    const isCutOff = async () => {
      const links = await tryRun(["ip", "-n", names.namespace, "-o", "link", "show", "up"]);
      return links.exitCode === 0 && !links.stdout.includes(names.tap) && "cut off";
    };
    const fate = await until(
      "the machine to be cut off or ended",
      async () => ((await isEnded()) ? "ended" : isCutOff()),
      120_000,
    );
    console.log(`      ${fate} by the policy after ${((performance.now() - beganMs) / 1_000).toFixed(2)} s`);
    if (await isEnded())
      await until("its requester to know", () => other.words().includes("step ended"), 60_000);
    expect(box.words()).not.toContain("could not be cut off");
  }, 300_000);

  // The last, as it does not end.
  test(
    "floods its processes, and the host stays well",
    () => flood([["processes", "f() { f | f & }; f; sleep 5"]], guest),
    120_000,
  );

  test("is given back in the middle of that, and nothing of either is left", async () => {
    await guest.release();
    await other.release();
    await until("nothing to be left", async () => (await box.left()).length === 0, 60_000);
  }, 180_000);

  test.each(cases.map(({ name }) => name))("root in the guest: %s", (name) => {
    const row = verdicts.get(name);
    expect(STATES.map((state) => `${state}: ${row?.get(state) ?? "not tried"}`)).toEqual(
      STATES.map((state) => `${state}: `),
    );
  });

  test.each(CASES_ELSEWHERE.map((one) => [one.name, one] as const))(
    "proven elsewhere: %s",
    (_, elsewhere) => {
      const text = readFileSync(join(import.meta.dir, "../..", elsewhere.file), "utf8");
      expect(text).toContain(`"${elsewhere.test}"`);
    },
  );

  test("is told of within a second", () => {
    const late = [...toldAfterMs.values()].toSorted((a, b) => a - b);
    const median = late[Math.floor(late.length / 2)] ?? Number.NaN;
    console.log(`      told after ${median} ms (median of ${late.length}), at most ${late.at(-1)} ms`);
    expect(median).toBeLessThan(1_000);
  });

  function report(): void {
    const columns = STATES.map((state) => state.padEnd(13)).join("");
    console.log(`      ${"".padEnd(42)}${"fate".padEnd(13)}${columns}told after`);
    for (const { name, fate } of cases) {
      const cells = STATES.map((state) => {
        const wrong = verdicts.get(name)?.get(state);
        return (wrong === undefined ? "not tried" : wrong === "" ? "tight" : "LEAK").padEnd(13);
      });
      const ms = toldAfterMs.get(name);
      const told = ms === undefined ? "" : `${ms} ms`;
      console.log(`      ${name.padEnd(42)}${fate.padEnd(13)}${cells.join("")}${told}`);
    }
    for (const { name, file } of CASES_ELSEWHERE) console.log(`      ${name.padEnd(55)}in ${file}`);
  }
});

function times(bytes: Buffer, text: string): number {
  let count = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) count += 1;
  return count;
}

/** The process of a lease's machine. */
async function qemuOf(host: LabHost, lease: string): Promise<number> {
  const pids = (await run(["ip", "netns", "pids", host.name])).split("\n").filter(Boolean);
  const domain = leaseNames(lease).domain;
  const its = pids.find((pid) => {
    const path = `/proc/${pid}/cmdline`;
    return existsSync(path) && readFileSync(path, "latin1").includes(`guest=${domain}`);
  });
  if (its === undefined) throw new Error(`no machine ${domain}`);
  return Number(its);
}

/** All files in a folder but what the sniffers write. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".pcap"))
    .reduce((sum, entry) => sum + Bun.file(join(entry.parentPath, entry.name)).size, 0);
}
