import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../src/host/wireguard-key.ts";
import { type Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import type { RequesterOrder, RequesterReport } from "./vm-requester-process.ts";

/*
 * A requester at home: a LAN with its router, the internet beyond, and there a box that lends a virtual machine, for
 * which stands a namespace with nothing but the tunnel.
 */

/** The requester's router, which is its LAN as well: its HTTP is what no virtual machine may see. */
export const LAN = "192.168.7.1";
export const REQUESTER = "192.168.7.2";
/** A second network of the requester's. */
export const BACK = "192.168.8.1";
export const INTERNET = "203.0.113.10";
export const WEB_PORT = 8_000;
/** The box that lends. */
export const HOST = "198.51.100.2";
/** A name that the internet's resolver knows. */
export const NAME = "archive.omerta.test";

export interface Home {
  requester: LabHost;
  lan: LabHost;
  back: LabHost;
  internet: LabHost;
  /** The box that lends. */
  host: LabHost;
}

const SOCKETS = "/var/run/wireguard";
/** Of tunnels of requesters. They outlive a wireguard-go that is killed. */
const sockets = (): string[] =>
  existsSync(SOCKETS) ? readdirSync(SOCKETS).filter((name) => name.startsWith("omq")) : [];

export async function makeHome(lab: Lab): Promise<Home> {
  // A crashed run's.
  for (const name of sockets()) rmSync(join(SOCKETS, name), { force: true });
  const [requester, lan, back, internet, host] = await Promise.all(
    ["requester", "lan", "back", "internet", "host"].map((name) => lab.host(name)),
  );
  if (!requester || !lan || !back || !internet || !host) throw new Error("hosts are missing");
  await lab.cable(requester, "eth0", lan, "eth0");
  await lab.cable(requester, "eth1", back, "eth0");
  await lab.cable(lan, "eth1", internet, "eth0");
  await lab.cable(internet, "eth1", host, "eth0");
  await set(requester, `address add ${REQUESTER}/24 dev eth0`, "address add 192.168.8.2/24 dev eth1");
  await set(requester, `route add default via ${LAN}`);
  await set(back, `address add ${BACK}/24 dev eth0`, "route add default via 192.168.8.2");
  await set(lan, `address add ${LAN}/24 dev eth0`, "address add 203.0.113.1/24 dev eth1");
  await set(lan, `route add default via ${INTERNET}`, `route add 192.168.8.0/24 via ${REQUESTER}`);
  await set(internet, `address add ${INTERNET}/24 dev eth0`, "address add 198.51.100.1/24 dev eth1");
  await set(internet, "route add default via 203.0.113.1");
  await set(host, `address add ${HOST}/24 dev eth0`, "route add default via 198.51.100.1");
  for (const router of [lan, internet]) await router.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  await requester.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  await Bun.write(requester.resolvConf, `nameserver ${INTERNET}\n`);
  internet.spawn([
    ...[
      "dnsmasq",
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--pid-file=",
      "--no-resolv",
      "--no-hosts",
    ],
    ...[
      "--bind-interfaces",
      `--listen-address=${INTERNET}`,
      `--address=/${NAME}/${INTERNET}`,
      "--log-facility=-",
    ],
  ]);
  for (const server of [internet, lan, back, requester]) await serveWeb(server);
  return { requester, lan, back, internet, host };
}

export const set = (on: LabHost, ...lines: string[]) =>
  run(["ip", "-n", on.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });

/** A web server on {@link WEB_PORT} and something that greets as SSH does one further, on every address. */
export async function serveWeb(on: LabHost, port = WEB_PORT): Promise<void> {
  const process_ = on.spawn([process.execPath, join(import.meta.dir, "vm-requester-web.ts"), String(port)]);
  await until(`a web server in ${on.name}`, () => process_.output().includes("serving"));
}

/** What is served at an address; undefined when it can't be reached. */
export async function page(from: LabHost, address: string, port = WEB_PORT): Promise<string | undefined> {
  const { exitCode, stdout } = await from.tryRun([
    ...["curl", "-s", "--max-time", "2", `http://${address}:${port}/`],
  ]);
  return exitCode === 0 ? stdout.trim() : undefined;
}

export const pings = async (from: LabHost, address: string): Promise<boolean> =>
  (await from.tryRun(["ping", "-n", "-q", "-c", "1", "-W", "1", address])).exitCode === 0;

/** Stands for a virtual machine with its isolation: its namespace has nothing but the tunnel, whose socket is its host's. */
export class StandIn {
  private readonly privateKey = makeWireGuardKey();
  readonly publicKey = wireGuardPublicKey(this.privateKey);

  private constructor(
    readonly inside: LabHost,
    private readonly tunnel: string,
  ) {}

  static async make(lab: Lab, host: LabHost, name: string): Promise<StandIn> {
    const tunnel = `omb-${name}`;
    const inside = await lab.host(name);
    host.spawn(["wireguard-go", "-f", tunnel]);
    await until(`${tunnel}`, async () => (await host.tryRun(["wg", "show", tunnel])).exitCode === 0);
    await run(["ip", "-n", host.name, "link", "set", tunnel, "netns", inside.name]);
    const made = new StandIn(inside, tunnel);
    await serveWeb(inside);
    return made;
  }

  /** Greets as SSH does, where SSH does. */
  serveSsh(): Promise<void> {
    return serveWeb(this.inside, 21);
  }

  /** Where its host is heard for it, UDP. */
  async listenPort(): Promise<number> {
    return Number(await this.inside.run(["wg", "show", this.tunnel, "listen-port"]));
  }

  /** Joins a requester's VPN as the `index`th of its virtual machines. */
  async join(
    { publicKey, listenPort, addresses }: Pick<RequesterReport, "publicKey" | "listenPort" | "addresses">,
    index: number,
    at = REQUESTER,
  ): Promise<void> {
    await run(["wg", "set", this.tunnel, "private-key", "/dev/stdin"], { input: this.privateKey });
    await set(
      this.inside,
      `address flush dev ${this.tunnel}`,
      `address add ${addresses[index]}/32 dev ${this.tunnel}`,
      `link set ${this.tunnel} mtu 1420 up`,
      `route replace default dev ${this.tunnel}`,
    );
    const { stdout } = await this.inside.tryRun(["wg", "show", this.tunnel, "peers"]);
    for (const old of stdout.split("\n").filter(Boolean))
      await run(["wg", "set", this.tunnel, "peer", old, "remove"]);
    await run([
      ...["wg", "set", this.tunnel, "peer", publicKey, "endpoint", `${at}:${listenPort}`],
      ...["allowed-ips", "0.0.0.0/0", "persistent-keepalive", "1"],
    ]);
  }
}

export interface RunningRequester {
  process: LabProcess;
  report: RequesterReport;
  order: RequesterOrder;
}

/** Starts the VPN of a requester and waits until it serves. */
export async function startRequester(
  lab: Lab,
  on: LabHost,
  vms: readonly StandIn[],
  more: Partial<RequesterOrder> = {},
  program = join(import.meta.dir, "vm-requester-process.ts"),
  before: readonly string[] = [],
): Promise<RunningRequester> {
  const order: RequesterOrder = {
    folder: join(lab.folder, "requester"),
    id: "0badcafe",
    privateKey: makeWireGuardKey(),
    allowLan: false,
    listenPort: 0,
    peers: vms.map(({ publicKey }) => publicKey),
    ...more,
  };
  const started = on.spawn([...before, process.execPath, program, JSON.stringify(order)]);
  const line = await until(
    "the requester's VPN",
    () =>
      started
        .output()
        .split("\n")
        .find((text) => text.startsWith('{"publicKey"')),
    30_000,
  ).catch((error) => {
    throw new Error(`${error}: ${started.output()}`);
  });
  return { process: started, order, report: JSON.parse(line) as RequesterReport };
}

/** What is left of requesters: interfaces and tables of a host, programs and records. Empty: nothing. */
export async function leftOf(on: LabHost, folder: string): Promise<string[]> {
  const links = (await on.run(["ip", "-o", "link"])).match(/omq\w+/g) ?? [];
  const tables = (await on.run(["nft", "list", "tables"])).match(/omerta_vpn_\w+/g) ?? [];
  const records = existsSync(folder) ? readdirSync(folder) : [];
  const pids = (await run(["ip", "netns", "pids", on.name])).split("\n").filter(Boolean);
  const commands = await Promise.all(
    pids.map(async (pid) =>
      (
        await Bun.file(`/proc/${pid}/cmdline`)
          .text()
          .catch(() => "")
      ).replaceAll("\0", " "),
    ),
  );
  const programs = commands.filter((text) =>
    /wireguard-go|dnsmasq|vpn-reaper|vm-requester-process/.test(text),
  );
  return [...links, ...tables, ...records, ...programs, ...sockets()];
}

/** What an agent keeps in its run folder: the next one finds by these whether one runs. */
const AGENT_FILES = ["agent.lock", "agent.sock"];

/** The same of somebody whose leases an agent looks after. */
export async function leftOfAgent(on: LabHost, folder: string): Promise<string[]> {
  return (await leftOf(on, folder)).filter((name) => !AGENT_FILES.includes(name));
}
