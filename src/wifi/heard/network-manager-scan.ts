import { z } from "zod";
import { bandOf } from "../inventory/bands.ts";
import type { HeardNetwork } from "./heard-network.ts";

const MAX_NETWORKS = 1_024;

const network = z.object({
  ssid: z.string().max(128),
  bssid: z.string().regex(/^[0-9A-F]{2}(:[0-9A-F]{2}){5}$/),
  channel: z.int().min(1).max(253),
  frequency: z.int().min(2_400).max(7_125),
  signal_level: z.number().min(-110).max(0),
});

/**
 * What NetworkManager heard, by node-wifi, where that manages the radios (a laptop that runs a bench; not the image).
 * Nothing is scanned anew, so no access point is disturbed.
 * @throws {Error} where `nmcli` is missing or NetworkManager does not run
 */
export async function heardByNetworkManager(): Promise<HeardNetwork[]> {
  const before = { ...process.env };
  // It sets the language of the whole process so that it can read nmcli.
  const { default: wifi } = await import("node-wifi");
  try {
    wifi.init({ iface: null });
    return fromNodeWifi(await wifi.scan());
  } finally {
    for (const name of ["LANG", "LC_ALL", "LC_MESSAGES"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

/**
 * Networks as node-wifi 2.0.16 gives them. It takes lines of nmcli apart at every colon, also at one in a network's
 * name, after which each field holds its neighbour's value: such entries are left out, since their channel and
 * frequency cannot both be right.
 */
export function fromNodeWifi(networks: unknown): HeardNetwork[] {
  if (!Array.isArray(networks)) return [];
  return networks.slice(0, MAX_NETWORKS).flatMap((value): HeardNetwork[] => {
    const { success, data } = network.safeParse(value);
    if (!success || channelOf(data.frequency) !== data.channel) return [];
    return [
      {
        ssid: data.ssid,
        bssid: data.bssid.toLowerCase(),
        frequencyMhz: data.frequency,
        // A percentage turned into dBm by node-wifi: good for comparing, not for measuring.
        signalDbm: data.signal_level,
        beaconIntervalTu: undefined,
      },
    ];
  });
}

function channelOf(frequencyMhz: number): number | undefined {
  const starts = { "2.4GHz": 2_407, "5GHz": 5_000, "6GHz": 5_950 };
  const band = bandOf(frequencyMhz);
  if (band === undefined) return undefined;
  return frequencyMhz === 2_484 ? 14 : (frequencyMhz - starts[band]) / 5;
}
