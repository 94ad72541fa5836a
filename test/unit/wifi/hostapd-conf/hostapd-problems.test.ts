import { describe, expect, test } from "bun:test";
import {
  type BssOptions,
  generateHostapdConf,
  HostapdConfError,
  type HostapdOptions,
  type RadioOptions,
  type Security,
} from "../../../../src/wifi/hostapd-conf/index.ts";

const radio24: RadioOptions = { channel: { band: "2.4GHz", number: 6, widthMhz: 20 } };
const ht = { capabilities: [] };
const radio5: RadioOptions = { countryCode: "DE", channel: { band: "5GHz", number: 36, widthMhz: 20 }, ht };
const radio6: RadioOptions = {
  countryCode: "DE",
  channel: { band: "6GHz", number: 5, widthMhz: 80 },
  he: {},
};
const open: BssOptions = { interface: "wlan0", ssid: "a", security: { kind: "open" } };
const second: BssOptions = { ...open, interface: "wlan0_1", bssid: "02:00:00:00:00:01" };

const withRadio = (radio: Partial<RadioOptions>, base = radio24): HostapdOptions => ({
  radio: { ...base, ...radio },
  bss: [open],
});
const withBss = (...bss: BssOptions[]): HostapdOptions => ({ radio: radio24, bss });
const secured = (security: Security, radio = radio24): HostapdOptions => ({
  radio,
  bss: [{ ...open, security }],
});

const seen: BssOptions = {
  ...open,
  bssid: "02:00:00:00:00:00",
  controlDirectory: "/run/hostapd",
  security: { kind: "open", transition: { interface: "owe0" } },
};
const unseen: BssOptions = {
  ...seen,
  interface: "owe0",
  ssid: "b",
  bssid: "02:00:00:00:00:01",
  hidden: "empty",
  security: { kind: "owe", transition: { interface: "wlan0" } },
};
const without = (bss: BssOptions, key: "bssid" | "hidden" | "controlDirectory"): BssOptions => {
  const { [key]: _, ...rest } = bss;
  return rest;
};

