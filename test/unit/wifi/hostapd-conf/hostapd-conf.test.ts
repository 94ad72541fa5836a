import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  generateHostapdConf,
  type HostapdOptions,
  parseHostapdConf,
} from "../../../../src/wifi/hostapd-conf/index.ts";
import { arbitraryOptions } from "./arbitrary-options.ts";

const owned = { controlDirectory: "/run/hostapd", isolate: true } as const;
const wide: HostapdOptions = {
  radio: {
    countryCode: "DE",
    advertiseCountry: true,
    radarDetection: true,
    channel: { band: "5GHz", number: 60, widthMhz: 80 },
    beaconIntervalTu: 100,
    ht: { capabilities: ["LDPC", "SHORT-GI-20"] },
    vht: { capabilities: ["RXLDPC"] },
    he: { bssColor: 7 },
  },
  bss: [
    {
      interface: "wlan0",
      ssid: "Їжа і вода",
      security: { kind: "open", transition: { interface: "owe0" } },
      bssid: "02:00:00:00:00:00",
      bridge: "br-guests",
      maxStations: 32,
      ...owned,
    },
    {
      interface: "owe0",
      ssid: 'more "private"',
      security: { kind: "owe", transition: { interface: "wlan0" } },
      bssid: "02:00:00:00:00:10",
      hidden: "empty",
      ...owned,
    },
  ],
};

const WIDE_FILE = `interface=wlan0
country_code=DE
ieee80211d=1
ieee80211h=1
beacon_int=100
hw_mode=a
channel=60
ieee80211n=1
ht_capab=[HT40+][LDPC][SHORT-GI-20]
ieee80211ac=1
vht_capab=[RXLDPC]
vht_oper_chwidth=1
vht_oper_centr_freq_seg0_idx=58
ieee80211ax=1
he_bss_color=7
he_oper_chwidth=1
he_oper_centr_freq_seg0_idx=58
ssid2="Їжа і вода"
utf8_ssid=1
auth_algs=1
owe_transition_ifname=owe0
bssid=02:00:00:00:00:00
bridge=br-guests
ctrl_interface=/run/hostapd
max_num_sta=32
ap_isolate=1

bss=owe0
ssid2=P"more \\x22private\\x22"
auth_algs=1
wpa=2
wpa_key_mgmt=OWE
rsn_pairwise=CCMP
ieee80211w=2
owe_transition_ifname=wlan0
bssid=02:00:00:00:00:10
ctrl_interface=/run/hostapd
ignore_broadcast_ssid=1
ap_isolate=1
`;

describe("a file for hostapd", () => {
  test("says what its options say: 80 MHz, an open network and its encrypted twin", () => {
    expect(generateHostapdConf(wide)).toBe(WIDE_FILE);
  });

  test("gives back a name with what only Unicode calls a control character", () => {
    const options: HostapdOptions = {
      ...wide,
      bss: wide.bss.map((one) => ({ ...one, ssid: `Caf\u0085 ${one.interface}` })),
    };
    expect(parseHostapdConf(generateHostapdConf(options))).toEqual(options);
  });

  test("gives its options back, whatever they are", () => {
    fc.assert(
      fc.property(arbitraryOptions(), (options) => {
        expect(parseHostapdConf(generateHostapdConf(options))).toEqual(options);
      }),
      { numRuns: 200 },
    );
  });

  test("that somebody else wrote is read too: comments, order, ssid=, capital letters, what is as good as nothing", () => {
    const text = `# An example.
channel=36
hw_mode=a
country_code=DE
interface=wlan1
ssid=Café "1"

driver=nl80211
ieee80211n=1
ieee80211ac=0
ht_capab=[SHORT-GI-20][HT40+]
macaddr_acl=0
wpa=2
wpa_passphrase= 12345678
rsn_pairwise=CCMP
wpa_key_mgmt=WPA-PSK
bssid=02:AB:00:00:00:01
`;
    expect(parseHostapdConf(text)).toEqual({
      radio: {
        driver: "nl80211",
        countryCode: "DE",
        channel: { band: "5GHz", number: 36, widthMhz: 40 },
        ht: { capabilities: ["SHORT-GI-20"] },
      },
      bss: [
        {
          interface: "wlan1",
          ssid: 'Café "1"',
          security: { kind: "wpa2", passphrase: " 12345678" },
          bssid: "02:ab:00:00:00:01",
        },
      ],
    });
  });

  test("has none of the options unused: the arbitrary ones try every key", () => {
    const keys = new Set<string>();
    for (const options of fc.sample(arbitraryOptions(), { numRuns: 300, seed: 1 }))
      for (const line of generateHostapdConf(options).split("\n")) keys.add(line.split("=")[0] ?? "");
    for (const key of KEYS) expect(keys).toContain(key);
  });
});

const KEYS =
  `access_network_type accept_mac_file ap_isolate ap_max_inactivity asra auth_algs basic_rates beacon_int bridge
  bss bss_transition bssid channel country_code ctrl_interface ctrl_interface_group deny_mac_file disassoc_low_ack
  dtim_period esr he_bss_color he_default_pe_duration he_mu_beamformer he_oper_centr_freq_seg0_idx he_oper_chwidth
  he_rts_threshold he_su_beamformee he_su_beamformer he_twt_required he_twt_responder hessid ht_capab hw_mode
  ieee80211ac ieee80211ax ieee80211d ieee80211h ieee80211n ieee80211w ignore_broadcast_ssid interface internet
  interworking local_pwr_constraint macaddr_acl max_num_sta multicast_to_unicast network_auth_type
  no_probe_resp_if_max_sta obss_interval op_class owe_groups owe_transition_bssid owe_transition_ifname
  owe_transition_ssid preamble proxy_arp require_ht require_vht rrm_neighbor_report rsn_pairwise rts_threshold
  sae_anti_clogging_threshold sae_groups sae_password sae_pwe sae_require_mfp skip_inactivity_poll
  spectrum_mgmt_required ssid2 supported_rates uapsd_advertisement_enabled uesa utf8_ssid venue_group venue_name
  venue_type vht_capab vht_oper_centr_freq_seg0_idx vht_oper_chwidth wmm_enabled wpa wpa_group_rekey wpa_key_mgmt
  wpa_passphrase wpa_psk`.split(/\s+/);
