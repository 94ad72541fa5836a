import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BoxStatus } from "../../src/portal/index.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest, knock, listenOn, speakIpv6 } from "./guest.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { Phone, Swarm, withNetworkOf } from "./swarm.ts";
import { uplinkedHost, WORLD, WORLD_IPV6 } from "./world.ts";

const CLI = resolve(import.meta.dir, "../../src/cli/main.ts");
const FORGE = join(import.meta.dir, "dhcp-forge.ts");
const SERVICE = '[[gateway.services]]\nname = "Library"\nport = 8088\n';

/** Runs the daemon at the end of its arguments with its state on a medium without a free byte, of its own mounts only. */
const ON_FULL_DISK = `
  mount -t tmpfs -o size=1m full "$1" && cp -a "$0/." "$1/" || exit 9
  dd if=/dev/zero of="$1/ballast" bs=4k 2>/dev/null
  shift; exec "$@"`;

describeNeeding([...LAB_NEEDS, "program:curl"], "Faults", () => {
  const lab = new Lab("flt");
  let box: LabBox;
  let world: LabHost;
  let swarm: Swarm;
  const ends: (() => void)[] = [];

  beforeAll(async () => {
    await lab.open();
    const { host, world: beyond } = await uplinkedHost(lab, "box");
    world = beyond;
    box = await startBox(lab, "box", {
      host,
      config: `
        [gateway.uplink]
        interface = "wan0"
        allow = true
        ${SERVICE}`,
    });
    swarm = new Swarm(lab, box.host, box.bridge);
    ends.push(listenOn(box.host, 8088), listenOn(box.host, 22));
  });
  afterAll(async () => {
    for (const end of ends) end();
    await lab.close();
  });

  const newPhone = async (into = swarm): Promise<Phone> => {
    const [phone] = await into.addPhones(1);
    if (!phone) throw new Error("no phone");
    await until("a lease", () => phone.dhcp({ tries: 2 }).catch(() => undefined));
    return phone;
  };
  const portOf = (phone: Phone) => `phone${swarm.phones.indexOf(phone)}`;
  const isPort = async (phone: Phone): Promise<boolean> => {
    const link = await box.host.run(["bridge", "-d", "link", "show", "dev", portOf(phone)]);
    return link.includes(`master ${box.bridge} `) && link.includes("isolated on");
  };
  const sessionOf = async (phone: Phone) =>
    (await box.status()).guests.find((guest) => guest.mac === phone.mac);
  const isLetThrough = async (mac: string, ipv4: string) => {
    const element = `{ ${mac} . ${ipv4} }`;
    const get = ["nft", "get", "element", "inet", "omerta_guest", "released_ipv4", element];
    return (await box.host.tryRun(get)).exitCode === 0;
  };
  const leases = () => box.host.run(["cat", join(box.stateFolder, "dhcp-leases")]);
  const firstPage = async (phone: Phone) => (await new Guest(phone).firstPage()).page.body;

  test("a guest who gets an address of one who has agreed is nobody but itself, also after a restart", async () => {
    // Agreements are read back in the order of MAC addresses: of the two, the one who had the address first comes last.
    const [heir, agreed] = await swarm.addPhones(2);
    if (!heir || !agreed) throw new Error("no phones");
    await agreed.dhcp();
    const address = agreed.address ?? "";
    await new Guest(agreed).consent("fr");
    await agreed.run([
      process.execPath,
      FORGE,
      "wlan0",
      agreed.mac,
      agreed.mac,
      "release",
      address,
      box.address,
    ]);
    await until("the lease to be over", async () => !(await leases()).includes(` ${address} `));
    // It is away, and for long enough that the box has forgotten at which MAC address its address was.
    await agreed.run(["ip", "link", "set", "wlan0", "down"]);
    await box.host.run(["ip", "neigh", "flush", "dev", box.bridge]);
    const udhcpc = ["busybox", "udhcpc", "-f", "-q", "-n", "-i", "wlan0", "-t", "5", "-T", "1"];
    await heir.run([...udhcpc, "-s", "/bin/true", "-r", address]);
    expect((await heir.dhcp()).address).toBe(address);
    const page = await until("the portal", () => firstPage(heir).catch(() => undefined), 15_000);
    expect(page).toContain('name="token"');
    expect(await isLetThrough(heir.mac, address)).toBe(false);
    await new Guest(heir).consent("sw");
    await until("it to be let through", () => isLetThrough(heir.mac, address));
    await box.restart("SIGKILL");
    expect((await sessionOf(heir))?.language).toBe("sw");
    expect((await new Guest(heir).leave()).status).toBe(200);
    expect((await sessionOf(heir))?.state).toBe("expired");
    expect(await isLetThrough(heir.mac, address)).toBe(false);
    expect(await firstPage(heir)).toContain('name="token"');
  });

  for (const [when, whose] of [
    ["in mid-stay", "the attacker's own"],
    ["just after it has joined", "the attacker's own"],
    ["in mid-stay", "the victim's"],
  ] as const) {
    test(`DHCP forged in a guest's name changes nothing for it: ${when}, from ${whose} MAC address`, async () => {
      const [victim, attacker] = [await newPhone(), await newPhone()];
      const before = victim.address ?? "";
      await new Guest(victim).consent();
      // As 20 seconds without a DHCP packet do.
      if (when === "in mid-stay")
        await box.host.run(["nft", "flush", "set", "inet", "omerta_guest", "joining"]);
      const forge = ["wlan0", whose === "the victim's" ? victim.mac : attacker.mac, victim.mac];
      await attacker.run([process.execPath, FORGE, ...forge, "discover"]);
      await attacker.run([process.execPath, FORGE, ...forge, "release", before, box.address]);
      // A later guest's joining has been heard: so have the packets before it.
      const later = await newPhone();
      await until("the later guest", () => sessionOf(later));
      const session = await sessionOf(victim);
      expect([session?.state, session?.ipv4]).toEqual(["released", before]);
      expect(await isLetThrough(victim.mac, before)).toBe(true);
      expect(await knock(victim, box.address, 8088)).toBe("open");
      // Whatever address the forged packet has got, it is worth nothing to the attacker.
      const got = (await leases()).split("\n").find((line) =>
        line.endsWith(
          Buffer.from("forged")
            .toString("hex")
            .replace(/..(?=.)/g, "$&:"),
        ),
      );
      for (const address of [attacker.address, got?.split(" ")[2]]) {
        if (address === undefined) continue;
        await attacker.configure(address, box.prefix, box.address);
        expect(await knock(attacker, box.address, 8088)).not.toBe("open");
        expect(await isLetThrough(attacker.mac, address)).toBe(false);
      }
    });
  }

  for (const where of ["with an uplink", "without one"]) {
    test(`443 of the portal's IPv6 address is reset at once before consent, each time: ${where}`, async () => {
      const isPlain = where === "without one";
      const plain = isPlain ? await startBox(lab, "plain") : undefined;
      const phone = await newPhone(plain && new Swarm(lab, plain.host, plain.bridge));
      await speakIpv6(phone);
      const once = "curl -sv -m 1 -o /dev/null 'https://[100::1]/' 2>&1; echo exit $?";
      const said = await phone.run(["sh", "-c", `for n in 1 2 3 4 5 6 7 8 9 10; do ${once}; done`]);
      await plain?.stop();
      expect([...said.matchAll(/^exit (\d+)$/gm)].map(([, code]) => Number(code))).toEqual(Array(10).fill(7));
      expect(said.match(/failed: Connection refused/g)).toHaveLength(10);
    });
  }

  test("a stream from beyond the box ends with the guest's leaving, over IPv4 and IPv6", async () => {
    const phone = await newPhone();
    await speakIpv6(phone);
    await new Guest(phone).consent();
    const streams = [await streamTo(phone, WORLD), await streamTo(phone, WORLD_IPV6)];
    for (const { received } of streams) await until("the stream", () => received() > 5);
    await new Guest(phone).leave();
    for (const { sent } of streams) await sentMore(sent, 5);
    const before = streams.map(({ received }) => received());
    for (const { sent } of streams) await sentMore(sent, 30);
    expect(streams.map(({ received }) => received())).toEqual(before);
  });

  test("a restart in good order keeps the ports that something else has attached, and nothing stands open meanwhile", async () => {
    const phone = await newPhone();
    await new Guest(phone).consent();
    await box.stop("SIGTERM");
    for (const [address, port] of [
      [box.address, 22],
      [box.management.address, 22],
      [box.management.address, 8090],
    ] as const) {
      expect(`${address}:${port} ${await knock(phone, address, port)}`).not.toEndWith("open");
    }
    await box.restart("SIGTERM");
    expect(await isPort(phone)).toBe(true);
    await until("the guest to be served on", async () => (await knock(phone, box.address, 8088)) === "open");
    expect((await new Guest(phone).get("omerta.internal", "/")).body).toContain("You are connected");
    expect(await firstPage(await newPhone())).toContain('name="token"');
  });

  test("a bridge and a firewall that somebody deleted are made anew, and guests are served on", async () => {
    const phone = await newPhone();
    await new Guest(phone).consent();
    await box.host.run(["sh", "-c", `nft flush ruleset; ip link del ${box.bridge}`]);
    await until("the bridge with its addresses", async () => {
      const { stdout } = await box.host.tryRun(["ip", "addr", "show", "dev", box.bridge]);
      return stdout.includes(`inet ${box.address}/20`) && stdout.includes(`inet6 ${box.address6}/64`);
    });
    for (const [family, chain] of [
      ["inet", "guest_to_box"],
      ["arp", "input"],
    ] as const) {
      const list = ["nft", "list", "chain", family, "omerta_guest", chain];
      await until(`table ${family}`, async () => (await box.host.tryRun(list)).exitCode === 0);
    }
    await box.host.run(["ip", "link", "set", portOf(phone), "master", box.bridge, "up"]);
    await until("the port to be isolated", () => isPort(phone));
    await until("the guest to be served on", async () => (await knock(phone, box.address, 8088)) === "open");
    const newcomer = await newPhone();
    const page = await until("the portal", () => firstPage(newcomer).catch(() => undefined));
    expect(page).toContain('name="token"');
    expect(await knock(newcomer, box.address, 8088)).toBe("refused");
    expect((await new Guest(newcomer).consent()).status).toBe(303);
    expect(await knock(newcomer, box.address, 8088)).toBe("open");
    await speakIpv6(newcomer);
    await until("the box to be well", async () => (await box.status()).parts.every(isRunning), 15_000);
  });

  test("forwarding for guests that somebody took away is put back", async () => {
    const parameters = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
    const read = () => box.host.run(["sysctl", "-n", ...parameters]);
    expect(await read()).toBe("1\n1\n");
    await box.host.run(["sysctl", "-qw", ...parameters.map((name) => `${name}=0`)]);
    await until("both to be put back", async () => (await read()) === "1\n1\n");
  });

  test("the ARP table alone is put back too", async () => {
    await box.host.run(["nft", "delete", "table", "arp", "omerta_guest"]);
    const list = ["nft", "list", "chain", "arp", "omerta_guest", "input"];
    await until("the table", async () => (await box.host.tryRun(list)).exitCode === 0);
  });

  test("an interface that cannot be a port keeps no other from serving, and the status names it", async () => {
    const host = await lab.host("odd");
    const pc = await lab.host("pc");
    await lab.cable(host, "lan0", pc, "wlan0");
    const { status } = await launch(host, "odd", '[gateway]\ninterfaces = ["lo", "lan0"]\n');
    const link = await pc.run(["ip", "-br", "link", "show", "wlan0"]);
    const phone = new Phone(lab, pc.name, /([0-9a-f]{2}:){5}[0-9a-f]{2}/.exec(link)?.[0] ?? "");
    ends.push(() => phone.close());
    await until("a lease", () => phone.dhcp({ tries: 2 }).catch(() => undefined), 15_000);
    const page = await until("the portal", () => firstPage(phone).catch(() => undefined));
    expect(page).toContain('name="token"');
    expect((await new Guest(phone).consent()).status).toBe(303);
    expect(gatewayOf(await status())?.detail).toMatch(/\blo\b/);
    expect(await host.run(["ip", "addr", "show", "dev", "lo"])).toContain("inet6 ::1/128");
  });

  test("a resolver's port that is taken is told of with its reason; once it is free, the box serves", async () => {
    const host = await lab.host("dns");
    const holdsTcp = listenOn(host, 53);
    const holdsUdp = await withNetworkOf(host, () => Bun.udpSocket({ hostname: "::", port: 53 }));
    const { status } = await launch(host, "dns");
    const trouble = await until("the trouble to be told of", async () => {
      const part = gatewayOf(await status().catch(() => undefined));
      return part && part.state !== "running" && part.state !== "stopped" && part;
    });
    expect(trouble.detail).toMatch(/address already in use/i);
    holdsTcp();
    holdsUdp.close();
    await until("the box to be well", async () => (await status()).parts.every(isRunning), 30_000);
    const phone = await newPhone(new Swarm(lab, host, "br-guest"));
    expect(await firstPage(phone)).toContain('name="token"');
  });

  test("with a full disk the box comes up and lets guests through, and says what it does not keep", async () => {
    const first = await startBox(lab, "full", { config: SERVICE });
    const phones = new Swarm(lab, first.host, first.bridge);
    await new Guest(await newPhone(phones)).consent();
    await first.stop();
    const full = `${first.stateFolder}-full`;
    const { status, process: daemon } = await launch(first.host, "full", undefined, full);
    await until("the box", async () => (await status().catch(() => undefined))?.parts !== undefined, 15_000);
    // The control: there is no room for anything.
    const write = [
      "nsenter",
      "-t",
      String(daemon.pid),
      "-m",
      "sh",
      "-c",
      `dd if=/dev/zero of=${full}/more count=1`,
    ];
    expect((await first.host.tryRun(write)).stderr).toContain("No space left");
    ends.push(listenOn(first.host, 8088));
    const phone = await newPhone(phones);
    await until("the portal", () => firstPage(phone).catch(() => undefined));
    expect((await new Guest(phone).consent()).status).toBe(303);
    expect(await knock(phone, first.address, 8088)).toBe("open");
    const gateway = gatewayOf(await status());
    expect(gateway?.state).not.toBe("failed");
    expect(gateway?.detail).toMatch(/not kept/);
  });

  /** A daemon that is not waited for. With `fullState`, that folder is a full disk with what the box's state held. */
  async function launch(host: LabHost, name: string, config?: string, fullState?: string) {
    const files = join(lab.folder, name);
    const [state, run] = [`${files}-state`, `${files}-run`];
    if (config !== undefined || fullState === undefined) writeFileSync(`${files}.toml`, config ?? "");
    if (fullState !== undefined) await host.run(["mkdir", "-p", fullState]);
    const daemon: LabProcess = host.spawn([
      ...(fullState === undefined ? [] : ["sh", "-c", ON_FULL_DISK, state, fullState]),
      ...[process.execPath, CLI, "run", "--mode", "device", "--config", `${files}.toml`],
      ...["--state", fullState ?? state, "--run", run],
    ]);
    const status = async (): Promise<BoxStatus> => {
      const response = await fetch("http://box/api/status", { unix: join(run, "control.sock") });
      return (await response.json()) as BoxStatus;
    };
    return { process: daemon, status };
  }

  /** A server beyond the box that sends on and on to a phone, once the phone has called it. */
  async function streamTo(phone: Phone, address: string) {
    const heard: number[] = [];
    let [sent, port, caller] = [0, 0, ""];
    const hostname = address.includes(":") ? "::" : "0.0.0.0";
    // Once the guest has left, the box says that there is nobody: the server is one that does not care.
    const error = () => {};
    const data = (_: unknown, __: unknown, from: number, who: string) => {
      [port, caller] = [from, who];
    };
    const server = await withNetworkOf(world, () =>
      Bun.udpSocket({ hostname: address, port: 7000, socket: { data, error } }),
    );
    const client = await withNetworkOf(phone, () =>
      Bun.udpSocket({ hostname, socket: { data: () => void heard.push(0), error } }),
    );
    const timer = setInterval(() => {
      if (caller === "") client.send("hello", 7000, address);
      else sent += sendUnasked(() => server.send("more", port, caller)) ? 1 : 0;
    }, 10);
    ends.push(() => {
      clearInterval(timer);
      server.close();
      client.close();
    });
    return { sent: () => sent, received: () => heard.length };
  }
});

const isRunning = (part: { state: string }) => part.state === "running";
const gatewayOf = (status: BoxStatus | undefined) => status?.parts.find((part) => part.name === "gateway");

/** @returns whether it was sent; a socket tells of an earlier packet's refusal when the next one is sent */
function sendUnasked(send: () => boolean): boolean {
  try {
    return send();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") return false;
    throw error;
  }
}

async function sentMore(sent: () => number, count: number): Promise<void> {
  const goal = sent() + count;
  await until("the server to send on", () => sent() >= goal);
}
