import type { Channel, Radio, RadioInventory } from "../radio-inventory.ts";
import { derivedWidths } from "./channel-widths.ts";
import { type DeviceFacts, NO_FACTS } from "./device-facts.ts";
import { type ChannelWidths, parseIwChannels } from "./iw-channels.ts";
import { parseIwDev } from "./iw-dev.ts";
import { type ListedPhy, parseIwPhy } from "./iw-phy.ts";
import { countryOf, parseIwReg } from "./iw-reg.ts";

/** What a machine says of its radios, as text. */
export interface RadioSources {
  /** `iw phy` */
  iwPhy: string;
  /** `iw reg get` */
  iwReg: string;
  /** `iw dev` */
  iwDev: string;
  /** `iw phy … channels` by the phy's name. Where it is missing, the widths are derived. */
  channels: Readonly<Record<string, string>>;
  /** By the phy's name. */
  devices: Readonly<Record<string, DeviceFacts>>;
}

/**
 * Reads what programs and sysfs say into an inventory. Radios come in the order of their device paths, which stays the
 * same through a reboot; the kernel's numbers do not.
 * @throws {InventoryError} when a text is larger than any real one
 */
export function readRadios({ iwPhy, iwReg, iwDev, channels, devices }: RadioSources): RadioInventory {
  const interfaces = parseIwDev(iwDev);
  const radios = parseIwPhy(iwPhy).map((phy): Radio => {
    const own = interfaces.filter(({ phyIndex }) => phyIndex === phy.index);
    const widths = parseIwChannels(channels[phy.phy] ?? "");
    return {
      phy: phy.phy,
      ...(devices[phy.phy] ?? NO_FACTS),
      channels: channelsOf(phy, widths),
      ...abilities(phy),
      interfaces: own.map(({ name, type }) => ({ name, type })),
    };
  });
  radios.sort((a, b) => compare(a.path, b.path) || compare(a.phy, b.phy));
  return { country: countryOf(parseIwReg(iwReg)), radios };
}

function channelsOf(phy: ListedPhy, widths: ReadonlyMap<number, ChannelWidths>): Channel[] {
  return phy.channels.flatMap((channel) => {
    const capabilities = phy.bands.find(({ band }) => band === channel.band);
    if (capabilities === undefined) return [];
    const derived = derivedWidths(channel, phy.channels, capabilities);
    return {
      ...channel,
      ...(widths.size > 0 && !channel.disabled ? (widths.get(channel.frequencyMhz) ?? derived) : derived),
    };
  });
}

/** Drivers of mac80211 leave it to hostapd to admit stations; those that do it themselves lack its commands. */
function abilities(phy: ListedPhy) {
  const { types, combinations, bands, sae, pmf, userspacePeering, maxStations, commands } = phy;
  return {
    types,
    combinations,
    bands,
    sae,
    pmf,
    apByHostapd: commands.includes("authenticate") && commands.includes("new_station"),
    meshPoint: types.includes("mesh point") && userspacePeering,
    maxStations,
    // hostapd's ap_isolate is set by NL80211_CMD_SET_BSS.
    apIsolation: commands.includes("set_bss"),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
