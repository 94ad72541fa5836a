import type { PlannedChannel, PlannedInterface } from "../plan/index.ts";
import { generateWpaConf, type StationNetwork, type StationSecurity } from "../wpa-conf/index.ts";

export interface MeshPlan {
  mesh: Extract<PlannedInterface, { role: "mesh" }>;
  channel: PlannedChannel;
  beaconIntervalTu: number;
  password: string;
  country: string;
  controlDirectory: string;
}

/**
 * wpa_supplicant's file for the mesh. It looks for others on its own channel alone, so that it is there in seconds, and
 * leaves the paths to what routes over it.
 * @throws {WpaConfError}
 */
export function meshConf(plan: MeshPlan): string {
  const { mesh, channel, beaconIntervalTu, password, country, controlDirectory } = plan;
  return generateWpaConf({
    controlDirectory,
    ...(country === "00" ? {} : { country }),
    networks: [
      {
        mode: "mesh",
        ssid: mesh.meshId,
        security: { kind: "sae", password },
        frequencyMhz: channel.frequencyMhz,
        widthMhz: 20,
        scanFrequenciesMhz: [channel.frequencyMhz],
        forwarding: false,
        beaconIntervalTu,
      },
    ],
  });
}

/** A network that may serve as an uplink; without a password it is open. */
export interface UplinkNetwork {
  ssid: string;
  password: string | undefined;
}

export interface StationPlan extends Pick<MeshPlan, "country" | "controlDirectory"> {
  /**
   * Of the one channel that the radio has for an access point or a mesh too. A look at any other takes those off the air for a
   * while, and what is found there cannot be joined. Undefined: the station has the radio, or a channel of it, to itself.
   */
  sharedFrequencyMhz: number | undefined;
}

/** wpa_supplicant's file for a station in one of several networks, the best first. @throws {WpaConfError} */
export function stationConf(
  networks: readonly UplinkNetwork[],
  { country, controlDirectory, sharedFrequencyMhz }: StationPlan,
): string {
  const shared = sharedFrequencyMhz === undefined ? undefined : [sharedFrequencyMhz];
  return generateWpaConf({
    controlDirectory,
    ...(country === "00" ? {} : { country }),
    networks: networks.map(
      ({ ssid, password }, index): StationNetwork => ({
        mode: "station",
        ssid,
        priority: networks.length - index,
        ...(shared ? { scanFrequenciesMhz: shared, frequenciesMhz: shared } : {}),
        security: stationSecurity(password),
      }),
    ),
  });
}

/** WPA2's passphrases have 8 to 63 characters (IEEE 802.11-2020, J.4); what is none can be WPA3's alone. */
function stationSecurity(password: string | undefined): StationSecurity {
  if (password === undefined || password === "") return { kind: "open" };
  if (/^[\x20-\x7e]{8,63}$/.test(password)) return { kind: "wpa2-wpa3", passphrase: password };
  return { kind: "wpa3", password };
}
