import { makeWireGuardKey, wireGuardPublicKey } from "../../../src/host/wireguard-key.ts";
import { kernelWireGuard, removeSocket } from "../../../src/mesh/tunnels/wireguard-process.ts";
import { type LabHost, until } from "../../lab/lab.ts";
import type { Served, ServeOrder } from "../../lab/vm-pool-box.ts";
import { PoolBox } from "../../lab/vm-pool-client.ts";
import { set } from "../../lab/vm-requester.ts";
import { STRAIGHT, type VmStand } from "./stand.ts";

/** The requester's own address inside, and one of no network that its machines send to. */
export const INSIDE = "10.99.0.1";
/** Machines of the pool that wait. */
export const WAITING = 2;
const DEVICE = "obvmreq";
const PORT = 51_830;

/** A requester's end of tunnels without anything else, and a box whose machines come from a pool. */
export class Tunnelled {
  private given = 14;

  private constructor(
    readonly stand: VmStand,
    readonly pool: PoolBox,
    private readonly publicKey: string,
  ) {}

  static async open(stand: VmStand): Promise<Tunnelled> {
    const { requester } = stand;
    const privateKey = makeWireGuardKey();
    await makeWireGuard(requester, DEVICE);
    await requester.run(["wg", "set", DEVICE, "listen-port", String(PORT), "private-key", "/dev/stdin"], {
      input: privateKey,
    });
    await set(requester, `address add ${INSIDE}/24 dev ${DEVICE}`, `link set ${DEVICE} mtu 1420 up`);
    const order = {
      ...{
        folder: stand.folder("tunnelled"),
        manifest: stand.manifest,
        diskMiB: 0,
        keep: 2,
        isReaped: false,
      },
      libvirt: stand.libvirtOrder,
    };
    return new Tunnelled(stand, await PoolBox.start(stand.enter, order), wireGuardPublicKey(privateKey));
  }

  /** A machine of the box's whose SSH is reached through its tunnel, by its address there. */
  async machine(): Promise<{ address: string; id: string; publicKey: string }> {
    await until("a machine that waits", async () => (await this.pool.stock()).machines > 0, 240_000);
    this.given += 1;
    const address = `10.99.0.${this.given}`;
    const privateKey = makeWireGuardKey();
    const publicKey = wireGuardPublicKey(privateKey);
    await this.admit(publicKey, address);
    const tunnel = { ...this.peer, privateKey, address, dns: undefined };
    const order: ServeOrder = { tunnel, sshKey: this.stand.sshKey };
    const { id } = await this.pool.call<Served>("serve", order);
    return { address, id, publicKey };
  }

  /** What another end of a tunnel has to know. */
  get peer() {
    return { peerKey: this.publicKey, endpoint: { address: STRAIGHT.requester, port: PORT } };
  }

  /** Believes another end of a tunnel that these addresses are there, and no others. */
  admit(publicKey: string, ...addresses: string[]): Promise<string> {
    const networks = addresses.map((address) => `${address}/32`).join(",");
    return this.stand.requester.run(["wg", "set", DEVICE, "peer", publicKey, "allowed-ips", networks]);
  }

  /** By which way the requester sends to an address: its tunnel, or the cable. */
  async reach(address: string, by: "tunnel" | "cable"): Promise<void> {
    await set(
      this.stand.requester,
      by === "tunnel"
        ? `route replace ${address}/32 dev ${DEVICE}`
        : `route replace ${address}/32 via ${STRAIGHT.box}`,
    );
  }

  async unreach(address: string): Promise<void> {
    await set(this.stand.requester, `route del ${address}/32`);
  }

  async close(): Promise<void> {
    await this.pool.call("stop");
    await this.pool.end();
  }
}

/** The implementation that the box takes as well. */
export async function makeWireGuard(host: LabHost, name: string): Promise<void> {
  if (await kernelWireGuard()) return void (await host.run(["ip", "link", "add", name, "type", "wireguard"]));
  // Of a run that was killed.
  removeSocket(name);
  host.spawn(["wireguard-go", "-f", name]);
  await until(
    `WireGuard in ${host.name}`,
    async () => (await host.tryRun(["wg", "show", name])).exitCode === 0,
  );
}
