import type { Radio } from "../radio-inventory.ts";

/** What a driver or a firmware does other than it says, by whoever found out. */
export interface Quirk {
  drivers: readonly string[];
  /** Of the firmware's version; without it, of all. */
  firmware?: RegExp;
  /** What is true instead. */
  truth: Partial<Pick<Radio, "maxStations" | "apIsolation">> & {
    /** An access point on it works badly: only where there is no other. */
    lastResort?: true;
  };
  /** When it matters: always, with guests on it, or when guests and an uplink share it. */
  matters: "always" | "guests" | "guests and uplink";
  /** In a sentence for an operator. */
  words: string;
  source: string;
}

/** brcmfmac tells ethtool the FWID: cyfmac43455-sdio-minimal of Raspberry Pi OS. */
const MINIMAL_43455 = /01-8e379eb9/;

export const QUIRKS: readonly Quirk[] = [
  {
    drivers: ["brcmfmac"],
    firmware: MINIMAL_43455,
    truth: { maxStations: 19 },
    matters: "guests",
    words: "with the minimal firmware 19 stations fit on this chip",
    source: "https://github.com/raspberrypi/documentation/issues/2520",
  },
  {
    drivers: ["brcmfmac"],
    firmware: new RegExp(`^(?!.*${MINIMAL_43455.source})`),
    truth: { maxStations: 7 },
    matters: "guests",
    words:
      "the usual firmware of Raspberry Pis takes 7 to 10 stations, and halted at the eighth in some versions; for the 43455 there is a minimal one that takes 19 (package firmware-brcm80211 of Raspberry Pi OS)",
    source: "https://github.com/raspberrypi/firmware/issues/1403",
  },
  {
    drivers: ["brcmfmac"],
    truth: { apIsolation: false },
    matters: "guests",
    words: "guests cannot be kept apart on this chip: they reach each other directly",
    source: "https://github.com/RaspAP/raspap-docs/issues/17",
  },
  {
    drivers: ["brcmfmac"],
    truth: {},
    matters: "guests and uplink",
    words: "an uplink by the same chip makes the access point slow and at times unreliable",
    source: "https://github.com/raspberrypi/linux/issues/2453",
  },
  {
    drivers: ["ath9k_htc"],
    truth: { maxStations: 7 },
    matters: "guests",
    words: "its firmware has 8 places for stations, of which each interface takes one",
    source:
      "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/drivers/net/wireless/ath/ath9k/htc.h (ATH9K_HTC_MAX_STA)",
  },
  {
    drivers: ["iwlwifi"],
    truth: {},
    matters: "guests",
    words:
      "Intel's firmware sets the country by itself and takes none from the box: an access point at 5 GHz is not to be had",
    source: "https://vincent.bernat.ch/en/blog/2014-intel-7260-access-point",
  },
  {
    drivers: ["rtw88_8821cu", "rtw_8821cu"],
    truth: { lastResort: true },
    matters: "guests",
    words: "access points were found broken with this driver (Linux 6.8)",
    source: "https://github.com/morrownr/8821cu-20210916/issues/115",
  },
  {
    drivers: [
      "rtl88xxau",
      "88XXau",
      "rtl8812au",
      "8812au",
      "rtl88x2bu",
      "88x2bu",
      "rtl8821cu",
      "8821cu",
      "8821au",
      "8814au",
    ],
    truth: { lastResort: true },
    matters: "always",
    words:
      "this driver is not part of the kernel and is no longer kept up to date; it runs one interface at a time",
    source:
      "https://github.com/morrownr/USB-WiFi/blob/main/home/USB_WiFi_Adapter_out-of-kernel_drivers_for_Linux.md",
  },
  {
    drivers: ["mt76x0u"],
    truth: {},
    matters: "always",
    words:
      "this driver tells 2 dBm at 2.4 GHz of an adapter that was found to reach far: do not choose by the power that is told",
    source: "https://github.com/morrownr/USB-WiFi/blob/main/home/iw_list/ALFA_AWUS036ACHM_mt7610u.md",
  },
  {
    drivers: ["mt76x2u"],
    truth: {},
    matters: "always",
    words:
      "it draws up to 400 mA: two of them on a Raspberry Pi failed until the power supply was stronger or another device was unplugged",
    source: "https://github.com/morrownr/7612u/issues/5",
  },
];

/** A radio as it is, rather than as it says. */
export interface KnownRadio extends Radio {
  lastResort: boolean;
  /** What is known of it. */
  quirks: readonly Quirk[];
}

/** Puts what is known of a driver and its firmware in the place of what it says. */
export function knownRadio(radio: Radio): KnownRadio {
  const quirks = QUIRKS.filter(
    ({ drivers, firmware }) => drivers.includes(radio.driver) && (firmware?.test(radio.firmware) ?? true),
  );
  const limits = [radio.maxStations, ...quirks.map(({ truth }) => truth.maxStations)].filter(
    (count) => count !== undefined,
  );
  return {
    ...radio,
    maxStations: limits.length > 0 ? Math.min(...limits) : undefined,
    apIsolation: radio.apIsolation && quirks.every(({ truth }) => truth.apIsolation !== false),
    lastResort: quirks.some(({ truth }) => truth.lastResort),
    quirks,
  };
}
