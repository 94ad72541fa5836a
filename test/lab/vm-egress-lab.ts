import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import type { EgressRequest } from "../../src/vm/egress/index.ts";
import { GUEST_LINK, leaseNames } from "../../src/vm/guest-link.ts";
import type { LeaseTraffic, RogueEvent } from "../../src/vm/watch/index.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";

export const ADDRESSES = {
  box: "198.51.100.2",
  boxOnLan: "192.168.77.1",
  lanHost: "192.168.77.20",
  requester: "198.51.100.10",
  requesterMoved: "198.51.100.11",
  requesterInside: "10.99.0.1",
  machine: "10.99.0.15",
  otherMachine: "10.99.0.16",
  /** A host of the internet that only the requester reaches. */
  beyond: "203.0.113.80",
} as const;
export const FORBIDDEN = ["198.51.100.0/24", "192.168.77.0/24"] as const;
export const TUNNEL_PORT = 51_820;
const BUN = join(import.meta.dir, "../../node_modules/.bin/bun");

/** The other end of a process's pipes, a line at a time. */
export class Conversation {
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  constructor(command: readonly string[]) {
    this.child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    void this.read();
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Its exit status: what it was asked for does not come any more. */
  get exited(): Promise<number> {
    return this.child.exited;
  }

  next(): Promise<string> {
    return new Promise((resolve) => void this.waiting.push(resolve));
  }

  say(text: string): void {
    this.child.stdin.write(text);
    void this.child.stdin.flush();
  }

  async end(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.waiting.shift()?.(line);
    }
  }
}

/** A virtual machine without the machine: its link, and a system's network behind it. */
export class TapGuest {
  private marks = 0;

  private constructor(
    readonly host: LabHost,
    private readonly pipe: Conversation,
  ) {}

  /** @param host what is behind the link */
  static async open(lab: EgressLab, lease: string, host: LabHost): Promise<TapGuest> {
    const tap = leaseNames(lease).tap;
    const pipe = new Conversation(
      lab.onBox(BUN, join(import.meta.dir, "vm-tap-guest.ts"), tap, lab.namespaceFile(host), "eth0"),
    );
    await pipe.next();
    const { guestMacAddress, guestAddress, gatewayAddress, prefixLength, mtu } = GUEST_LINK;
    await run(["ip", "-n", host.name, "-batch", "-"], {
      input: [
        `link set eth0 address ${guestMacAddress} mtu ${mtu} up`,
        `addr replace ${guestAddress}/${prefixLength} dev eth0`,
        `route replace default via ${gatewayAddress}`,
        "",
      ].join("\n"),
    });
    return new TapGuest(host, pipe);
  }

  /** Sends frames as the machine's own kernel, or a liar in it, would; kept when all are on the link. */
  async send(frames: readonly Uint8Array[]): Promise<void> {
    const mark = `mark ${++this.marks}`;
    const done = this.pipe.next();
    this.pipe.say(`${frames.map((frame) => Buffer.from(frame).toString("hex")).join("\n")}\n${mark}\n`);
    if ((await done) !== mark) throw new Error("the guest's link answers out of turn");
  }

  end(): Promise<void> {
    return this.pipe.end();
  }
}

