import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../../src/config/index.ts";
import { captiveDnsmasqConf, communityDnsmasqConf } from "../../../src/gateway/dnsmasq-conf.ts";
import { planGuestNetwork } from "../../../src/gateway/guest-network.ts";
import { hostsOf, PROBE_FAMILIES } from "../../../src/gateway/probe-families.ts";
import { tryRun } from "../../../src/host/run.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const NET = planGuestNetwork(
  { ...defaultConfig().gateway, subnet: "10.20.0.0/20" },
  new Uint8Array(32).fill(7),
);
const PATHS = { leases: "/var/lib/omerta-box/dhcp-leases", leaseScript: "/run/omerta-box/lease-event" };
const API = "https://box.example/captive-portal";
const HOSTS = ["omerta.internal", "box.example"];

const linesOf = (conf: string) => conf.split("\n");

describe("the resolver of newcomers", () => {
  const lines = linesOf(captiveDnsmasqConf(NET, PATHS));

  test("listens on the guest bridge alone", () => {
    expect(lines).toContain("interface=br-guest");
    expect(lines).toContain("except-interface=lo");
    expect(lines).toContain("bind-dynamic");
    expect(lines).toContain("port=53");
  });

  test("forwards nothing to nobody", () => {
    expect(lines).toContain("no-resolv");
    expect(lines).toContain("no-hosts");
    expect(lines).toContain("local=/#/");
    expect(lines.filter((line) => /^(server|resolv-file)=/.test(line))).toEqual([]);
  });

  test("answers every name with a public address that is unroutable, for a second", () => {
    expect(lines).toContain("address=/#/198.51.100.1");
    expect(lines).toContain("address=/#/100::1");
    expect(lines).toContain("local-ttl=1");
  });

  test("denies the names that would turn encrypted resolvers and relays on", () => {
    for (const name of [
      "use-application-dns.net",
      "mask.icloud.com",
      "mask-h2.icloud.com",
      "resolver.arpa",
    ]) {
      expect(lines).toContain(`address=/${name}/`);
    }
  });

  test("leases the pool and no more of it than there is", () => {
    expect(lines).toContain("dhcp-range=10.20.0.16,10.20.15.254,255.255.240.0,600s");
    expect(lines).toContain(`dhcp-lease-max=${NET.ipv4.poolSize}`);
    expect(lines).toContain("dhcp-option=option:router,10.20.0.1");
    expect(lines).toContain("dhcp-option=option:dns-server,10.20.0.1");
    expect(lines).toContain("dhcp-authoritative");
  });

  test("tells of every lease, also of a renewed one", () => {
    expect(lines).toContain("dhcp-script=/run/omerta-box/lease-event");
    expect(lines).toContain("script-on-renewal");
    expect(lines).toContain("dhcp-leasefile=/var/lib/omerta-box/dhcp-leases");
  });

  test("advertises the IPv6 network", () => {
    expect(lines).toContain("enable-ra");
    expect(lines).toContain(`dhcp-range=${NET.ipv6.network},ra-stateless,64,600s`);
  });

  test("advertises the captive-portal API only where there is a certificate for it (RFC 8910)", () => {
    const withApi = linesOf(captiveDnsmasqConf(NET, PATHS, API));
    expect(withApi).toContain(`dhcp-option-force=114,${API}`);
    expect(withApi).toContain(`dhcp-option=option6:103,${API}`);
    expect(lines.filter((line) => line.includes("114") || line.includes("103"))).toEqual([]);
  });
});

