import { expect, test } from "bun:test";
import fc from "fast-check";
import { EgressError, type EgressRequest, planEgress } from "../../../../src/vm/egress/index.ts";
import { leaseNames } from "../../../../src/vm/guest-link.ts";

const KEY = `${"A".repeat(43)}=`;
const LEASE = "00112233445566778899aabbccddeeff";
const REQUEST: EgressRequest = {
  lease: LEASE,
  tunnel: {
    privateKey: KEY,
    peerKey: KEY,
    endpoint: { address: "192.0.2.1", port: 51_820 },
    address: "10.99.0.15",
    dns: undefined,
  },
  limits: { upKbit: 1_000, downKbit: undefined, newConnectionsPerS: 50 },
  punishment: { cutOn: [] },
  forbidden: ["192.168.1.0/24"],
};

const tunnelWith = (tunnel: Partial<EgressRequest["tunnel"]>): EgressRequest => ({
  ...REQUEST,
  tunnel: { ...REQUEST.tunnel, ...tunnel },
});
const thingOf = (request: EgressRequest): string => {
  try {
    planEgress(request);
    return "";
  } catch (error) {
    return error instanceof EgressError ? error.thing : String(error);
  }
};
const chains = (commands: readonly unknown[]) =>
  commands.flatMap((command) => {
    const { add } = command as { add?: { chain?: Record<string, unknown> } };
    return add?.chain?.hook === undefined ? [] : [add.chain];
  });
const rulesOf = (commands: readonly unknown[], chain: string): string[] =>
  commands.flatMap((command) => {
    const { add } = command as { add?: { rule?: { chain: string; expr: unknown[] } } };
    return add?.rule?.chain === chain ? [JSON.stringify(add.rule.expr)] : [];
  });

test("every way in, through and out drops what no rule names", () => {
  const { passage, guard } = planEgress(REQUEST);
  const filters = chains([...passage, ...guard]).filter(
    ({ type, name }) => type === "filter" && name !== "mss",
  );
  expect(filters.map(({ hook, policy }) => `${hook} ${policy}`)).toEqual([
    "input drop",
    "forward drop",
    "output drop",
    "postrouting drop",
    "ingress drop",
  ]);
});

test("IPv6 is switched off before anything else is done", () => {
  const [first, second] = planEgress(REQUEST).parameters;
  expect([first, second]).toEqual([
    ["net/ipv6/conf/all/disable_ipv6", "1"],
    ["net/ipv6/conf/default/disable_ipv6", "1"],
  ]);
});

test("the only route is the tunnel's, and the tunnel has no address", () => {
  const plan = planEgress(REQUEST);
  const lines = [...plan.tunnelLink, ...plan.tapLink];
  const { tunnel, tap } = leaseNames(LEASE);
  expect(lines.filter((line) => line.startsWith("route"))).toEqual([`route add default dev ${tunnel}`]);
  expect(lines.filter((line) => line.startsWith("addr"))).toEqual([`addr add 10.0.2.2/24 dev ${tap}`]);
});

test("only what is limited is queued", () => {
  const plan = planEgress(REQUEST);
  expect(plan.tapShaping).toEqual([]);
  expect(plan.tunnelShaping).toEqual([
    `qdisc replace dev ${plan.names.tunnel} root tbf rate 1000kbit burst 16384 latency 100ms`,
  ]);
});

test("the kernel cuts off for the offences of the policy alone", () => {
  const { guard } = planEgress({ ...REQUEST, punishment: { cutOn: ["source"] } });
  expect(rulesOf(guard, "rogue_source").some((rule) => rule.includes("@jail"))).toBe(true);
  expect(rulesOf(guard, "rogue_arp").some((rule) => rule.includes("@jail"))).toBe(false);
});

test("the tunnel's resolver may be asked although its network is the box's too", () => {
  const { guard } = planEgress(tunnelWith({ dns: "192.168.1.1" }));
  const rules = rulesOf(guard, "in");
  const dns = rules.findIndex((rule) => rule.includes("192.168.1.1"));
  expect(dns).toBeGreaterThan(0);
  expect(dns).toBeLessThan(rules.findIndex((rule) => rule.includes("@forbidden")));
});

test("a machine that was started ahead keeps its names", () => {
  const names = leaseNames("ffffffffffffffffffff");
  const plan = planEgress({ ...REQUEST, names });
  expect(plan.names).toEqual(names);
  expect(JSON.stringify(plan)).not.toContain(leaseNames(LEASE).tap);
});

test.each([
  ["tunnel.privateKey", tunnelWith({ privateKey: "short" })],
  ["tunnel.peerKey", tunnelWith({ peerKey: `${KEY}\n` })],
  ["tunnel.address", tunnelWith({ address: "::1" })],
  ["tunnel.address", tunnelWith({ address: "127.0.0.1" })],
  ["tunnel.address", tunnelWith({ address: "10.0.2.2" })],
  ["tunnel.address", tunnelWith({ address: "224.0.0.1" })],
  ["tunnel.dns", tunnelWith({ dns: "169.254.169.254" })],
  ["tunnel.dns", tunnelWith({ dns: "resolver" })],
  ["tunnel.endpoint", tunnelWith({ endpoint: { address: "host.example", port: 1 } })],
  ["tunnel.endpoint", tunnelWith({ endpoint: { address: "192.0.2.1", port: 0 } })],
  ["tunnel.listenPort", tunnelWith({ listenPort: 70_000 })],
  ["limits.upKbit", { ...REQUEST, limits: { ...REQUEST.limits, upKbit: 0 } }],
  ["limits.newConnectionsPerS", { ...REQUEST, limits: { ...REQUEST.limits, newConnectionsPerS: 1.5 } }],
  ["forbidden[0]", { ...REQUEST, forbidden: ["0.0.0.0/0"] }],
  ["forbidden[1]", { ...REQUEST, forbidden: ["10.0.0.0/8", "10.0.0.0/8; x"] }],
] as [string, EgressRequest][])("%s that cannot be is named", (thing, request) => {
  expect(thingOf(request)).toBe(thing);
});

test("whatever a requester writes, no command has more words than planned", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (address, dns, peerKey) => {
      const thing = thingOf(tunnelWith({ address, dns, peerKey }));
      // A random text is no key; where it should be one, the addresses are no addresses.
      expect(thing).toMatch(/^tunnel\./);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (address) => {
      const request = tunnelWith({ address });
      if (thingOf(request) !== "") return;
      expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    }),
  );
});