/** A call of the box was refused. */
export class BoxError extends Error {
  constructor(
    readonly thing: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A box with an uplink and a LAN, a requester beyond the uplink, and a host on the LAN. The box has a /run/netns and a
 * /run/wireguard of its own, so that what it sweeps is its own and nothing of another run.
 */
export class EgressLab {
  readonly lab: Lab;
  box!: LabHost;
  lan!: LabHost;
  internet!: LabHost;
  requester!: LabHost;
  requesterKey!: { privateKey: string; publicKey: string };
  private keeper!: LabProcess;
  private driver: Conversation | undefined;
  private readonly device: string;

  constructor(name: string) {
    this.lab = new Lab(name);
    this.device = `ob${name.slice(0, 8)}`;
  }

  async open(): Promise<void> {
    await this.lab.open();
    [this.box, this.lan, this.internet, this.requester] = (await this.lab.manyHosts([
      "box",
      "lan",
      "inet",
      "req",
    ])) as [LabHost, LabHost, LabHost, LabHost];
    await this.wire();
    this.keeper = this.box.spawn([
      "sh",
      "-ec",
      "mkdir -p /run/netns /run/wireguard; mount -t tmpfs none /run/netns; mount -t tmpfs none /run/wireguard; echo kept; exec sleep infinity",
    ]);
    await until("the box's own folders", () => this.keeper.output().includes("kept"));
    this.requesterKey = await newKey();
    await this.serveTunnel();
    await this.startBox();
  }

  /** Everything that the box has made goes with its namespaces. */
  async close(): Promise<void> {
    await this.driver?.end();
    await this.lab.close();
  }

  /** A command in the box's namespace, with its own /run/netns. */
  onBox(...command: string[]): string[] {
    const pid = String(this.keeperPid);
    return ["nsenter", "--target", pid, "--mount", "--net", "--", ...command];
  }

  onMachine(lease: string, ...command: string[]): string[] {
    return this.onBox("nsenter", `--net=/run/netns/${leaseNames(lease).namespace}`, "--", ...command);
  }

  /** Kills the userspace WireGuard of a lease; its interface goes with it. */
  async killTunnel(lease: string): Promise<void> {
    const { tunnel } = leaseNames(lease);
    const pids = await run(["ip", "netns", "pids", this.box.name]);
    for (const pid of pids.split("\n").filter((line) => line !== "")) {
      const isIts = readFileSync(`/proc/${pid}/cmdline`, "latin1") === `wireguard-go\0-f\0${tunnel}\0`;
      if (isIts) process.kill(Number(pid), "SIGKILL");
    }
    await until("the tunnel to go", async () => {
      const links = await run(this.onMachine(lease, "ip", "-o", "link"));
      return !links.includes(tunnel);
    });
  }

  /** What the box has of machines' egress. */
  async left(): Promise<string[]> {
    const script = "ip netns list; ls /sys/class/net; ls /run/wireguard";
    const listed = await run(this.onBox("sh", "-c", script));
    const processes = await run([
      "sh",
      "-c",
      `for pid in $(ip netns pids ${this.box.name}); do tr '\\0' ' ' < /proc/$pid/cmdline; echo; done`,
    ]);
    return `${listed}\n${processes}`
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => /omvm-|omt[0-9a-f]{10}|omw[0-9a-f]{10}/.test(line) && !line.includes("vm-tap-guest"));
  }

  /** The lab's own /run/netns is not the box's. */
  namespaceFile(host: LabHost): string {
    return `/proc/${process.pid}/root/run/netns/${host.name}`;
  }

  async call<T>(call: string, argument?: unknown): Promise<T> {
    if (!this.driver) throw new Error("the box does not run");
    const answered = this.driver.next();
    this.driver.say(`${JSON.stringify({ call, argument })}\n`);
    const { result, error } = JSON.parse(await answered) as {
      result: T;
      error?: { thing: string; message: string };
    };
    if (error) throw new BoxError(error.thing, error.message);
    return result;
  }

  traffic = (lease: string) => this.call<LeaseTraffic>("traffic", lease);
  events = () => this.call<(RogueEvent & { toldAfterMs: number })[]>("events");

  async killBox(): Promise<void> {
    await this.driver?.end();
    this.driver = undefined;
  }

  async startBox(): Promise<void> {
    this.driver = new Conversation(this.onBox(BUN, join(import.meta.dir, "vm-egress-box.ts")));
    await this.driver.next();
  }

  /** A lease's egress and its key, which the requester does not know yet. */
  async request(
    lease: string,
    more: Partial<EgressRequest> = {},
  ): Promise<{ request: EgressRequest; publicKey: string }> {
    const { privateKey, publicKey } = await newKey();
    return {
      publicKey,
      request: {
        lease,
        tunnel: {
          privateKey,
          peerKey: this.requesterKey.publicKey,
          endpoint: { address: ADDRESSES.requester, port: TUNNEL_PORT },
          address: ADDRESSES.machine,
          dns: undefined,
        },
        limits: { upKbit: undefined, downKbit: undefined, newConnectionsPerS: 100 },
        punishment: { cutOn: [] },
        forbidden: FORBIDDEN,
        ...more,
      },
    };
  }

  admit(publicKey: string, address: string = ADDRESSES.machine): Promise<string> {
    return run([
      "wg",
      "set",
      this.device,
      "peer",
      publicKey,
      "allowed-ips",
      `${address}/32`,
      "persistent-keepalive",
      "5",
    ]);
  }

  expel(publicKey: string): Promise<string> {
    return run(["wg", "set", this.device, "peer", publicKey, "remove"]);
  }

  async handshake(publicKey: string): Promise<void> {
    await until(
      "the tunnel",
      async () => {
        const shown = await run(["wg", "show", this.device, "latest-handshakes"]);
        const line = shown.split("\n").find((one) => one.startsWith(publicKey));
        return Number(line?.split("\t")[1] ?? 0) > 0;
      },
      20_000,
    );
  }

  get requesterDevice(): string {
    return this.device;
  }

  private get keeperPid(): number {
    return this.keeper.pid;
  }

  private async wire(): Promise<void> {
    const { box, lan, internet, requester } = this;
    await this.lab.cable(box, "eth0", internet, "box");
    await this.lab.cable(requester, "eth0", internet, "req");
    await this.lab.cable(box, "lan0", lan, "eth0");
    await internet.run([
      "sh",
      "-ec",
      "ip link add br0 type bridge; ip link set box master br0; ip link set req master br0; ip link set br0 up",
    ]);
    await box.run([
      "sh",
      "-ec",
      `ip addr add ${ADDRESSES.box}/24 dev eth0; ip addr add ${ADDRESSES.boxOnLan}/24 dev lan0; ip route add default via ${ADDRESSES.requester}; echo 1 > /proc/sys/net/ipv4/ip_forward`,
    ]);
    await lan.run(["ip", "addr", "add", `${ADDRESSES.lanHost}/24`, "dev", "eth0"]);
    await requester.run([
      "sh",
      "-ec",
      `ip addr add ${ADDRESSES.requester}/24 dev eth0; ip addr add ${ADDRESSES.beyond}/32 dev lo`,
    ]);
  }

  private async serveTunnel(): Promise<void> {
    this.requester.spawn(["wireguard-go", "-f", this.device]);
    const { device, requester, requesterKey } = this;
    await until(
      "the requester's WireGuard",
      async () => (await requester.tryRun(["wg", "show", device])).exitCode === 0,
    );
    await requester.run(
      ["wg", "set", device, "listen-port", String(TUNNEL_PORT), "private-key", "/dev/stdin"],
      { input: requesterKey.privateKey },
    );
    await requester.run([
      "sh",
      "-ec",
      `ip addr add ${ADDRESSES.requesterInside}/24 dev ${device}; ip link set ${device} mtu 1420 up`,
    ]);
  }
}

async function newKey(): Promise<{ privateKey: string; publicKey: string }> {
  const privateKey = (await run(["wg", "genkey"])).trim();
  return { privateKey, publicKey: (await run(["wg", "pubkey"], { input: privateKey })).trim() };
}