describe("options that hostapd could not follow", () => {
  test.each<[string, HostapdOptions]>([
    [
      "radio.channel.number: 12 is no channel of 5GHz",
      withRadio({ channel: { band: "5GHz", number: 12, widthMhz: 20 } }, radio5),
    ],
    [
      "radio.channel.number: 2 is no channel of 6GHz",
      withRadio({ channel: { band: "6GHz", number: 2, widthMhz: 20 } }, radio6),
    ],
    [
      "radio.channel.secondary: 40 MHz on 2.4 GHz need",
      withRadio({ channel: { band: "2.4GHz", number: 6, widthMhz: 40 }, ht }),
    ],
    [
      "radio.channel.widthMhz: channel 11 of 2.4GHz has no 40 MHz+",
      withRadio({ channel: { band: "2.4GHz", number: 11, widthMhz: 40, secondary: "+" }, ht }),
    ],
    [
      "radio.channel.secondary: is for 40 MHz on 2.4 GHz alone",
      withRadio({ channel: { band: "5GHz", number: 36, widthMhz: 40, secondary: "-" } }, radio5),
    ],
    [
      "radio.channel.widthMhz: channel 132 of 5GHz has no 160 MHz",
      withRadio({ channel: { band: "5GHz", number: 132, widthMhz: 160 } }, radio5),
    ],
    [
      "radio.channel.widthMhz: channel 233 of 6GHz has no 40 MHz",
      withRadio({ channel: { band: "6GHz", number: 233, widthMhz: 40 } }, radio6),
    ],
    [
      "radio.channel.widthMhz: 40 MHz need ht",
      withRadio({ channel: { band: "2.4GHz", number: 6, widthMhz: 40, secondary: "+" } }),
    ],
    [
      "radio.channel.widthMhz: 80 MHz need vht",
      withRadio({ channel: { band: "5GHz", number: 36, widthMhz: 80 } }, radio5),
    ],
    [
      "radio.vht.capabilities: 160 MHz need VHT160",
      withRadio({ channel: { band: "5GHz", number: 36, widthMhz: 160 }, vht: { capabilities: [] } }, radio5),
    ],
    ["radio.countryCode: is needed on 5GHz", { radio: { channel: radio5.channel, ht }, bss: [open] }],
    ['radio.countryCode: "de" is not two capital letters', withRadio({ countryCode: "de" })],
    ["radio.advertiseCountry: needs a country", withRadio({ advertiseCountry: true })],
    ["radio.radarDetection: needs advertiseCountry", withRadio({ countryCode: "DE", radarDetection: true })],
    [
      "radio.radarDetection: is needed on channel 52 with 20 MHz",
      withRadio({ channel: { band: "5GHz", number: 52, widthMhz: 20 } }, radio5),
    ],
    [
      "radio.radarDetection: is needed on channel 36 with 160 MHz",
      withRadio(
        { channel: { band: "5GHz", number: 36, widthMhz: 160 }, vht: { capabilities: ["VHT160"] } },
        radio5,
      ),
    ],
    ["radio.powerConstraintDb: needs advertiseCountry", withRadio({ powerConstraintDb: 3 })],
    [
      "radio.spectrumManagementRequired: needs powerConstraintDb",
      withRadio({ spectrumManagementRequired: true }),
    ],
    [
      "radio.channel.number: 14 is for Japan alone",
      withRadio({ channel: { band: "2.4GHz", number: 14, widthMhz: 20 }, countryCode: "US" }),
    ],
    [
      "radio.channel.number: 14 is for 802.11b alone",
      withRadio({ channel: { band: "2.4GHz", number: 14, widthMhz: 20 }, countryCode: "JP", ht }),
    ],
    ["radio.supportedRates: 10 is a rate of 2.4 GHz alone", withRadio({ supportedRates: [10, 60] }, radio5)],
    [
      "radio.basicRates: 60 is not among supportedRates",
      withRadio({ supportedRates: [120], basicRates: [60] }),
    ],
    ["radio.beaconIntervalTu: 9 is not a whole number from 10 to 65535", withRadio({ beaconIntervalTu: 9 })],
    [
      "radio.vht: needs ht",
      withRadio({ vht: { capabilities: [] } }, { countryCode: "DE", channel: radio5.channel }),
    ],
    ["radio.vht: is for 5 GHz alone", withRadio({ ht, vht: { capabilities: [] } })],
    ["radio.he: needs ht", withRadio({ he: {} })],
    ["radio.he: needs vht on 5 GHz", withRadio({ he: {} }, radio5)],
    ["radio.he: is needed on 6 GHz", { radio: { countryCode: "DE", channel: radio6.channel }, bss: [open] }],
    ["radio.ht: is not for 6 GHz", withRadio({ ht }, radio6)],
    [
      "radio.ht.capabilities: RX-STBC1 and RX-STBC12 exclude each other",
      withRadio({ ht: { capabilities: ["RX-STBC1", "RX-STBC12"] } }),
    ],
    [
      "radio.ht.capabilities: DSSS_CCK-40 is for 2.4 GHz alone",
      withRadio({ ht: { capabilities: ["DSSS_CCK-40"] } }, radio5),
    ],
    [
      "radio.vht.capabilities: BF-ANTENNA-2 means nothing without SU-BEAMFORMEE",
      withRadio({ vht: { capabilities: ["BF-ANTENNA-2"] } }, radio5),
    ],
    ["bss: 0 networks are not 1 to 16", withBss()],
    [
      'bss[0].interface: "0123456789abcdef" is not an interface',
      withBss({ ...open, interface: "0123456789abcdef" }),
    ],
    ['bss[0].ssid: "" is not a name of 1 to 32 bytes', withBss({ ...open, ssid: "" })],
    ['bss[0].ssid: "🦀🦀🦀🦀🦀🦀🦀🦀🦀" is not', withBss({ ...open, ssid: "🦀".repeat(9) })],
    ['bss[0].ssid: {"hex":"61"} is not', withBss({ ...open, ssid: { hex: "61" } })],
    ["bss[0].maxStations: 2008 is not", withBss({ ...open, maxStations: 2008 })],
    ["bss[0].proxyArp: needs isolate", withBss({ ...open, proxyArp: true, bridge: "br0" })],
    ["bss[0].proxyArp: needs a bridge", withBss({ ...open, proxyArp: true, isolate: true })],
    ["bss[0].bridge: is the interface itself", withBss({ ...open, bridge: "wlan0" })],
    ["bss[0].wmm: 802.11n and later need it", { radio: { ...radio24, ht }, bss: [{ ...open, wmm: false }] }],
    ["bss[0].uapsd: needs wmm", withBss({ ...open, uapsd: true })],
    [
      "bss[0].acl.denyFile: ",
      withBss({ ...open, acl: { policy: "accept-unless-denied", denyFile: "relative" } }),
    ],
    [
      "bss[0].interworking.networkAuthentication: needs additionalStep",
      withBss({ ...open, interworking: { networkAuthentication: { kind: "terms" } } }),
    ],
    ["bss[1].bssid: is needed by each network but the first", withBss(open, without(second, "bssid"))],
    [
      "bss[1].bssid: 00:11:22:33:44:55 is not locally administered",
      withBss(open, { ...second, bssid: "00:11:22:33:44:55" }),
    ],
    [
      'bss[1].bssid: "03:11:22:33:44:55" is not an address',
      withBss(open, { ...second, bssid: "03:11:22:33:44:55" }),
    ],
    [
      "bss[1].bssid: 02:00:00:00:00:01 is there twice",
      withBss({ ...open, bssid: "02:00:00:00:00:01" }, second),
    ],
    ["bss[1].interface: wlan0 is there twice", withBss(open, { ...second, interface: "wlan0" })],
    [
      "bss[0].security.passphrase: it is not a passphrase of 8 to 63",
      secured({ kind: "wpa2", passphrase: "short" }),
    ],
    ["bss[0].security.psk: it is not 64 hexadecimal digits", secured({ kind: "wpa2", psk: "00" })],
    ["bss[0].security.password: it is not a password", secured({ kind: "wpa3", password: "cut|id=here" })],
    ["bss[0].security.kind: open is not for 6 GHz", secured({ kind: "open" }, radio6)],
    [
      "bss[0].security.kind: wpa2-wpa3 is not for 6 GHz",
      secured({ kind: "wpa2-wpa3", passphrase: "12345678" }, radio6),
    ],
    [
      "bss[0].security.passwordElement: 6 GHz needs hash-to-element",
      secured({ kind: "wpa3", password: "12345678" }, radio6),
    ],
    ["bss[0].bssid: a transition needs it", withBss(without(seen, "bssid"), unseen)],
    ["bss[1].controlDirectory: a transition needs it", withBss(seen, without(unseen, "controlDirectory"))],
    ["bss[1].hidden: the encrypted one of a transition is hidden", withBss(seen, without(unseen, "hidden"))],
    ["bss[0].hidden: the open one of a transition is seen", withBss({ ...seen, hidden: "empty" }, unseen)],
    [
      "bss[0].security.transition: owe0 does not point back at wlan0",
      withBss(seen, { ...unseen, security: { kind: "owe" } }),
    ],
    [
      "bss[0].security.transition: owe0 is open, not owe",
      withBss(seen, { ...unseen, security: { kind: "open" } }),
    ],
    ["bss[0].security.transition: owe0 needs a name of its own", withBss(seen, { ...unseen, ssid: "a" })],
    [
      "bss[0].security.transition.ssid: is not the name of owe0",
      withBss(
        { ...seen, security: { kind: "open", transition: { ssid: "c", bssid: "02:00:00:00:00:01" } } },
        unseen,
      ),
    ],
  ])("are refused by name: %s", (message, options) => {
    expect(() => generateHostapdConf(options)).toThrow(HostapdConfError);
    expect(() => generateHostapdConf(options)).toThrow(message);
  });

  test("are the only ones that are refused: those that the others here differ from are taken", () => {
    for (const options of [
      withRadio({}),
      withRadio({}, radio5),
      withBss(open, second),
      withBss(seen, unseen),
    ])
      expect(generateHostapdConf(options)).toContain("interface=wlan0");
    expect(generateHostapdConf(secured({ kind: "owe" }, radio6))).toContain("op_class=133");
  });

  test("are told all at once, and passwords in none", () => {
    const options = {
      radio: withRadio({ he: {} }).radio,
      bss: [{ ...open, ssid: "", security: { kind: "wpa2" as const, passphrase: "secret" } }],
    };
    try {
      generateHostapdConf(options);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof HostapdConfError)) throw error;
      expect(error.problems.map(({ field }) => field)).toEqual([
        "radio.he",
        "bss[0].ssid",
        "bss[0].security.passphrase",
      ]);
      expect(error.message).not.toContain("secret");
    }
  });
});
