import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ssidBytes } from "../../src/wifi/hostap-syntax/index.ts";
import { generateWpaConf, type Network, parseWpaConf, WpaConfError } from "../../src/wifi/wpa-conf/index.ts";
import { describeNeeding } from "../needs.ts";
import { arbitraryWpaOptions } from "../unit/wifi/wpa-conf/arbitrary-wpa-options.ts";
import { readFiles, WPA_SUPPLICANT } from "./configuration-reader.ts";

const TIMEOUT_MS = 120_000;
/** In each of a few processes: one keeps an interface, with its timers and sockets, for each file. */
const FILES = 100;
const PARTS = [1, 2, 3];
/** wpa_supplicant would wait for networks after the last file: this one ends it. */
const REFUSED = "no_such_key=1\n";

/** What hexdumps of wpa_supplicant's log show: `ssid - hexdump_ascii(len=3):`, then 16 bytes a line. */
function dumped(said: readonly string[]): string[] {
  const found: string[] = [];
  let within = false;
  for (const line of said) {
    const bytes = /^ {5}((?:[0-9a-f]{2} )+)/.exec(line)?.[1];
    if (within && bytes !== undefined) {
      found[found.length - 1] += bytes.replaceAll(" ", "");
      continue;
    }
    const name = /^(ssid|sae_password|PSK \(ASCII passphrase\)) - hexdump_ascii/.exec(line)?.[1];
    within = name !== undefined;
    if (name !== undefined) found.push(`${name} `);
  }
  return found;
}

/** The same of a network's options, in the order of its lines. */
function meant({ ssid, security }: Network): string[] {
  const hex = (bytes: Uint8Array | string) => Buffer.from(bytes).toString("hex");
  const texts = [`ssid ${hex(ssidBytes(ssid))}`];
  if ("passphrase" in security) texts.push(`PSK (ASCII passphrase) ${hex(security.passphrase)}`);
  if ("password" in security && security.password !== undefined)
    texts.push(`sae_password ${hex(security.password)}`);
  return texts;
}

describeNeeding(["root", "program:wpa_supplicant"], "the real wpa_supplicant", () => {
  const folder = mkdtempSync(join(tmpdir(), "omerta-ctrl-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(PARTS)(
    `takes ${FILES} files of arbitrary options, understands names and passwords as they are meant, and refuses the broken one after them (%#)`,
    async (part) => {
      const all = fc.sample(arbitraryWpaOptions(), FILES).map((options, index) => {
        if (options.controlDirectory === undefined) return options;
        return { ...options, controlDirectory: join(folder, `${part}-${index}`) };
      });
      const texts = all.map(generateWpaConf);
      const { taken, said } = await readFiles(WPA_SUPPLICANT, [...texts, REFUSED]);
      const errors = said
        .filter((line) => /^Line \d+: /.test(line) || /truncated|Failed/.test(line))
        .slice(0, -1);
      expect({ taken, errors, file: texts[taken] }).toEqual({
        taken: FILES,
        errors: [
          "Line 1: unknown global field 'no_such_key=1'.",
          "Line 1: Invalid configuration line 'no_such_key=1'.",
        ],
        file: undefined,
      });
      expect(dumped(said)).toEqual(all.flatMap(({ networks }) => networks.flatMap(meant)));
    },
    TIMEOUT_MS,
  );

  const mesh =
    'network={\nmode=5\nssid="a"\nfrequency=2412\nkey_mgmt=SAE\nsae_password="b"\nieee80211w=2\n}\n';
  test.each([
    ["an option that a network has not", mesh.replace("mode=5", "mode=5\nbeacon=1")],
    ["a mesh with WPA2", mesh.replace("SAE", "WPA-PSK")],
    ["a name that is too long", mesh.replace('"a"', `"${"a".repeat(33)}"`)],
    ["a short passphrase", 'network={\nssid="a"\nkey_mgmt=WPA-PSK\npsk="short"\n}\n'],
    ["a quotation without an end", mesh.replace('"a"', '"a')],
    ["a network without an end", mesh.replace("}", "")],
  ])(
    "refuses, as the options do, %s, and takes the same without it",
    async (_, text) => {
      expect(() => parseWpaConf(text)).toThrow(WpaConfError);
      expect((await readFiles(WPA_SUPPLICANT, [mesh, text])).taken).toBe(1);
    },
    TIMEOUT_MS,
  );
});