describe("the resolver of guests who have agreed", () => {
  const conf = (resolvFile: string | undefined, toldOnline: boolean) =>
    linesOf(communityDnsmasqConf(NET, { resolvFile, toldOnline }, HOSTS));
  const everyHost = PROBE_FAMILIES.flatMap(hostsOf);

  test("is another than the newcomers', at another port, and leases nothing", () => {
    const lines = conf(undefined, true);
    expect(lines).toContain("port=5300");
    expect(lines.filter((line) => /^(dhcp|enable-ra)/.test(line))).toEqual([]);
  });

  test("answers every name itself where there is no way out", () => {
    const lines = conf(undefined, true);
    expect(lines).toContain("no-resolv");
    expect(lines).toContain("address=/#/198.51.100.1");
    expect(lines.filter((line) => line.startsWith("resolv-file="))).toEqual([]);
  });

  test("asks the uplink's resolvers where there is one, but not for names that lead into private networks", () => {
    const lines = conf("/run/resolv.conf", true);
    expect(lines).toContain("resolv-file=/run/resolv.conf");
    for (const guard of ["stop-dns-rebind", "domain-needed", "bogus-priv"]) expect(lines).toContain(guard);
    expect(lines).not.toContain("address=/#/198.51.100.1");
  });

  test("knows the portal's own names, whatever the uplink says of them", () => {
    for (const name of HOSTS)
      expect(conf("/run/resolv.conf", true)).toContain(`address=/${name}/198.51.100.1`);
  });

  test("gives Windows the address that it wants to see before it says that it is online (NCSI)", () => {
    expect(conf(undefined, true)).toContain("address=/dns.msftncsi.com/131.107.255.255");
    expect(conf("/run/resolv.conf", true).join("\n")).not.toContain("msftncsi");
    expect(conf(undefined, false)).not.toContain("address=/dns.msftncsi.com/131.107.255.255");
  });

  test("leaves the probes alone where phones may find the truth by themselves", () => {
    const lines = conf("/run/resolv.conf", true).join("\n");
    for (const host of everyHost) expect(lines).not.toContain(`/${host}/`);
  });

  test.each([[undefined], ["/run/resolv.conf"]])(
    "denies the probes' names where phones are told that there is no internet, but for those who would disconnect (resolvers: %s)",
    (resolvFile) => {
      const lines = conf(resolvFile, false);
      for (const family of PROBE_FAMILIES) {
        for (const host of hostsOf(family)) {
          const answer = family.offline === "fail" ? `address=/${host}/` : `address=/${host}/198.51.100.1`;
          expect(lines).toContain(answer);
        }
      }
    },
  );

  test("denies the canary names too", () => {
    expect(conf("/run/resolv.conf", true)).toContain("address=/use-application-dns.net/");
  });
});

describeNeeding(["program:dnsmasq"], "dnsmasq itself", () => {
  const check = async (conf: string) => {
    const file = join(scratch(), "dnsmasq.conf");
    writeFileSync(file, conf);
    const { exitCode, stderr } = await tryRun(["dnsmasq", "--test", "-C", file], {
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    return { exitCode, stderr: stderr.trim() };
  };
  const GOOD = { exitCode: 0, stderr: "dnsmasq: syntax check OK." };

  test("accepts the newcomers' configuration, with and without an API to advertise", async () => {
    expect(await check(captiveDnsmasqConf(NET, PATHS))).toEqual(GOOD);
    expect(await check(captiveDnsmasqConf(NET, PATHS, API))).toEqual(GOOD);
  });

  test("accepts the community's configuration in all its forms", async () => {
    const resolvFile = join(scratch(), "resolv.conf");
    writeFileSync(resolvFile, "nameserver 192.0.2.53\n");
    for (const resolver of [undefined, resolvFile]) {
      for (const toldOnline of [true, false]) {
        expect(await check(communityDnsmasqConf(NET, { resolvFile: resolver, toldOnline }, HOSTS))).toEqual(
          GOOD,
        );
      }
    }
  });

  test("accepts every size of network", async () => {
    for (const prefix of [16, 17, 23, 24, 25, 26]) {
      const config = { ...defaultConfig().gateway, subnet: `10.20.0.0/${prefix}`, lease_minutes: 2 };
      expect(await check(captiveDnsmasqConf(planGuestNetwork(config, new Uint8Array(32)), PATHS))).toEqual(
        GOOD,
      );
    }
  });
});
