import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  generateWpaConf,
  type MeshNetwork,
  parseWpaConf,
  type StationNetwork,
  type StationSecurity,
  WpaConfError,
  type WpaOptions,
} from "../../../../src/wifi/wpa-conf/index.ts";
import { arbitraryWpaOptions } from "./arbitrary-wpa-options.ts";

const mesh: MeshNetwork = {
  mode: "mesh",
  ssid: "boxes",
  frequencyMhz: 2412,
  widthMhz: 20,
  scanFrequenciesMhz: [2412],
  security: { kind: "sae", password: "mesh secret #1" },
  forwarding: false,
  beaconIntervalTu: 100,
  dtimPeriod: 2,
};
const station: StationNetwork = { mode: "station", ssid: "Café", security: { kind: "open" } };
const secured = (security: StationSecurity): WpaOptions => ({ networks: [{ ...station, security }] });
const withMesh = (
  change: Partial<MeshNetwork>,
  rest: Partial<WpaOptions> = { country: "DE" },
): WpaOptions => ({
  ...rest,
  networks: [{ ...mesh, ...change }],
});

const KEYS =
  `autoscan beacon_int bssid country ctrl_interface disable_ht40 disable_vht disabled dtim_period freq_list
  frequency id_str ieee80211w key_mgmt mac_addr max_oper_chwidth max_peer_links mesh_fwding mesh_max_inactivity
  mesh_rssi_threshold mode no_auto_peer owe_only pairwise preassoc_mac_addr priority proto psk sae_groups sae_password
  sae_pwe scan_freq scan_ssid ssid user_mpm`.split(/\s+/);

describe("a file for wpa_supplicant", () => {
  test("says what its options say: a mesh that SAE protects", () => {
    expect(generateWpaConf({ controlDirectory: "/run/wpa", country: "DE", networks: [mesh] })).toBe(
      `ctrl_interface=DIR=/run/wpa
user_mpm=1
country=DE
network={
	mode=5
	ssid="boxes"
	frequency=2412
	scan_freq=2412
	mesh_fwding=0
	beacon_int=100
	dtim_period=2
	disable_ht40=1
	disable_vht=1
	key_mgmt=SAE
	sae_password="mesh secret #1"
	ieee80211w=2
}
`,
    );
  });

  test("says what its options say: uplinks", () => {
    const networks: StationNetwork[] = [
      { ...station, security: { kind: "owe" }, priority: 1 },
      {
        ...station,
        hidden: true,
        bssid: "02:00:00:00:00:01",
        security: { kind: "wpa2-wpa3", passphrase: "12345678" },
      },
    ];
    expect(generateWpaConf({ networks })).toBe(
      `network={
	ssid="Café"
	priority=1
	proto=RSN
	key_mgmt=OWE
	pairwise=CCMP
	ieee80211w=2
}
network={
	ssid="Café"
	scan_ssid=1
	bssid=02:00:00:00:00:01
	proto=RSN
	key_mgmt=WPA-PSK SAE
	pairwise=CCMP
	ieee80211w=1
	psk="12345678"
}
`,
    );
  });

  test("gives its options back, whatever they are", () => {
    fc.assert(
      fc.property(arbitraryWpaOptions(), (options) => {
        expect(parseWpaConf(generateWpaConf(options))).toEqual(options);
      }),
      { numRuns: 300 },
    );
  });

  test("gives back a name with what only Unicode calls a control character", () => {
    const options: WpaOptions = { networks: [{ ...station, ssid: "Caf\u0085", security: { kind: "open" } }] };
    expect(parseWpaConf(generateWpaConf(options))).toEqual(options);
  });

  test("has none of the options unused: the arbitrary ones try every key", () => {
    const keys = new Set<string>();
    for (const options of fc.sample(arbitraryWpaOptions(), { numRuns: 300, seed: 1 }))
      for (const line of generateWpaConf(options).split("\n")) keys.add(line.trim().split("=")[0] ?? "");
    for (const key of KEYS) expect(keys).toContain(key);
  });

  test("that somebody else wrote is read too: comments, blanks, capital letters, the end of a line of DOS", () => {
    const text = `# An example.
ctrl_interface=/run/wpa # all of root
network={\r
  ssid=436166c3a9   # hex of UTF-8
  key_mgmt=SAE WPA-PSK
  psk="a#b c#defg" # the rest
  ieee80211w=1
  bssid=02:AB:00:00:00:01
}
`;
    expect(parseWpaConf(text)).toEqual({
      controlDirectory: "/run/wpa",
      networks: [
        { ...station, bssid: "02:ab:00:00:00:01", security: { kind: "wpa2-wpa3", passphrase: "a#b c#defg" } },
      ],
    });
  });
});

