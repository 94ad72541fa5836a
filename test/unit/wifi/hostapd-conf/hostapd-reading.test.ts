import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  generateHostapdConf,
  HostapdConfError,
  parseHostapdConf,
} from "../../../../src/wifi/hostapd-conf/index.ts";
import { arbitraryOptions } from "./arbitrary-options.ts";

const head = 'interface=wlan0\nhw_mode=g\nchannel=6\nssid2="a"\n';
const head5 = 'interface=wlan0\ncountry_code=DE\nhw_mode=a\nssid2="a"\nieee80211n=1\n';

describe("a file of hostapd that cannot be followed", () => {
  test.each<[string, string]>([
    ["line 5: nonsense: is not known, or has no meaning here", `${head}nonsense=1\n`],
    ["line 5: wpa_passphrase: is not known, or has no meaning here", `${head}wpa_passphrase=12345678\n`],
    ["line 5: vht_capab: is not known, or has no meaning here", `${head}vht_capab=[RXLDPC]\n`],
    [
      "line 6: channel: is not known, or has no meaning here",
      `${head}bss=b\nchannel=1\nssid2="b"\nbssid=02:00:00:00:00:01\n`,
    ],
    ["line 5: is no key=value", `${head}ap_isolate\n`],
    ["line 6: ap_isolate: is there twice", `${head}ap_isolate=1\nap_isolate=0\n`],
    ["line 5: has a control character", `${head}ap_isolate=1\r\n`],
    ['line 5: bss[0].isolate: "yes" is not 0 or 1', `${head}ap_isolate=yes\n`],
    ['line 5: bss[0].maxStations: "020" is not a whole number', `${head}max_num_sta=020\n`],
    ['line 6: bss[1].interface: "a/b" is not an interface', `${head}\nbss=a/b\nssid2="b"\n`],
    ["bss[1].ssid: is missing", `${head}bss=b\n`],
    ["hw_mode: is missing", "interface=wlan0\n"],
    [
      'line 2: radio.channel.band: "ad" is not one of a, b, g',
      'interface=wlan0\nhw_mode=ad\nchannel=1\nssid2="a"\n',
    ],
    [
      'line 3: radio.channel.number: "acs_survey" is not a channel\'s number',
      'interface=wlan0\nhw_mode=g\nchannel=acs_survey\nssid2="a"\n',
    ],
    [
      "line 7: radio.channel: the second channel of 36 is not there",
      `${head5}channel=36\nht_capab=[HT40-]\n`,
    ],
    [
      "line 10: radio.channel: the middle of 80 MHz with channel 36 is 42, not 50",
      `${head5}channel=36\nht_capab=[HT40+]\nieee80211ac=1\nvht_oper_chwidth=1\nvht_oper_centr_freq_seg0_idx=50\n`,
    ],
    [
      "line 11: radio.channel.widthMhz: 802.11ac has 80 MHz, 802.11ax 40 MHz",
      `${head5}channel=36\nht_capab=[HT40+]\nieee80211ac=1\nvht_oper_chwidth=1\nieee80211ax=1\nhe_oper_chwidth=0\n`,
    ],
    ["line 5: bss[0].security: WPA's first version is not offered", `${head}wpa=3\nwpa_key_mgmt=WPA-PSK\n`],
    [
      "line 6: bss[0].security: OWE needs ieee80211w=2",
      `${head}wpa=2\nwpa_key_mgmt=OWE\nrsn_pairwise=CCMP\nieee80211w=1\n`,
    ],
    [
      "line 6: bss[0].security: SAE needs ieee80211w=2",
      `${head}wpa=2\nwpa_key_mgmt=SAE\nrsn_pairwise=CCMP\nsae_password=abc\n`,
    ],
    [
      "line 6: bss[0].security: WPA-PSK SAE needs ieee80211w=1 or 2",
      `${head}wpa=2\nwpa_key_mgmt=WPA-PSK SAE\nrsn_pairwise=CCMP\nwpa_passphrase=12345678\n`,
    ],
    [
      "line 7: bss[0].security: rsn_pairwise is not CCMP",
      `${head}wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=TKIP\n`,
    ],
    [
      "line 6: bss[0].security.passphrase: is missing",
      `${head}wpa=2\nwpa_key_mgmt=WPA-PSK SAE\nrsn_pairwise=CCMP\nieee80211w=1\n`,
    ],
    ["line 5: bss[0].acl: is 0 with deny_mac_file", `${head}macaddr_acl=2\n`],
    ["bss[1].bssid: is needed by each network but the first", `${head}bss=b\nssid2="b"\n`],
    ["more than 16 networks", head + Array.from({ length: 16 }, (_, index) => `bss=w${index}\n`).join("")],
    ["line 1: is too long", `#\n${"a".repeat(4_095)}`.slice(2)],
    ["more than 65536 characters", "#\n".repeat(32_769)],
  ])("is refused with %s", (message, text) => {
    expect(() => parseHostapdConf(text)).toThrow(HostapdConfError);
    expect(() => parseHostapdConf(text)).toThrow(message);
  });

  test("tells no password", () => {
    const text = `${head}wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=secret\n`;
    expect(() => parseHostapdConf(text)).toThrow("line 8: bss[0].security.passphrase: it is not");
    expect(() => parseHostapdConf(text)).not.toThrow("secret");
  });

  test("is told by its own error, whatever it is; what is read can be written", () => {
    const lines = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc
        .array(
          fc.oneof(fc.string(), fc.constantFrom(...head.split("\n"), "bss=b", "wpa=2", "ieee80211n=1")),
          { maxLength: 20 },
        )
        .map((all) => all.join("\n")),
      fc
        .tuple(arbitraryOptions(), fc.nat(), fc.nat(), fc.string({ maxLength: 3 }))
        .map(([options, at, count, put]) => {
          const text = generateHostapdConf(options);
          const start = at % text.length;
          return text.slice(0, start) + put + text.slice(start + (count % 12));
        }),
    );
    let read = 0;
    fc.assert(
      fc.property(lines, (text) => {
        try {
          const options = parseHostapdConf(text);
          read += 1;
          expect(parseHostapdConf(generateHostapdConf(options))).toEqual(options);
        } catch (error) {
          if (!(error instanceof HostapdConfError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
    expect(read).toBeGreaterThan(0);
  });
});
