import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  generateHostapdConf,
  HostapdConfError,
  macListFile,
  parseHostapdConf,
} from "../../src/wifi/hostapd-conf/index.ts";
import { describeNeeding } from "../needs.ts";
import { arbitraryOptions } from "../unit/wifi/hostapd-conf/arbitrary-options.ts";
import { HOSTAPD, readFiles } from "./configuration-reader.ts";

const TIMEOUT_MS = 120_000;
const FILES = 400;
/** hostapd would go on to the radios after the last file: this one ends it. */
const REFUSED = "interface=wlan0\nno_such_key=1\n";
const plain = 'interface=wlan0\nhw_mode=g\nchannel=6\nssid2="a"\n';

describeNeeding(["program:hostapd"], "the real hostapd", () => {
  const folder = mkdtempSync(join(tmpdir(), "omerta-acl-"));
  const files = { acceptFile: join(folder, "accept"), denyFile: join(folder, "deny") };
  beforeAll(() => {
    writeFileSync(files.acceptFile, macListFile(["02:00:00:00:00:01"]));
    writeFileSync(files.denyFile, macListFile(["02:00:00:00:00:02", "02:00:00:00:00:03"]));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test(
    `takes ${FILES} files of arbitrary options without a word, and then refuses the broken one`,
    async () => {
      const texts = fc.sample(arbitraryOptions(files), FILES).map(generateHostapdConf);
      const { taken, said } = await readFiles(HOSTAPD, [...texts, REFUSED]);
      expect({ taken, said: said.slice(0, -1), file: texts[taken] }).toEqual({
        taken: FILES,
        said: ["Line 2: unknown configuration item 'no_such_key'"],
        file: undefined,
      });
    },
    TIMEOUT_MS,
  );

  test.each([
    ["a country's rules without a country", `${plain}ieee80211d=1\n`],
    ["radar detection without a country", `${plain}ieee80211h=1\n`],
    [
      "the same address twice",
      `${plain}bssid=02:00:00:00:00:01\nbss=b\nssid2="b"\nbssid=02:00:00:00:00:01\n`,
    ],
    ["too many stations", `${plain}max_num_sta=2008\n`],
    ["a long name", plain.replace("a", "a".repeat(33))],
    ["a quotation without an end", plain.replace('a"', "a")],
    ["a short passphrase", `${plain}wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=short\n`],
    ["WPA2 without a passphrase", `${plain}wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\n`],
    [
      "WPA2 on 6 GHz",
      `${plain.replace("hw_mode=g", "hw_mode=a\nop_class=131\ncountry_code=DE")}wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=12345678\n`,
    ],
  ])(
    "refuses, as the options do, %s, and takes the same without it",
    async (_, text) => {
      expect(() => parseHostapdConf(text)).toThrow(HostapdConfError);
      expect((await readFiles(HOSTAPD, [plain, text])).taken).toBe(1);
    },
    TIMEOUT_MS,
  );
});
