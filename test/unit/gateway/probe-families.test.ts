import { describe, expect, test } from "bun:test";
import { hostsOf, PROBE_FAMILIES } from "../../../src/gateway/probe-families.ts";

/** The published facts: what each family asks, and what makes it believe that it is online. */
const FACTS: [family: string, host: string, path: string, status: number, body: string][] = [
  [
    "apple",
    "captive.apple.com",
    "/hotspot-detect.html",
    200,
    "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
  ],
  [
    "apple",
    "www.apple.com",
    "/library/test/success.html",
    200,
    "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
  ],
  ["android", "connectivitycheck.gstatic.com", "/generate_204", 204, ""],
  ["android", "www.google.com", "/gen_204", 204, ""],
  ["android", "play.googleapis.com", "/generate_204", 204, ""],
  ["android", "connectivitycheck.android.com", "/generate_204", 204, ""],
  ["samsung", "d2uzsrnmmf6tds.cloudfront.net", "/generate_204", 204, ""],
  ["android", "connect.rom.miui.com", "/generate_204", 204, ""],
  ["android", "connectivitycheck.platform.hicloud.com", "/generate_204", 204, ""],
  ["android", "wifi.vivo.com.cn", "/generate_204", 204, ""],
  ["windows", "www.msftconnecttest.com", "/connecttest.txt", 200, "Microsoft Connect Test"],
  ["windows", "ipv6.msftconnecttest.com", "/connecttest.txt", 200, "Microsoft Connect Test"],
  ["windows", "www.msftncsi.com", "/ncsi.txt", 200, "Microsoft NCSI"],
  ["edge", "edge-http.microsoft.com", "/captiveportal/generate_204", 204, ""],
  [
    "firefox",
    "detectportal.firefox.com",
    "/canonical.html",
    200,
    '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>',
  ],
  ["firefox", "detectportal.firefox.com", "/success.txt", 200, "success\n"],
  ["chrome", "clients3.google.com", "/generate_204", 204, ""],
  ["chrome", "www.gstatic.com", "/generate_204", 204, ""],
  ["networkmanager", "nmcheck.gnome.org", "/check_network_status.txt", 200, "NetworkManager is online\n"],
  ["networkmanager", "network-test.debian.org", "/nm", 200, "NetworkManager is online\n"],
  ["ubuntu", "connectivity-check.ubuntu.com", "/", 204, ""],
];

describe("the table of families", () => {
  test("has every family that the box is to serve", () => {
    expect(PROBE_FAMILIES.map(({ id }) => id).sort()).toEqual(
      [
        "android",
        "apple",
        "chrome",
        "edge",
        "firefox",
        "kindle",
        "networkmanager",
        "samsung",
        "ubuntu",
        "windows",
      ].sort(),
    );
  });

  test.each(FACTS)("%s asks %s%s and believes %s", (id, host, path, status, body) => {
    const probes = PROBE_FAMILIES.find((family) => family.id === id)?.probes ?? [];
    const probe = probes.find(({ hosts, paths }) => hosts.includes(host) && paths.includes(path));
    expect(probe?.online).toMatchObject({ status, body });
  });

  test("knows the stub that a Kindle looks for by its marker", () => {
    const kindle = PROBE_FAMILIES.find(({ id }) => id === "kindle");
    expect(kindle?.probes[0]?.online.body).toContain("81ce4465-7167-4dcb-835b-dcc9e44c112a");
  });

  test("gives NetworkManager and Ubuntu the header that they look at", () => {
    for (const id of ["networkmanager", "ubuntu"]) {
      for (const { online } of PROBE_FAMILIES.find((family) => family.id === id)?.probes ?? []) {
        expect(online.headers).toEqual({ "X-NetworkManager-Status": "online" });
      }
    }
  });

  test("has no host and path twice", () => {
    const seen = PROBE_FAMILIES.flatMap((family) =>
      family.probes.flatMap(({ hosts, paths }) => hosts.flatMap((host) => paths.map((path) => host + path))),
    );
    expect(seen.filter((entry, index) => seen.indexOf(entry) !== index)).toEqual([]);
  });

  test("has no host in two families, since a host has one answer in DNS", () => {
    const owner = new Map<string, string>();
    for (const family of PROBE_FAMILIES) {
      for (const host of hostsOf(family)) {
        expect([host, owner.get(host) ?? family.id]).toEqual([host, family.id]);
        owner.set(host, family.id);
      }
    }
  });

  test("writes hosts in lower case without port, and paths from their slash without query", () => {
    for (const { probes, opens = [] } of PROBE_FAMILIES) {
      for (const { hosts, paths } of probes) {
        for (const host of hosts) expect(host).toMatch(/^[a-z0-9.-]+\.[a-z]+$/);
        for (const path of [...paths, ...opens]) expect(path).toMatch(/^\/[^?#]*$/);
      }
    }
  });

  test("gives an empty body with every 204, and a type with every other answer", () => {
    for (const { online } of PROBE_FAMILIES.flatMap(({ probes }) => probes)) {
      if (online.status === 204) expect(online).toMatchObject({ body: "" });
      else expect(online.type).toBeDefined();
    }
  });

  test("names for every family where that is known from", () => {
    for (const { source, name } of PROBE_FAMILIES)
      expect([source.length > 5, name.length > 3]).toEqual([true, true]);
  });

  test("names each host of a family once", () => {
    for (const family of PROBE_FAMILIES) expect(hostsOf(family).length).toBe(new Set(hostsOf(family)).size);
  });
});
