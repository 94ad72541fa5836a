import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { run } from "../../src/host/run.ts";
import type { Lab, LabHost } from "./lab.ts";
import { makeRoomForNeighbours } from "./neighbour-room.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { PHONE_INTERFACE, Phone } from "./phone.ts";
import { writeLeaseScript } from "./phone-lease.ts";

export { withNetworkOf } from "./network-namespace.ts";
export { Phone } from "./phone.ts";
export type { PhoneLease } from "./phone-lease.ts";
export {
  type OpenOptions,
  PhoneError,
  type PhonePage,
  type PhoneRequest,
  type PhoneResponse,
} from "./phone-request.ts";

/** The gateway and itself, from both ends. */
const NEIGHBOURS_OF_A_PHONE = 4;
/** Neighbours that every kernel keeps: gc_thresh1 by default. */
const ROOM_ANYWAY = 128;

/** Phones in the bridge of one gateway, all driven by this process. */
export class Swarm {
  readonly phones: Phone[] = [];
  private giveRoomBack: (() => void) | undefined;

  constructor(
    private readonly lab: Lab,
    private readonly bridgeHost: LabHost,
    /** The bridge's interface in `bridgeHost`. */
    private readonly bridge: string,
  ) {
    writeLeaseScript(lab);
  }

  /** Makes `count` more phones, plugged in and up, with distinct MAC addresses and no IP address yet. */
  async addPhones(count: number): Promise<Phone[]> {
    const first = this.phones.length;
    const swarm = Bun.hash.crc32(this.bridgeHost.name) & 0xffff;
    const plans = Array.from({ length: count }, (_, offset) => {
      const number = first + offset;
      return {
        name: `${this.bridgeHost.name}-p${number}`,
        port: `phone${number}`,
        // Locally administered, as the random addresses that phones use.
        mac: [0x02, swarm >> 8, swarm & 0xff, 0, number >> 8, number & 0xff].map(hexByte).join(":"),
      };
    });
    for (const { name } of plans) {
      mkdirSync(`/etc/netns/${name}`, { recursive: true });
      writeFileSync(`/etc/netns/${name}/resolv.conf`, "");
    }
    if (NEIGHBOURS_OF_A_PHONE * (first + count) > ROOM_ANYWAY) this.giveRoomBack ??= makeRoomForNeighbours();
    const { name: gateway } = this.bridgeHost;
    const batch = (lines: string[], namespace?: string) =>
      run(["ip", ...(namespace === undefined ? [] : ["-n", namespace]), "-batch", "-"], {
        input: `${lines.join("\n")}\n`,
        timeoutMs: 60_000,
      });
    await batch(plans.map(({ name }) => `netns add ${name}`));
    await batch(
      plans.map(
        ({ name, port, mac }) =>
          `link add ${PHONE_INTERFACE} address ${mac} netns ${name} type veth peer name ${port} netns ${gateway}`,
      ),
    );
    await batch(
      plans.map(({ port }) => `link set ${port} master ${this.bridge} up`),
      gateway,
    );
    const made = plans.map(({ name, mac }) => new Phone(this.lab, name, mac));
    this.phones.push(...made);
    for (const phone of made) {
      withNetworkOf(phone, tuneForLoad);
      await batch(["link set lo up", `link set ${PHONE_INTERFACE} up`], phone.name);
    }
    return made;
  }

  /** Calls `action` for every phone, at most `atOnce` at a time. */
  async each(action: (phone: Phone, index: number) => Promise<unknown>, atOnce = 16): Promise<void> {
    const queue = this.phones.entries();
    const worker = async () => {
      for (const [index, phone] of queue) await action(phone, index);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** Lets go of the phones' namespaces, which the lab removes, and gives back the room for their neighbours. */
  close(): void {
    for (const phone of this.phones.splice(0)) phone.close();
    this.giveRoomBack?.();
    this.giveRoomBack = undefined;
  }
}

/** Settings of the calling thread's network namespace, without which hundreds of phones measure the lab and not the gateway. */
function tuneForLoad(): void {
  // A phone opens more connections in a minute here than the port range and TIME_WAIT let it.
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
  writeFileSync("/proc/sys/net/ipv4/tcp_tw_reuse", "1");
  // With IPv6, each phone's neighbour discovery would be flooded to all the others.
  const ipv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
  if (existsSync(ipv6)) for (const scope of [ipv6, ipv6.replace("default", "all")]) writeFileSync(scope, "1");
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
