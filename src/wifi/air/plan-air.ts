import { join } from "node:path";
import type { WifiConfig } from "../../config/index.ts";
import { HostapdConfError } from "../hostapd-conf/index.ts";
import {
  canCarry,
  type PlannedChannel,
  type PlannedInterface,
  type PlannedRadio,
  type RadioPlan,
  type Role,
} from "../plan/index.ts";
import type { Radio, RadioInventory } from "../radio-inventory.ts";
import { WpaConfError } from "../wpa-conf/index.ts";
import { accessPointConf } from "./access-point.ts";
import type { AirInterface, AirPlan, AirRadio, AirService } from "./air-plan.ts";
import { ownAddress } from "./own-address.ts";
import { meshConf, stationConf, type UplinkNetwork } from "./supplicant.ts";

export interface AirWishes {
  config: Pick<WifiConfig, "power_dbm" | "radios">;
  /** The bridge that guests are on. */
  bridge: string;
  runFolder: string;
  /** SHA-256 of the device key. */
  deviceHash: Uint8Array;
  /** Undefined: there is none to protect a mesh with. */
  meshPassword: string | undefined;
  uplinks: readonly UplinkNetwork[];
  /** Radios on which an access point did not start with all that they say they can do, by path. */
  plain: ReadonlySet<string>;
}

const TYPE_OF = { open: "AP", owe: "AP", mesh: "mesh point", uplink: "managed" } as const satisfies Record<
  Role,
  AirInterface["type"]
>;

/**
 * Turns the radio plan into interfaces, files and commands. A radio for which no file can be written, as the options for it
 * do not go together, does nothing, and the others what they can.
 */
export function planAir(plan: RadioPlan, inventory: RadioInventory, wishes: AirWishes): AirPlan {
  const busy = plan.radios.filter(({ interfaces }) => interfaces.length > 0);
  const isWithoutMesh =
    wishes.meshPassword === undefined &&
    busy.some(({ interfaces }) => interfaces.some(({ role }) => role === "mesh"));
  const refused = isWithoutMesh
    ? ["no mesh of radios: this box is in no network yet, and wifi.mesh.password_file names no password"]
    : [];
  const radios = busy.flatMap((planned) => {
    const radio = inventory.radios.find(({ phy }) => phy === planned.phy);
    if (radio === undefined) return [];
    try {
      return airRadio(planned, radio, plan.country, wishes);
    } catch (error) {
      if (!(error instanceof HostapdConfError || error instanceof WpaConfError)) throw error;
      refused.push(`${planned.phy}: ${error.message}`);
      return [];
    }
  });
  return { country: plan.country, radios: radios.filter(({ interfaces }) => interfaces.length > 0), refused };
}

/** @throws {HostapdConfError} {WpaConfError} */
function airRadio(planned: PlannedRadio, radio: Radio, country: string, wishes: AirWishes): AirRadio {
  const { config, meshPassword, deviceHash, plain } = wishes;
  const isPlain = plain.has(radio.path);
  const wanted = planned.interfaces.filter(
    ({ role }) => !(role === "mesh" && meshPassword === undefined) && !(role === "owe" && isPlain),
  );
  const interfaces = wanted.map(({ name, role }, index): AirInterface => {
    const isFirst = index === 0 && !radio.apByHostapd;
    return {
      name,
      role,
      type: TYPE_OF[role],
      macAddress: isFirst ? undefined : ownAddress(deviceHash, radio.path, role),
      madeBy: role === "owe" ? "hostapd" : isFirst ? "driver" : "box",
    };
  });
  const own = config.radios.find(({ path }) => radio.path.endsWith(path))?.power_dbm ?? 0;
  return {
    phy: radio.phy,
    path: radio.path,
    channel: planned.channel,
    powerLimitDbm: own > 0 || config.power_dbm > 0 ? planned.powerDbm : undefined,
    interfaces,
    services: services({ planned, radio, country, interfaces, wanted, wishes }),
  };
}

interface ServicePlan {
  planned: PlannedRadio;
  radio: Radio;
  country: string;
  interfaces: readonly AirInterface[];
  wanted: readonly PlannedInterface[];
  wishes: AirWishes;
}

function services({ planned, radio, country, interfaces, wanted, wishes }: ServicePlan): AirService[] {
  const { channel, beaconIntervalTu } = planned;
  const { bridge, runFolder, meshPassword, plain, uplinks } = wishes;
  const controlDirectory = join(runFolder, "wpa");
  const all: AirService[] = [];
  const open = wanted.find((one) => one.role === "open");
  const twin = wanted.find((one) => one.role === "owe");
  if (open && channel) {
    const text = accessPointConf({
      radio: { ...planned, channel },
      open,
      twin,
      addresses: addressesOf(interfaces),
      capabilities: radio.bands.find(({ band }) => band === channel.band),
      country,
      bridge,
      controlDirectory: join(runFolder, "hostapd"),
      plain: plain.has(radio.path),
    });
    all.push(hostapd([open.name, ...(twin ? [twin.name] : [])], text, runFolder));
  }
  for (const mesh of wanted) {
    if (mesh.role !== "mesh" || channel === undefined || meshPassword === undefined) continue;
    const text = meshConf({
      mesh,
      channel: narrow(channel),
      beaconIntervalTu,
      password: meshPassword,
      country,
      controlDirectory,
    });
    all.push(wpaSupplicant(mesh.name, text, runFolder));
  }
  const uplink = wanted.find((one) => one.role === "uplink");
  if (uplink && uplinks.length > 0) {
    const types = interfaces.map(({ type }) => type);
    const sharedFrequencyMhz = canCarry(radio, types, 2) ? undefined : channel?.frequencyMhz;
    const text = stationConf(uplinks, { country, controlDirectory, sharedFrequencyMhz });
    all.push(wpaSupplicant(uplink.name, text, runFolder));
  }
  return all;
}

/** The mesh's own 20 MHz, which all boxes have in common whatever an access point beside it makes of the channel. */
function narrow(channel: PlannedChannel): PlannedChannel {
  return { ...channel, widthMhz: 20, ht40: undefined, centerMhz: channel.frequencyMhz };
}

function addressesOf(interfaces: readonly AirInterface[]): { open: string; twin: string } | undefined {
  const of = (wanted: Role) => interfaces.find(({ role }) => role === wanted)?.macAddress;
  const [open, twin] = [of("open"), of("owe")];
  return open === undefined ? undefined : { open, twin: twin ?? "" };
}

function hostapd(interfaces: readonly string[], text: string, runFolder: string): AirService {
  const name = `hostapd-${interfaces[0]}`;
  const path = join(runFolder, `${name}.conf`);
  const controls = interfaces.map((one) => ({ interface: one, path: join(runFolder, "hostapd", one) }));
  return { name, program: "hostapd", command: ["hostapd", path], file: { path, text }, controls };
}

function wpaSupplicant(name: string, text: string, runFolder: string): AirService {
  const path = join(runFolder, `wpa-${name}.conf`);
  return {
    name: `wpa-${name}`,
    program: "wpa_supplicant",
    command: ["wpa_supplicant", "-D", "nl80211", "-i", name, "-c", path],
    file: { path, text },
    controls: [{ interface: name, path: join(runFolder, "wpa", name) }],
  };
}
