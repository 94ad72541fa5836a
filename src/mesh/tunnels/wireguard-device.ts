import type { Logger } from "../../host/log.ts";
import { run, tryRun } from "../../host/run.ts";
import type { Supervised } from "../../host/supervise.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";
import { parseWireGuardDump, type WireGuardStatus } from "./wireguard-dump.ts";
import {
  kernelWireGuard,
  noteInterface,
  removeNoted,
  removeSocket,
  wireGuardGo,
} from "./wireguard-process.ts";

/** What the interface of one end of a tunnel is to be. */
export interface DeviceWish {
  /**
   * Network namespace (ip-netns(8)) into which the interface goes. Its UDP socket stays where the daemon is, as the
   * namespace of a WireGuard interface's birth is the one of its socket (wireguard.com/netns).
   */
  netns?: string;
  /** Own addresses inside the tunnel with prefix length: "10.66.0.1/24". Beside them it gets a link-local one. */
  addresses: readonly string[];
  /** What may come out of the tunnel and is sent into it: "10.66.0.2/32", "0.0.0.0/0". */
  allowedIps: readonly string[];
  /** Bytes; default 1,420, which fits an outer MTU of 1,500 over IPv6. */
  mtu?: number;
}

export interface PeerSettings {
  /** Base64. */
  publicKey: string;
  endpoint?: Endpoint;
  /** Forgets the peer's session first. The next packet then begins a handshake at once, which WireGuard else does only every 5 s (REKEY_TIMEOUT). */
  fresh: boolean;
}

/** One end of a tunnel as the tunnel uses it. */
export interface TunnelDevice {
  readonly name: string;
  readonly netns?: string;
  /** Makes the interface, or makes it anew where it has gone. @returns own public key (base64) and UDP port, which stay */
  ensure(): Promise<{ publicKey: string; listenPort: number }>;
  setPeer(peer: PeerSettings): Promise<void>;
  /** @returns undefined when the interface has gone, or has lost its key with its process */
  status(): Promise<WireGuardStatus | undefined>;
  remove(): Promise<void>;
}

const DEFAULT_MTU = 1_420;

/** Link-local addresses of the two ends: by them the ends prove to each other that the tunnel carries. */
export const LINK_LOCAL = { leader: "fe80::1", follower: "fe80::2" } as const;
export type TunnelRole = keyof typeof LINK_LOCAL;
export const otherRole = (role: TunnelRole): TunnelRole => (role === "leader" ? "follower" : "leader");

/** A WireGuard interface with one peer: the kernel's where it has it, else wireguard-go's. */
export class WireGuardDevice implements TunnelDevice {
  private privateKey = "";
  private publicKey = "";
  private listenPort = 0;
  private process: Supervised | undefined;
  private peerKey: string | undefined;
  private wgInside = false;
  readonly netns?: string;

  constructor(
    readonly name: string,
    private readonly role: TunnelRole,
    private readonly wish: DeviceWish,
    private readonly runFolder: string,
    private readonly log: Logger,
  ) {
    if (wish.netns !== undefined) this.netns = wish.netns;
  }

  async ensure(): Promise<{ publicKey: string; listenPort: number }> {
    if (this.netns !== undefined) await expectNamespace(this.netns);
    if (this.privateKey === "") {
      this.privateKey = (await run(["wg", "genkey"])).trim();
      this.publicKey = (await run(["wg", "pubkey"], { input: this.privateKey })).trim();
    }
    this.peerKey = undefined;
    await this.createInterface();
    await run(
      this.wg("set", this.name, "private-key", "/dev/stdin", "listen-port", String(this.listenPort)),
      {
        input: this.privateKey,
      },
    );
    await this.bringUp();
    if (this.listenPort === 0) await this.keepPort();
    return { publicKey: this.publicKey, listenPort: this.listenPort };
  }

  async setPeer({ publicKey, endpoint, fresh }: PeerSettings): Promise<void> {
    const peer = this.wg("set", this.name, "peer", publicKey);
    if (fresh && this.peerKey === publicKey) await run([...peer, "remove"]);
    await run([
      ...peer,
      ...["allowed-ips", this.allowedIps().join(",")],
      ...(endpoint ? ["endpoint", endpointText(endpoint)] : []),
    ]);
    this.peerKey = publicKey;
  }

  async status(): Promise<WireGuardStatus | undefined> {
    const shown = await tryRun(this.wg("show", this.name, "dump"));
    if (shown.exitCode !== 0 || shown.stdout.startsWith("(none)")) return undefined;
    return parseWireGuardDump(shown.stdout);
  }

  async remove(): Promise<void> {
    if (this.process) {
      await this.process.stop();
      removeSocket(this.name);
    } else await removeNoted(this.runFolder, this.name);
    this.process = undefined;
  }

