import fc from "fast-check";
import type { WifiConfig } from "../../../../src/config/index.ts";
import type { HeardNetwork } from "../../../../src/wifi/heard/heard-network.ts";
import type { Channel, InterfaceType, Radio, RadioInventory } from "../../../../src/wifi/radio-inventory.ts";

const NUMBERS_24 = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
const NUMBERS_5 = [
  34, 36, 38, 40, 42, 44, 46, 48, 52, 56, 60, 64, 100, 104, 108, 112, 149, 153, 157, 161, 165,
];
const NUMBERS_6 = [1, 5, 9, 13, 36, 37];

const flag = (percent: number) => fc.nat(99).map((value) => value < percent);

function channel(number: number, band: Channel["band"], frequencyMhz: number): fc.Arbitrary<Channel> {
  return fc.record({
    number: fc.constant(number),
    frequencyMhz: fc.constant(frequencyMhz),
    band: fc.constant(band),
    maxPowerDbm: fc.integer({ min: 1, max: 30 }),
    disabled: flag(15),
    noIr: flag(15),
    dfs: flag(15),
    widthsMhz: fc.oneof(fc.subarray([20, 40, 80, 160] as const), fc.constant([20, 40, 80] as const)),
    ht40: fc.oneof(fc.subarray(["+", "-"] as const), fc.constant(["+", "-"] as const)),
  });
}

const channels: fc.Arbitrary<Channel[]> = fc
  .tuple(
    fc.subarray(NUMBERS_24),
    fc.oneof(fc.subarray(NUMBERS_5), fc.constant(NUMBERS_5)),
    fc.subarray(NUMBERS_6),
  )
  .chain(([low, high, six]) =>
    fc.tuple(
      ...low.map((n) => channel(n, "2.4GHz", n === 14 ? 2_484 : 2_407 + 5 * n)),
      ...high.map((n) => channel(n, "5GHz", 5_000 + 5 * n)),
      ...six.map((n) => channel(n, "6GHz", 5_950 + 5 * n)),
    ),
  );

const types = fc.subarray<InterfaceType>(["managed", "AP", "mesh point", "monitor", "IBSS"]);

/** As mt76 and mac80211_hwsim have it. */
const usual = fc.record({
  limits: fc.constant([{ types: ["managed", "AP", "mesh point"] as const, max: 3 }]),
  total: fc.constantFrom(2, 3),
  channels: fc.constant(1),
  sameBeaconInterval: fc.boolean(),
});

const combination = fc.record({
  limits: fc.array(
    fc.record({
      types: fc.subarray<InterfaceType>(["managed", "AP", "mesh point", "IBSS"], { minLength: 1 }),
      max: fc.integer({ min: 0, max: 4 }),
    }),
    { maxLength: 4 },
  ),
  total: fc.integer({ min: 0, max: 5 }),
  channels: fc.integer({ min: 0, max: 2 }),
  sameBeaconInterval: fc.boolean(),
});

function radio(index: number): fc.Arbitrary<Radio> {
  return fc.record({
    phy: fc.constant(`phy${index}`),
    path: fc.constant(`platform/radio${index}`),
    driver: fc.constantFrom("mac80211_hwsim", "brcmfmac", "ath9k_htc", "88XXau", "mt76x2u"),
    firmware: fc.constantFrom("", "01-8e379eb9"),
    bus: fc.constantFrom("usb", "sdio", "pci", "platform"),
    usbId: fc.constant(""),
    macAddress: fc.constant(""),
    channels,
    types: fc.oneof(types, fc.constant<InterfaceType[]>(["managed", "AP", "mesh point"])),
    combinations: fc.oneof(
      fc.array(combination, { maxLength: 3 }),
      usual.map((one) => [one]),
    ),
    bands: fc.constant([]),
    sae: flag(80),
    pmf: flag(80),
    apByHostapd: flag(80),
    meshPoint: flag(80),
    maxStations: fc.option(fc.integer({ min: 1, max: 128 }), { nil: undefined }),
    apIsolation: fc.boolean(),
    interfaces: fc.constant([]),
  });
}

export const arbitraryInventory: fc.Arbitrary<RadioInventory> = fc
  .nat(5)
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => radio(index))))
  .chain((radios) => fc.record({ country: fc.constantFrom("00", "DE", "US"), radios: fc.constant(radios) }));

const anyChannel = fc.constantFrom(...NUMBERS_24.slice(0, 13), ...NUMBERS_5);

export const arbitraryWifiConfig: fc.Arbitrary<WifiConfig> = fc.record({
  enabled: flag(95),
  country: fc.constantFrom("", "DE"),
  ssid: fc.constant("Omerta Box"),
  open_network: flag(90),
  owe: flag(80),
  more_access_points: fc.boolean(),
  power_dbm: fc.constantFrom(0, 10),
  avoid_channels: fc.uniqueArray(anyChannel, { maxLength: 12 }),
  mesh: fc.record({
    enabled: flag(80),
    id: fc.constant("omerta"),
    channels: fc.uniqueArray(anyChannel, { minLength: 1, maxLength: 6 }),
    password: fc.constant(""),
    password_file: fc.constant(""),
    wires: fc.constant([]),
  }),
  uplinks: fc.constantFrom(
    [],
    [{ ssid: "Library", password: "", password_file: "" }],
    [
      { ssid: "Library", password: "", password_file: "" },
      { ssid: "Town Hall", password: "", password_file: "/p" },
    ],
  ),
  radios: fc.array(
    fc.record({
      path: fc.nat(5).map((index) => `radio${index}`),
      use: fc.constantFrom("auto", "access", "mesh", "uplink", "off"),
      power_dbm: fc.constantFrom(0, 5),
    }),
    { maxLength: 2 },
  ),
});

export const arbitraryHeard: fc.Arbitrary<HeardNetwork[]> = fc.array(
  fc.record({
    ssid: fc.constantFrom("Library", "Town Hall", "Neighbour", ""),
    bssid: fc.constant("00:c0:ca:00:00:01"),
    frequencyMhz: fc.constantFrom(2_412, 2_437, 2_472, 5_180, 5_200, 5_260, 5_500, 5_955),
    signalDbm: fc.integer({ min: -110, max: -10 }),
    beaconIntervalTu: fc.option(fc.constantFrom(100, 200), { nil: undefined }),
  }),
  { maxLength: 12 },
);