describe("options that wpa_supplicant could not follow", () => {
  test.each<[string, WpaOptions]>([
    ['country: "de" is not two capital letters', { country: "de", networks: [] }],
    ["controlGroupId: needs controlDirectory", { controlGroupId: 1, networks: [] }],
    ['controlDirectory: "run" is not an absolute path', { controlDirectory: "run", networks: [] }],
    ['autoscan: {"everyS":0} is not', { autoscan: { everyS: 0 }, networks: [] }],
    ["networks: a mesh is alone on its interface", { networks: [mesh, station] }],
    ["networks: 65 are more than 64", { networks: Array.from({ length: 65 }, () => station) }],
    ["maxPeers: is for a mesh", { maxPeers: 3, networks: [station] }],
    ["randomScanAddress: is for stations", withMesh({}, { randomScanAddress: true })],
    ["networks[0].frequencyMhz: 2413 is the middle of no channel", withMesh({ frequencyMhz: 2413 })],
    ["country: a mesh on 5180 MHz needs it", withMesh({ frequencyMhz: 5180 }, {})],
    ["networks[0].widthMhz: 40 MHz are for 5 GHz", withMesh({ widthMhz: 40 })],
    [
      "networks[0].widthMhz: 160 MHz are made from 5180 and 5520 MHz alone",
      withMesh({ frequencyMhz: 5200, widthMhz: 160 }),
    ],
    [
      "networks[0].security.kind: 6 GHz needs sae",
      withMesh({ frequencyMhz: 5955, security: { kind: "open" } }),
    ],
    ["passwordElement: 6 GHz needs hash-to-element", withMesh({ frequencyMhz: 5955 })],
    ["networks[0].ssid: ", { networks: [{ ...station, ssid: { hex: "zz" } }] }],
    ["networks[0].priority: -1 is not", { networks: [{ ...station, priority: -1 }] }],
    ["networks[0].security.key: it is not a passphrase", secured({ kind: "wpa2", passphrase: "short" })],
    [
      "networks[0].security.key: it is not a passphrase",
      secured({ kind: "wpa2", passphrase: 'odd " mark, #1' }),
    ],
    ["networks[0].security.key: it is not", secured({ kind: "wpa2", psk: "ab" })],
    ["networks[0].security.password: it is not a password", secured({ kind: "wpa3", password: "a\nb" })],
  ])("are refused by name: %s", (message, options) => {
    expect(() => generateWpaConf(options)).toThrow(WpaConfError);
    expect(() => generateWpaConf(options)).toThrow(message);
  });

  test("are the only ones that are refused: those that the others here differ from are taken", () => {
    for (const options of [withMesh({}), { networks: [] }, { networks: [station, station] }])
      expect(parseWpaConf(generateWpaConf(options))).toEqual(options);
  });
});

const head = 'network={\nssid="a"\n';

describe("a file of wpa_supplicant that cannot be followed", () => {
  test.each<[string, string]>([
    ["line 1: nonsense: is not known, or has no meaning here", "nonsense=1\n"],
    ["line 4: nonsense: is not known, or has no meaning here", `${head}key_mgmt=NONE\nnonsense=1\n}\n`],
    ["line 4: psk: is not known, or has no meaning here", `${head}key_mgmt=NONE\npsk="12345678"\n}\n`],
    ["line 2: is no key=value", "\n}\n"],
    ['line 2: networks[0].ssid: "\\"a" is not', 'network={\nssid="a # no end\n}\n'],
    ["line 3: networks[0]: has no }", head],
    ["networks[0].security: key_mgmt is missing", `${head}}\n`],
    ["networks[0].ssid: is missing", "network={\n}\n"],
    ['line 3: networks[0].mode: "2" is not 0', `${head}mode=2\n}\n`],
    [
      "line 4: networks[0].security: SAE needs ieee80211w=2",
      `${head}mode=5\nkey_mgmt=SAE\nfrequency=2412\nsae_password="x"\n}\n`,
    ],
    ["line 3: networks[0].security: OWE needs ieee80211w=2", `${head}key_mgmt=OWE\n}\n`],
    ['line 3: networks[0].security: "WPA-EAP" is not OWE', `${head}key_mgmt=WPA-EAP\n}\n`],
    [
      "line 4: networks[0].security: pairwise is not CCMP",
      `${head}key_mgmt=WPA-PSK\npairwise=TKIP\npsk="12345678"\n}\n`,
    ],
    [
      "line 6: networks[0].widthMhz: disable_ht40, disable_vht, max_oper_chwidth say no width together",
      `${head}mode=5\nkey_mgmt=NONE\nfrequency=2412\ndisable_ht40=1\n}\n`,
    ],
    ['line 1: user_mpm: "0" is not 1', `user_mpm=0\n${head}mode=5\nkey_mgmt=NONE\nfrequency=2412\n}\n`],
    ["line 4: key_mgmt: is there twice", `${head}key_mgmt=NONE\nkey_mgmt=NONE\n}\n`],
    ["line 1: is too long", "a".repeat(511)],
    ["more than 65536 characters", "#\n".repeat(32_769)],
    ["line 129: networks: more than 64", "network={\n}\n".repeat(65)],
  ])("is refused with %s", (message, text) => {
    expect(() => parseWpaConf(text)).toThrow(WpaConfError);
    expect(() => parseWpaConf(text)).toThrow(message);
  });

  test("is told by its own error, whatever it is; what is read can be written", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc
        .tuple(arbitraryWpaOptions(), fc.nat(), fc.nat(), fc.string({ maxLength: 3 }))
        .map(([options, at, count, put]) => {
          const text = generateWpaConf(options);
          const start = at % text.length;
          return text.slice(0, start) + put + text.slice(start + (count % 12));
        }),
    );
    let read = 0;
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const options = parseWpaConf(text);
          read += 1;
          expect(parseWpaConf(generateWpaConf(options))).toEqual(options);
        } catch (error) {
          if (!(error instanceof WpaConfError)) throw error;
        }
      }),
      { numRuns: 400 },
    );
    expect(read).toBeGreaterThan(0);
  });
});
