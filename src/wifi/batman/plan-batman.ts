import type { Config } from "../../config/index.ts";
import type { MeshInterface } from "../air/mesh-interfaces.ts";

/** The device that stands for all links to other boxes; the mesh takes it as one of the host's interfaces. */
export const BATMAN_DEVICE = "bat0";
/** The first hard interface gives a node its identity. A radio that goes would take it along: this one never goes. */
export const IDENTITY_DEVICE = "batid0";

/** With which a box's identity begins, locally administered. One of 16,000 radios may have such an address by chance. */
export const IDENTITY_PREFIX = "0e:6d";

/** An interface that batman-adv sends by. */
export interface HardInterface {
  name: string;
  kind: "radio" | "wire";
  /** 0 to 255: how much worse a path gets by this link, beside what it loses (kernel's hop_penalty of the interface). */
  hopPenalty: number;
  /** Bytes of a frame; undefined: left as it is. */
  mtu: number | undefined;
}

export interface BatmanPlan {
  /**
   * Not V: measured in an emulated machine on two boxes with a wire and a radio, both at intervals of 100 ms (V's
   * probes too), another link took over after 0.6 to 1.7 s with IV and 0.4 to 1.6 s with V, which is no difference
   * there. V sent twice as much by the radio to know it (6.3 kB/s against 3.0), and it stayed on a wire that lost every
   * second frame: it weighs how fast a link is, and IV what arrives.
   */
  algorithm: "BATMAN_IV";
  /** Of bat0, from which its link-local address follows, and of the identity. Locally administered. */
  macAddress: string;
  identityMacAddress: string;
  hardInterfaces: readonly HardInterface[];
  /** What was configured and cannot be, in words. */
  notes: readonly string[];
}

/** A frame of 1500 bytes with batman-adv's longest header (Documentation/networking/batman-adv.rst): nothing is cut in two. */
const RADIO_MTU = 1_560;
const HOP_PENALTY = { "2.4GHz": 20, "5GHz": 10, "6GHz": 10 } as const;
/** A radio that also serves phones has half its time. */
const SHARED_PENALTY = 20;

/**
 * What batman-adv is to be made of. A wire goes before a radio, and a radio of its own before one that phones share,
 * where none of them loses anything. A wire's MTU is left alone, as others on it may know no larger frames: what is
 * too long is sent in two.
 * @param keyHash SHA-256 of the device key, 32 bytes
 * @param guestPorts interfaces that guests are on: never a part of the mesh
 */
export function planBatman(
  config: Config["wifi"]["mesh"],
  keyHash: Uint8Array,
  radios: readonly MeshInterface[],
  guestPorts: readonly string[],
): BatmanPlan {
  const names = new Set(radios.map(({ name }) => name));
  const forGuests = config.wires.filter((name) => guestPorts.includes(name));
  const wires = config.wires.filter((name) => !guestPorts.includes(name) && !names.has(name));
  return {
    algorithm: "BATMAN_IV",
    macAddress: macAddress("02", keyHash.subarray(16, 21)),
    identityMacAddress: macAddress(IDENTITY_PREFIX, keyHash.subarray(21, 25)),
    hardInterfaces: [
      ...radios.map(({ name, band, shared }) => ({
        name,
        kind: "radio" as const,
        hopPenalty: HOP_PENALTY[band] + (shared ? SHARED_PENALTY : 0),
        mtu: RADIO_MTU,
      })),
      ...[...new Set(wires)].map((name) => ({ name, kind: "wire" as const, hopPenalty: 0, mtu: undefined })),
    ],
    notes: forGuests.map((name) => `${name} is for guests, so it is no wire of the mesh`),
  };
}

const macAddress = (prefix: string, bytes: Uint8Array): string =>
  [prefix, ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
