import type { WifiConfig } from "../../config/index.ts";
import type { HeardNetwork } from "../heard/heard-network.ts";
import { knownRadio } from "../inventory/quirks.ts";
import type { RadioInventory } from "../radio-inventory.ts";
import { type Assignment, assignRoles } from "./assign-roles.ts";
import { accessChannels, leastOccupied, mayOpen, narrow, powerOf, widest } from "./channel-choice.ts";
import { twinName } from "./network-name.ts";
import { notesOf } from "./plan-notes.ts";
import type { PlannedChannel, PlannedInterface, PlannedRadio, RadioPlan, Role } from "./radio-plan.ts";
import { type Candidate, fitOf, meshChannels, type Wishes } from "./role-fit.ts";

/** More than any box has; the rest stays idle. */
const MAX_RADIOS = 16;

/** How strong the box's own radios count as neighbours of each other. */
const OWN_SIGNAL_DBM = -20;

/**
 * Says which radio does what, on which channel, and why. The open network comes first: whenever a radio that the
 * operator has not taken away can open it, one does. Nothing is ever planned on a channel that the country, the chip or
 * radar rules out. The same inventory, configuration and scan give the same plan.
 * @param config with the open network's name in it (`networkName`)
 * @param heard what a scan found, for the choice of channels and for uplinks that share a radio; may be empty
 */
export function planRadios(
  inventory: RadioInventory,
  config: WifiConfig,
  heard: readonly HeardNetwork[],
): RadioPlan {
  const wishes: Wishes = { config, heard };
  const candidates = inventory.radios.map((radio, index) => candidateOf(radio, index, config));
  const usable = config.enabled ? candidates.slice(0, MAX_RADIOS) : [];
  const roles = withSpareRadios(assignRoles(usable, wishes), usable, wishes);
  const channels = chooseChannels(roles, wishes);
  const radios = candidates.map((candidate): PlannedRadio => {
    const { phy, path, driver } = candidate.radio;
    const assigned = roles.get(candidate.index);
    const channel = channels.get(candidate.index);
    return {
      phy,
      path,
      driver,
      channel,
      powerDbm: channel && powerOf(candidate.radio, channel, candidate.powerLimitDbm),
      beaconIntervalTu: assigned?.fit.beaconIntervalTu ?? 100,
      interfaces: (assigned?.roles ?? []).map((role) => plannedInterface(role, candidate, config)),
    };
  });
  return { country: inventory.country, radios, notes: notesOf(inventory, candidates, roles, radios, wishes) };
}

function candidateOf(radio: RadioInventory["radios"][number], index: number, config: WifiConfig): Candidate {
  const own = config.radios.find(({ path }) => radio.path.endsWith(path));
  const limits = [own?.power_dbm ?? 0, config.power_dbm].filter((limit) => limit > 0);
  return {
    radio: knownRadio(radio),
    index,
    use: own?.use ?? "auto",
    powerLimitDbm: limits.length > 0 ? Math.min(...limits) : 0,
  };
}

/** Radios that are left over make a second way for the mesh, on its next channel, and more room for guests. */
function withSpareRadios(main: Assignment, candidates: readonly Candidate[], wishes: Wishes): Assignment {
  const { config } = wishes;
  const all = new Map(main);
  const hasMesh = [...main.values()].some(({ roles }) => roles.includes("mesh"));
  for (const candidate of candidates) {
    if (all.has(candidate.index) || candidate.radio.lastResort) continue;
    const taken = [...all.values()].flatMap(({ roles, fit }) =>
      roles.includes("mesh") && fit.channel ? [fit.channel.number] : [],
    );
    const free = config.mesh.channels.filter((number) => !taken.includes(number));
    const meshes: Role[] = hasMesh && meshChannels(candidate.radio, free).length > 0 ? ["mesh"] : [];
    const opens: Role[] = config.open_network && config.more_access_points ? ["open"] : [];
    const own: Wishes = { ...wishes, config: { ...config, mesh: { ...config.mesh, channels: free } } };
    for (const roles of [[...opens, ...meshes], meshes, opens]) {
      const fit = roles.length > 0 ? fitOf(candidate, roles, own) : undefined;
      if (fit === undefined) continue;
      all.set(candidate.index, { candidate, roles, fit });
      break;
    }
  }
  return all;
}

/** First the channels that are settled by a mesh or an uplink, then for each access point the least occupied one. */
function chooseChannels(roles: Assignment, { config, heard }: Wishes): Map<number, PlannedChannel> {
  const chosen = new Map<number, PlannedChannel>();
  for (const { candidate, fit } of roles.values()) {
    if (fit.channel) chosen.set(candidate.index, narrow(fit.channel));
  }
  for (const { candidate, roles: own, fit } of roles.values()) {
    if (fit.channel || !own.includes("open")) continue;
    const radios = [...chosen.values()].map(({ frequencyMhz }) => ownNetwork(frequencyMhz));
    const { channels } = accessChannels(candidate.radio, config.avoid_channels);
    const fast = candidate.radio.channels.filter(
      (one) => one.band === "5GHz" && mayOpen(one) && !config.avoid_channels.includes(one.number),
    );
    // The second access point is for those that are near: they have the faster band, and leave the other to the rest.
    const hasFar = [...roles.values()].some(
      (other) =>
        other.candidate !== candidate &&
        other.roles.includes("open") &&
        chosen.get(other.candidate.index)?.band === "2.4GHz",
    );
    const channel = leastOccupied(hasFar && fast.length > 0 ? fast : channels, [...heard, ...radios]);
    if (channel) chosen.set(candidate.index, widest(candidate.radio, channel, 80));
  }
  return chosen;
}

function ownNetwork(frequencyMhz: number): HeardNetwork {
  return { ssid: "", bssid: "", frequencyMhz, signalDbm: OWN_SIGNAL_DBM, beaconIntervalTu: undefined };
}

function plannedInterface(role: Role, { radio, index }: Candidate, config: WifiConfig): PlannedInterface {
  const { maxStations, apIsolation: isolation } = radio;
  switch (role) {
    case "open":
      return { role, name: `ap${index}`, ssid: config.ssid, maxStations, isolation };
    case "owe":
      return { role, name: `owe${index}`, ssid: twinName(config.ssid), maxStations, isolation };
    case "mesh":
      return { role, name: `mesh${index}`, meshId: config.mesh.id };
    case "uplink":
      return { role, name: `up${index}`, ssids: config.uplinks.map(({ ssid }) => ssid) };
  }
}
