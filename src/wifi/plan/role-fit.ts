import type { WifiConfig } from "../../config/index.ts";
import type { HeardNetwork } from "../heard/heard-network.ts";
import type { KnownRadio } from "../inventory/quirks.ts";
import type { Channel, InterfaceType } from "../radio-inventory.ts";
import { accessChannels, mayOpen } from "./channel-choice.ts";
import { canCarry } from "./combinations.ts";
import type { Role } from "./radio-plan.ts";

/** The usual interval, which every driver keeps exactly. */
export const BEACON_INTERVAL_TU = 100;

export const TYPE_OF: Readonly<Record<Role, InterfaceType>> = {
  open: "AP",
  owe: "AP",
  mesh: "mesh point",
  uplink: "managed",
};

/** A radio that the plan may use, with what the operator says of it. */
export interface Candidate {
  radio: KnownRadio;
  /** Where it stands in the inventory: interfaces are named by it. */
  index: number;
  use: WifiConfig["radios"][number]["use"];
  powerLimitDbm: number;
}

export interface Wishes {
  config: WifiConfig;
  heard: readonly HeardNetwork[];
}

/** How one radio can do several things at the same time. */
export interface Fit {
  /** The channel, where a mesh or an uplink decides on it; otherwise the access point is free to choose. */
  channel: Channel | undefined;
  /** The place of the channel among the mesh's. */
  meshChoice: number;
  /** The uplink has a channel of its own beside the others'. */
  ownUplinkChannel: boolean;
  beaconIntervalTu: number;
}

/** Whether a radio alone could take a role, apart from what else it does; otherwise why not, for an operator. */
export function whyNot({ radio, use }: Candidate, role: Role, { config }: Wishes): string | undefined {
  if (use === "off") return "is turned off by wifi.radios";
  const purpose = role === "open" || role === "owe" ? "access" : role;
  if (use !== "auto" && use !== purpose) return `is for ${use} only, by wifi.radios`;
  if (role === "uplink") return radio.types.includes("managed") ? undefined : "cannot join networks";
  if (role === "mesh") return whyNoMesh(radio, config.mesh.channels);
  if (!radio.types.includes("AP")) return "has no access point mode";
  if (accessChannels(radio, []).channels.length === 0) return whyNoChannel(radio);
  if (role === "open") return undefined;
  if (!radio.apByHostapd || !radio.pmf) return "admits stations in its firmware, which knows no OWE";
  return canCarry(radio, ["AP", "AP"], 1) ? undefined : "carries one network at a time";
}

function whyNoMesh(radio: KnownRadio, channels: readonly number[]): string | undefined {
  if (!radio.types.includes("mesh point")) return "has no mesh mode (802.11s)";
  if (!radio.meshPoint || !radio.sae || !radio.pmf) return "cannot protect a mesh by SAE";
  if (meshChannels(radio, channels).length > 0) return undefined;
  return `may not send first on any of the mesh's channels (${channels.join(", ")})`;
}

function whyNoChannel(radio: KnownRadio): string {
  const count = (test: (channel: Channel) => boolean) => radio.channels.filter(test).length;
  const disabled = count((one) => one.disabled);
  const radar = count((one) => !one.disabled && one.dfs);
  const passive = count((one) => !one.disabled && !one.dfs && one.noIr);
  return `may not open a network on any channel here: ${disabled} are not allowed, ${radar} are left to radar, on ${passive} others must be heard first`;
}

/** The mesh's channels that a radio may be on, in the mesh's order. */
export function meshChannels(radio: KnownRadio, numbers: readonly number[]): Channel[] {
  return numbers.flatMap(
    (number) => radio.channels.find((one) => one.number === number && mayOpen(one)) ?? [],
  );
}

/** Whether and how a radio can take all these roles at the same time. */
export function fitOf(candidate: Candidate, roles: readonly Role[], wishes: Wishes): Fit | undefined {
  const { radio } = candidate;
  if (roles.some((role) => whyNot(candidate, role, wishes) !== undefined)) return undefined;
  const types = roles.map((role) => TYPE_OF[role]);
  const meshes = roles.includes("mesh") ? meshChannels(radio, wishes.config.mesh.channels) : [];
  const opens = roles.some((role) => role !== "uplink");
  const place = (channel: Channel | undefined) =>
    channel === undefined ? 0 : wishes.config.mesh.channels.indexOf(channel.number);
  const own = { channel: meshes[0], meshChoice: place(meshes[0]), beaconIntervalTu: BEACON_INTERVAL_TU };
  if (!roles.includes("uplink") || !opens) {
    return canCarry(radio, types, 1) ? { ...own, ownUplinkChannel: false } : undefined;
  }
  if (canCarry(radio, types, 2)) {
    const interval = sharedInterval(radio, types, 2, uplinksHeard(wishes)[0]);
    return { ...own, ownUplinkChannel: true, beaconIntervalTu: interval };
  }
  if (!canCarry(radio, types, 1)) return undefined;
  for (const network of uplinksHeard(wishes)) {
    const channel = radio.channels.find(({ frequencyMhz }) => frequencyMhz === network.frequencyMhz);
    if (channel === undefined || !mayOpen(channel)) continue;
    if (roles.includes("mesh") && !meshes.includes(channel)) continue;
    const beaconIntervalTu = sharedInterval(radio, types, 1, network);
    return {
      channel,
      meshChoice: roles.includes("mesh") ? place(channel) : 0,
      ownUplinkChannel: false,
      beaconIntervalTu,
    };
  }
  return undefined;
}

/** Where station and access point must beat alike, the network that is joined sets the beat. */
function sharedInterval(
  radio: KnownRadio,
  types: readonly InterfaceType[],
  channels: number,
  network: HeardNetwork | undefined,
): number {
  const free = { ...radio, combinations: radio.combinations.filter((one) => !one.sameBeaconInterval) };
  return canCarry(free, types, channels)
    ? BEACON_INTERVAL_TU
    : (network?.beaconIntervalTu ?? BEACON_INTERVAL_TU);
}

/** Networks that may serve as an uplink and are in reach: in the operator's order, of each name the strongest first. */
export function uplinksHeard({ config, heard }: Wishes): HeardNetwork[] {
  return config.uplinks.flatMap(({ ssid }) =>
    heard.filter((one) => one.ssid === ssid).sort((a, b) => b.signalDbm - a.signalDbm),
  );
}
