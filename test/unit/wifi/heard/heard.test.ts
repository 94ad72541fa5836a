import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { tryRun } from "../../../../src/host/run.ts";
import { fromNodeWifi, parseIwScan } from "../../../../src/wifi/heard/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();

/** As iw 5.19 prints it, shortened. */
const IW_SCAN = `BSS 00:c0:ca:00:00:01(on wlan0) -- associated
	last seen: 1524.123s [boottime]
	TSF: 1269828266773 usec (14d, 16:43:48)
	freq: 2437
	beacon interval: 200 TUs
	capability: ESS Privacy ShortSlotTime (0x0411)
	signal: -60.00 dBm
	SSID: Caf\\xc3\\xa9: up\\x5cstairs
	Supported rates: 1.0* 2.0*
	Multiple BSSID:
		SSID: another
BSS 00:c0:ca:00:00:02(on wlan0)
	freq: 5180.0
	signal: -71.50 dBm
	SSID: 
BSS 00:c0:ca:00:00:03(on wlan0)
	freq: 2412
	signal: 70/100
	SSID: no dBm
`;

describe("a scan of iw", () => {
  test("gives names, channels, strength and beat of what was heard", () => {
    expect(parseIwScan(IW_SCAN)).toEqual([
      {
        ssid: "Café: up\\stairs",
        bssid: "00:c0:ca:00:00:01",
        frequencyMhz: 2_437,
        signalDbm: -60,
        beaconIntervalTu: 200,
      },
      {
        ssid: "",
        bssid: "00:c0:ca:00:00:02",
        frequencyMhz: 5_180,
        signalDbm: -71.5,
        beaconIntervalTu: undefined,
      },
    ]);
  });

  test("that was never printed gives nothing that is not a network", () => {
    const lines = fc.oneof(
      fc.constantFrom(...IW_SCAN.split("\n")),
      fc.string({ maxLength: 60, unit: "binary" }),
      fc.string({ maxLength: 40, unit: "binary" }).map((name) => `\tSSID: ${name}`),
    );
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 80 }), (all) => {
        for (const { ssid, bssid, frequencyMhz, signalDbm } of parseIwScan(all.join("\n"))) {
          expect(bssid).toMatch(/^[0-9a-f:]{17}$/);
          expect(frequencyMhz).toBeWithin(1_000, 10_000);
          expect(Number.isFinite(signalDbm)).toBe(true);
          expect(ssid.length).toBeLessThanOrEqual(128);
          expect(ssid).not.toContain("\0");
        }
      }),
    );
  });
});

/** What nmcli 1.42 prints for node-wifi; the second and third have colons in their names, which nmcli escapes. */
const NMCLI = `yes:Library:AA\\:BB\\:CC\\:DD\\:EE\\:01:Infra:6:2437 MHz:70:WPA2:(none):pair_ccmp group_ccmp psk
no:Caf\\: upstairs:AA\\:BB\\:CC\\:DD\\:EE\\:02:Infra:11:2462 MHz:40::(none):(none)
no:11\\:22\\:33\\:44\\:55\\:66:AA\\:BB\\:CC\\:DD\\:EE\\:03:Infra:1:2412 MHz:50::(none):(none)
no::AA\\:BB\\:CC\\:DD\\:EE\\:04:Infra:36:5180 MHz:20:WPA2:(none):psk`;

describe("a scan of NetworkManager, by node-wifi under Bun", () => {
  test("gives what it can tell for certain, leaves out what it takes apart wrongly, and leaves the language alone", async () => {
    const folder = scratch();
    const nmcli = join(folder, "nmcli");
    writeFileSync(nmcli, `#!/bin/sh\ncat <<'END'\n${NMCLI}\nEND\n`);
    chmodSync(nmcli, 0o755);
    const script = `import { heardByNetworkManager } from ${JSON.stringify(resolve(import.meta.dir, "../../../../src/wifi/heard/index.ts"))};
      console.log(JSON.stringify([await heardByNetworkManager(), process.env.LC_ALL]));`;
    const { stdout, stderr } = await tryRun([process.execPath, "-e", script], {
      env: { PATH: `${folder}:${process.env.PATH}`, LC_ALL: "C" },
      cwd: resolve(import.meta.dir, "../../../.."),
    });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual([
      [
        { ssid: "Library", bssid: "aa:bb:cc:dd:ee:01", frequencyMhz: 2_437, signalDbm: -65 },
        { ssid: "", bssid: "aa:bb:cc:dd:ee:04", frequencyMhz: 5_180, signalDbm: -90 },
      ],
      "C",
    ]);
  });

  test("is taken for nothing when it is anything else", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(fromNodeWifi(value)).toEqual([]);
        expect(fromNodeWifi([value])).toEqual([]);
      }),
    );
  });
});