  private async createInterface(): Promise<void> {
    if (await kernelWireGuard()) {
      if (await this.isInPlace()) return;
      // Before there is one: a daemon that is killed now leaves it to the next.
      noteInterface(this.runFolder, this.name, this.netns);
      try {
        await run(["ip", "link", "add", this.name, "type", "wireguard"]);
        await this.moveInside();
      } catch (error) {
        // Where it was made it would be in the way of the next one.
        await removeNoted(this.runFolder, this.name);
        throw error;
      }
      this.wgInside = true;
      return;
    }
    if (!this.process) {
      this.process = wireGuardGo(this.name, this.runFolder, this.log);
      await this.process.start();
    }
    for (let tries = 0; tries < 100; tries++) {
      if ((await tryRun(this.wg("show", this.name, "dump"))).exitCode === 0) return;
      await Bun.sleep(20);
    }
    throw new Error(
      `${this.name}: wireguard-go does not answer; ${this.process.trouble ?? "no reason known"}`,
    );
  }

  private async bringUp(): Promise<void> {
    if (!(await this.isInPlace())) await this.moveInside();
    await allowIpv6(this.name, this.netns);
    const addresses = [`${LINK_LOCAL[this.role]}/64`, ...this.wish.addresses];
    await run([...this.ip(), "-batch", "-"], {
      input: [
        // The kernel would add a link-local address of its own, which the peer does not expect.
        `link set ${this.name} addrgenmode none mtu ${this.wish.mtu ?? DEFAULT_MTU}`,
        ...addresses.map((address) => `addr replace ${address} dev ${this.name} ${nodad(address)}`),
        `link set ${this.name} up`,
        "",
      ].join("\n"),
    });
  }

  /** The port that the kernel gave stays for the tunnel's life: the peer and NATs know it. */
  private async keepPort(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const port = (await this.status())?.listenPort ?? 0;
      if (port !== 0) {
        this.listenPort = port;
        await run(this.wg("set", this.name, "listen-port", String(port)));
        return;
      }
      await Bun.sleep(20);
    }
    throw new Error(`${this.name}: no UDP port`);
  }

  private async moveInside(): Promise<void> {
    if (this.netns !== undefined) await run(["ip", "link", "set", this.name, "netns", this.netns]);
  }

  private async isInPlace(): Promise<boolean> {
    return (await tryRun([...this.ip(), "link", "show", this.name])).exitCode === 0;
  }

  /** The kernel's is asked where the interface is; wireguard-go's has a socket in the file system. */
  private wg(...rest: string[]): string[] {
    const inside = this.wgInside && this.netns !== undefined ? ["ip", "netns", "exec", this.netns] : [];
    return [...inside, "wg", ...rest];
  }

  private ip(): string[] {
    return ["ip", ...(this.netns === undefined ? [] : ["-n", this.netns])];
  }

  private allowedIps(): string[] {
    return [`${LINK_LOCAL[otherRole(this.role)]}/128`, ...this.wish.allowedIps];
  }
}

async function expectNamespace(netns: string): Promise<void> {
  const { exitCode, stderr } = await tryRun(["ip", "-n", netns, "link", "show", "lo"]);
  if (exitCode !== 0) throw new Error(whyNotEntered(netns, stderr));
}

/**
 * To enter a namespace takes rights that the daemon has only where its operator has given them: better said at once, by the
 * name of what is missing, than by whichever step fails first.
 * @param stderr of an `ip -n` that has failed
 */
export function whyNotEntered(netns: string, stderr: string): string {
  const why = /not permitted/i.test(stderr)
    ? "the daemon lacks the rights for it (CAP_SYS_ADMIN; see namespaces.conf in /usr/share/omerta-box)"
    : stderr.trim();
  return `device.netns: ${netns} cannot be entered: ${why}`;
}

/**
 * A box may have IPv6 switched off; inside the tunnel, where the ends prove themselves by it, it is needed. What the
 * other end may send by it is still held to `allowedIps`.
 * @throws where the kernel has none
 */
async function allowIpv6(name: string, netns: string | undefined): Promise<void> {
  const inside = netns === undefined ? [] : ["ip", "netns", "exec", netns];
  const parameter = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  const set = await tryRun([...inside, "tee", parameter], { input: "0" });
  if (set.exitCode === 0) return;
  throw new Error(
    `${name}: IPv6, by which the ends of a tunnel prove that it carries, cannot be had: ${set.stderr.trim()}`,
  );
}

/** Nobody else is on the link, and the address is needed at once. */
const nodad = (address: string): string => (address.includes(":") ? "nodad" : "");
