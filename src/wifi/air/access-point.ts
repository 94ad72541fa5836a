import {
  type BssOptions,
  generateHostapdConf,
  HT_CAPABILITIES,
  type RadioOptions,
  VHT_CAPABILITIES,
} from "../hostapd-conf/index.ts";
import type { PlannedChannel, PlannedInterface, PlannedRadio } from "../plan/index.ts";
import type { BandCapabilities } from "../radio-inventory.ts";

type Open = Extract<PlannedInterface, { role: "open" }>;
type Twin = Extract<PlannedInterface, { role: "owe" }>;

export interface AccessPointPlan {
  radio: PlannedRadio & { channel: PlannedChannel };
  open: Open;
  twin: Twin | undefined;
  /** Undefined: the interface keeps the address that it has. With a twin both have one. */
  addresses: { open: string; twin: string } | undefined;
  capabilities: BandCapabilities | undefined;
  country: string;
  bridge: string;
  controlDirectory: string;
  /** As little as can be asked of a chip: for one that did not start with more. */
  plain: boolean;
}

/** hostapd's file for the open network of one radio and its encrypted twin. @throws {HostapdConfError} */
export function accessPointConf(plan: AccessPointPlan): string {
  const { open, twin, addresses, bridge, controlDirectory } = plan;
  const common = ({ ssid, maxStations, isolation }: Open | Twin) => ({
    ssid,
    bridge,
    controlDirectory,
    // Further than 2007 no association id reaches (IEEE 802.11-2020, 9.4.1.8).
    ...(maxStations === undefined ? {} : { maxStations: Math.min(maxStations, 2_007) }),
    ...(isolation ? { isolate: true } : {}),
  });
  const first: BssOptions = {
    ...common(open),
    interface: open.name,
    ...(addresses ? { bssid: addresses.open } : {}),
    security: twin && addresses ? { kind: "open", transition: { interface: twin.name } } : { kind: "open" },
  };
  if (twin === undefined || addresses === undefined)
    return generateHostapdConf({ radio: radioOptions(plan), bss: [first] });
  const second: BssOptions = {
    ...common(twin),
    interface: twin.name,
    bssid: addresses.twin,
    hidden: "empty",
    security: { kind: "owe", transition: { interface: open.name } },
  };
  return generateHostapdConf({ radio: radioOptions(plan), bss: [first, second] });
}

/**
 * 802.11ax is left out: it brings nothing to an open network in a crowd of old phones, and some of them (drivers of Intel's
 * before 2019) do not see networks that announce it.
 */
function radioOptions({ radio, capabilities, country, plain }: AccessPointPlan): RadioOptions {
  const { number, band, widthMhz } = plain ? { ...radio.channel, widthMhz: 20 as const } : radio.channel;
  const ht = !plain && capabilities?.ht === true;
  const vht = ht && capabilities.vht && band === "5GHz";
  return {
    channel: { band, number, widthMhz: ht ? widthMhz : 20 },
    beaconIntervalTu: radio.beaconIntervalTu,
    ...(country === "00" ? {} : { countryCode: country, advertiseCountry: true }),
    ...(ht ? { ht: { capabilities: htCapabilities(capabilities, widthMhz) } } : {}),
    ...(vht ? { vht: { capabilities: vhtCapabilities(capabilities) } } : {}),
  };
}

/** Of what the chip can do what fits a width, in hostapd's words. */
function htCapabilities({ htCapabilities: own, band }: BandCapabilities, widthMhz: number) {
  const unfit = ["40-INTOLERANT", ...(widthMhz === 20 ? ["SHORT-GI-40"] : [])];
  if (band !== "2.4GHz" || widthMhz === 20) unfit.push("DSSS_CCK-40");
  return HT_CAPABILITIES.filter((name) => own.includes(`[${name}]`) && !unfit.includes(name));
}

/** Without those of 160 MHz, which no plan has. */
function vhtCapabilities({ vhtCapabilities: own }: BandCapabilities) {
  return VHT_CAPABILITIES.filter((name) => own.includes(`[${name}]`) && !name.includes("160"));
}
