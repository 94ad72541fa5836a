import { describe, expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import {
  isWireGuardKey,
  makeWireGuardKey,
  WireGuardKeyError,
  wireGuardPublicKey,
} from "../../../src/host/wireguard-key.ts";
import { otherFirewalls, tablesIn } from "../../../src/requester/firewalls.ts";
import { chooseDns, reachableResolvers, VpnDnsError } from "../../../src/requester/vpn-dns.ts";
import {
  isRunning,
  markOf,
  readRecord,
  recordIds,
  recordPath,
  removeRecord,
  type VpnRecord,
  writeRecord,
} from "../../../src/requester/vpn-record.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

describe("The virtual machines' DNS", () => {
  const files = (texts: Record<string, string>) => (path: string) => texts[path] ?? "";

  test("is a forwarder of ours where dnsmasq is installed", () => {
    expect(chooseDns("/usr/sbin/dnsmasq", files({}))).toEqual({ by: "forwarder" });
  });

  test("is led to the real resolver where systemd-resolved stands before it", () => {
    const read = files({
      "/etc/resolv.conf": "nameserver 127.0.0.53\n",
      "/run/systemd/resolve/resolv.conf": "# by systemd\nnameserver fd00::1\nnameserver 192.168.7.1\n",
    });
    expect(chooseDns(undefined, read)).toEqual({ by: "resolver", address: "192.168.7.1" });
  });

  test("cannot be had where the only resolver is this machine's loopback, and it is said what to install", () => {
    const read = files({ "/etc/resolv.conf": "nameserver 127.0.0.1\nnameserver ::1\n" });
    expect(() => chooseDns(undefined, read)).toThrow(VpnDnsError);
    expect(() => chooseDns(undefined, read)).toThrow("install dnsmasq-base");
  });

  test("takes from a resolv.conf nothing but addresses", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const address of reachableResolvers(`nameserver ${text}`))
          expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      }),
    );
  });
});

describe("Other firewalls", () => {
  const listing = JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { chain: { family: "ip", table: "filter", name: "FORWARD", hook: "forward", policy: "drop" } },
      { chain: { family: "ip", table: "filter", name: "DOCKER" } },
      { chain: { family: "inet", table: "filter", name: "input", hook: "input", policy: "accept" } },
      { chain: { family: "inet", table: "omerta_vpn_0badcafe", name: "beyond", hook: "forward" } },
      { chain: { family: "ip6", table: "filter", name: "FORWARD", hook: "forward", policy: "drop" } },
    ],
  });

  test("that drop what they do not know are named", () => {
    expect(otherFirewalls(listing, "omerta_vpn_0badcafe")).toEqual(["ip filter FORWARD"]);
    expect(tablesIn(listing)).toEqual(["filter", "omerta_vpn_0badcafe"]);
  });

  test("are none where nft printed something else", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(otherFirewalls(text, "x")).toBeArray();
      }),
    );
  });
});

describe("The record of what was changed", () => {
  const record = (): VpnRecord => ({
    id: "0badcafe",
    owner: markOf(process.pid) ?? { pid: 2, startedAt: "" },
    interface: "omq0badcafe",
    table: "omerta_vpn_0badcafe",
    sysctls: [{ name: "net/ipv4/conf/eth0/forwarding", before: "0", after: "1" }],
    programs: [["wireguard-go", "-f", "omq0badcafe"]],
    files: [],
  });

  test("comes back as it was written, for its owner alone", () => {
    const folder = `${scratch()}/run`;
    writeRecord(folder, record());
    expect(readRecord(recordPath(folder, "0badcafe"))).toEqual(record());
    expect(recordIds(folder)).toEqual(["0badcafe"]);
    expect(statSync(recordPath(folder, "0badcafe")).mode & 0o777).toBe(0o600);
    removeRecord(folder, "0badcafe");
    removeRecord(folder, "0badcafe");
    expect(recordIds(folder)).toEqual([]);
  });

  test("is none where it is torn or something else", () => {
    const path = recordPath(scratch(), "0badcafe");
    const whole = JSON.stringify(record());
    for (const text of ["", "{}", "[]", whole.slice(0, -1), whole.replace("0badcafe", "../../etc")]) {
      writeFileSync(path, text);
      expect(readRecord(path)).toBeUndefined();
    }
    expect(readRecord("/nowhere/at/all")).toBeUndefined();
  });

  test("tells its owner from another process that has the same number", () => {
    const mark = markOf(process.pid);
    expect(mark).toBeDefined();
    if (!mark) return;
    expect(isRunning(mark)).toBe(true);
    expect(isRunning({ ...mark, startedAt: "1" })).toBe(false);
    // Beyond the kernel's highest number (proc(5), pid_max).
    expect(markOf(4_194_305)).toBeUndefined();
  });
});

describe("A WireGuard key", () => {
  test("leads to the public key that the RFC's own example has", () => {
    // RFC 7748, section 6.1: Alice.
    const known = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    const given = Buffer.from(ALICE, "hex").toString("base64");
    expect(Buffer.from(wireGuardPublicKey(given), "base64").toString("hex")).toBe(known);
  });

  test("is made anew each time, in the form that wg takes", () => {
    const [one, other] = [makeWireGuardKey(), makeWireGuardKey()];
    expect(one).not.toBe(other);
    for (const key of [one, other]) {
      expect(isWireGuardKey(key)).toBe(true);
      expect(isWireGuardKey(wireGuardPublicKey(key))).toBe(true);
    }
  });

  test.each(["", "AAAA", `${"A".repeat(43)}`, `${"A".repeat(42)}B=`, `${"A".repeat(44)}`])(
    "%p is none",
    (text) => {
      expect(isWireGuardKey(text)).toBe(false);
      expect(() => wireGuardPublicKey(text)).toThrow(WireGuardKeyError);
    },
  );
});

const ALICE = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
