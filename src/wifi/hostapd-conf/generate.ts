import { ssidBytes, writeRows } from "../hostap-syntax/index.ts";
import { aclLines } from "./acl-lines.ts";
import { BSS_ROWS, INTERFACE_ROW, SSID_ROW } from "./bss-rows.ts";
import { bssProblems } from "./bss-rules.ts";
import { HostapdConfError } from "./hostapd-conf-error.ts";
import { interworkingLines } from "./interworking-lines.ts";
import type { BssOptions, HostapdOptions } from "./options.ts";
import { oweProblems } from "./owe-rules.ts";
import { radioLines } from "./radio-lines.ts";
import { radioProblems } from "./radio-rules.ts";
import { securityLines } from "./security-lines.ts";

/**
 * The file that hostapd 2.10 reads (hostapd.conf(5)).
 *
 * @example
 * generateHostapdConf({
 *   radio: { channel: { band: "2.4GHz", number: 6, widthMhz: 20 }, ht: { capabilities: ["SHORT-GI-20"] } },
 *   bss: [{ interface: "wlan0", ssid: "Free network", security: { kind: "open" }, isolate: true }],
 * });
 * @throws {HostapdConfError} with every problem, each by its field: `bss[1].ssid`
 */
export function generateHostapdConf(options: HostapdOptions): string {
  validateHostapdOptions(options);
  const [first, ...others] = options.bss.map(bssLines);
  const lines = [
    `${INTERFACE_ROW.key}=${options.bss[0]?.interface}`,
    ...radioLines(options.radio),
    ...(first ?? []),
    ...others.flatMap((lines, index) => ["", `bss=${options.bss[index + 1]?.interface}`, ...lines]),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Finds everything that is wrong with options, alone and together.
 * @throws {HostapdConfError}
 */
export function validateHostapdOptions(options: HostapdOptions): void {
  const problems = [...radioProblems(options.radio), ...bssProblems(options), ...oweProblems(options.bss)];
  if (problems.length > 0) throw new HostapdConfError(problems);
}

function bssLines(bss: BssOptions): string[] {
  return [
    ...writeRows(bss, [SSID_ROW]),
    // Tells stations how to show the name; of no use to others.
    ...(typeof bss.ssid === "string" && ssidBytes(bss.ssid).some((byte) => byte > 0x7f)
      ? ["utf8_ssid=1"]
      : []),
    // Shared keys were WEP's.
    "auth_algs=1",
    ...securityLines(bss.security),
    ...writeRows(bss, BSS_ROWS),
    ...(bss.acl === undefined ? [] : aclLines(bss.acl)),
    ...(bss.interworking === undefined ? [] : interworkingLines(bss.interworking)),
  ];
}
