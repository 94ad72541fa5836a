import fc from "fast-check";
import type {
  MeshNetwork,
  StationNetwork,
  StationSecurity,
  WpaOptions,
} from "../../../../src/wifi/wpa-conf/index.ts";
import {
  arbitraryBssid,
  arbitraryPassphrase,
  arbitraryPsk,
  arbitrarySsid,
  some,
} from "../hostap-syntax/arbitrary-values.ts";

const bool = fc.boolean();
const yes = fc.constant(true as const);
const password = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 24 }),
    fc.string({ unit: fc.constantFrom("#", '"', "\\", " ", "x"), minLength: 1, maxLength: 12 }),
  )
  .filter((text) => !/\p{Cc}/u.test(text) && Buffer.byteLength(text) <= 128);
/** Those that wpa_supplicant would take for a comment from the # on are refused, and tried elsewhere. */
const passphrase = fc
  .oneof(
    arbitraryPassphrase,
    fc.string({ unit: fc.constantFrom("#", " ", "a", "\\"), minLength: 8, maxLength: 20 }),
  )
  .filter((text) => !(text.includes('"') && text.includes("#")));
const frequencies = fc.uniqueArray(fc.constantFrom(2412, 2437, 2462, 5180, 5955), {
  minLength: 1,
  maxLength: 5,
});

const security: fc.Arbitrary<StationSecurity> = fc.oneof(
  fc.constant({ kind: "open" as const }),
  fc.record({ kind: fc.constant("owe" as const), only: bool }, { requiredKeys: ["kind"] }),
  fc.record(
    {
      kind: fc.constant("wpa2" as const),
      sha256: yes,
      pmf: fc.constantFrom("optional", "required"),
      passphrase,
    },
    { requiredKeys: ["kind", "passphrase"] },
  ),
  fc.record(
    {
      kind: fc.constant("wpa2" as const),
      sha256: yes,
      pmf: fc.constantFrom("optional", "required"),
      psk: arbitraryPsk,
    },
    { requiredKeys: ["kind", "psk"] },
  ),
  fc.record({ kind: fc.constant("wpa3" as const), password }),
  fc.record(
    { kind: fc.constant("wpa2-wpa3" as const), passphrase, password, sha256: yes },
    { requiredKeys: ["kind", "passphrase"] },
  ),
);

const station: fc.Arbitrary<StationNetwork> = fc.record(
  {
    mode: fc.constant("station" as const),
    ssid: arbitrarySsid,
    security,
    hidden: bool,
    bssid: arbitraryBssid,
    priority: fc.integer({ min: 0, max: 1000 }),
    scanFrequenciesMhz: frequencies,
    frequenciesMhz: frequencies,
    disabled: bool,
    address: fc.constantFrom("permanent", "random", "random-same-maker"),
    id: fc.constantFrom("uplink-1", "home_2"),
  },
  { requiredKeys: ["mode", "ssid", "security"] },
);

/** Channels with the widths that they have. */
const channels = fc.oneof(
  fc.record(
    { frequencyMhz: fc.constantFrom(2412, 2437, 2472, 2484), widthMhz: fc.constant(20 as const) },
    { requiredKeys: ["frequencyMhz"] },
  ),
  fc.record(
    {
      frequencyMhz: fc.constantFrom(5180, 5240, 5500, 5520, 5745, 5885),
      widthMhz: fc.constantFrom(20, 40, 80),
    },
    { requiredKeys: ["frequencyMhz"] },
  ),
  fc.record({ frequencyMhz: fc.constantFrom(5180, 5520), widthMhz: fc.constant(160 as const) }),
  fc.record({ frequencyMhz: fc.constantFrom(5955, 6115, 7115) }),
);

const sae = fc.record({ kind: fc.constant("sae" as const), password });
const meshRest = some<Omit<MeshNetwork, "mode" | "ssid" | "security" | "frequencyMhz" | "widthMhz">>({
  scanFrequenciesMhz: frequencies,
  forwarding: bool,
  beaconIntervalTu: fc.integer({ min: 10, max: 65_535 }),
  dtimPeriod: fc.integer({ min: 1, max: 255 }),
  rssiThresholdDbm: fc.integer({ min: -100, max: -1 }),
  noAutoPeer: bool,
});
const mesh: fc.Arbitrary<MeshNetwork> = fc
  .tuple(arbitrarySsid, channels, sae, bool, meshRest)
  .map(([ssid, channel, secured, open, rest]) => ({
    mode: "mesh",
    ssid,
    ...channel,
    security: open && channel.frequencyMhz < 5955 ? { kind: "open" } : secured,
    ...rest,
  }));

const global = {
  saeGroups: fc.shuffledSubarray([19, 20, 21], { minLength: 1 }),
  country: fc.constantFrom("DE", "US"),
  passwordElement: fc.constantFrom("hunting-and-pecking", "hash-to-element", "both"),
};

/** Everything that wpa_supplicant is to take, every option of it somewhere. */
export function arbitraryWpaOptions(controlDirectory = "/run/wpa_supplicant"): fc.Arbitrary<WpaOptions> {
  const stations = fc.record(
    {
      ...global,
      randomScanAddress: bool,
      autoscan: fc.oneof(
        fc.record({ everyS: fc.integer({ min: 1, max: 3600 }) }),
        fc.record({ baseS: fc.integer({ min: 2, max: 60 }), limitS: fc.integer({ min: 60, max: 3600 }) }),
      ),
      networks: fc.array(station, { maxLength: 4 }),
    },
    { requiredKeys: ["networks"] },
  );
  const meshes = fc
    .record(
      {
        ...global,
        maxPeers: fc.integer({ min: 1, max: 255 }),
        peerInactivityS: fc.integer({ min: 1, max: 65_535 }),
        networks: fc.tuple(mesh),
      },
      { requiredKeys: ["networks"] },
    )
    .map((options): WpaOptions => {
      const frequencyMhz = options.networks[0]?.frequencyMhz ?? 0;
      return {
        ...options,
        ...(frequencyMhz >= 5180 && options.country === undefined ? { country: "DE" } : {}),
        ...(frequencyMhz >= 5955 ? { passwordElement: "hash-to-element" as const } : {}),
      };
    });
  const control = fc.constantFrom<Pick<WpaOptions, "controlDirectory" | "controlGroupId">[]>(
    {},
    { controlDirectory },
    { controlDirectory, controlGroupId: 0 },
  );
  return fc.tuple(fc.oneof(stations, meshes), control).map(([options, more]) => ({ ...options, ...more }));
}
