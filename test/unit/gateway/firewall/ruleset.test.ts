import { describe, expect, test } from "bun:test";
import { defaultConfig } from "../../../../src/config/index.ts";
import {
  type Admitted,
  admitCommands,
  expelCommands,
  NFT_TABLE,
  nftRuleset,
  type RulesetPlan,
} from "../../../../src/gateway/firewall/index.ts";
import { planGuestNetwork } from "../../../../src/gateway/guest-network.ts";
import type { NftCommand, NftStatement } from "../../../../src/host/nft.ts";
import { tryRun } from "../../../../src/host/run.ts";
import { describeNeeding } from "../../../needs.ts";

const CONFIG = { ...defaultConfig().gateway, subnet: "10.20.0.0/20" };
const NET = planGuestNetwork(CONFIG, new Uint8Array(32).fill(7));
const CLOSED: RulesetPlan = {
  net: NET,
  limits: CONFIG.limits,
  guestRateKbit: 8_000,
  guestToGuest: false,
  uplinks: [],
  blockPrivate: true,
  tls: false,
  known: [],
  services: [],
};
const OPEN: RulesetPlan = {
  ...CLOSED,
  uplinks: ["wan0"],
  guestToGuest: true,
  tls: true,
  farPorts: { first: 24_600, last: 24_699 },
  services: [
    { port: 8081, protocol: "tcp" },
    { port: 5060, protocol: "udp" },
  ],
};
const AMINA: Admitted = { mac: "02:00:00:00:00:01", ipv4: "10.20.0.16", seconds: 3_600 };
const BAHATI: Admitted = { mac: "02:00:00:00:00:02", ipv4: "10.20.0.17", seconds: 60 };
/** A phone that has taken an IPv6 address by itself and never asked for an IPv4 lease. */
const IPV6_ONLY: Admitted = { mac: "02:00:00:00:00:03", ipv4: "", seconds: 60 };

const EVERY_PLAN: RulesetPlan[] = [[], ["wan0"], ["wan0", "wwan0"]].flatMap((uplinks) =>
  [true, false].flatMap((flag) =>
    [0, 8_000].flatMap((guestRateKbit) => [
      { ...OPEN, uplinks, guestToGuest: flag, blockPrivate: flag, guestRateKbit },
      { ...OPEN, uplinks, guestToGuest: flag, tls: !flag, guestRateKbit, services: [] },
    ]),
  ),
);

interface Rule {
  family: string;
  table: string;
  chain: string;
  expr: NftStatement[];
}

interface Chain {
  family: string;
  name: string;
  hook?: string;
  prio?: number;
  policy?: string;
}

const added = <T>(commands: readonly NftCommand[], kind: string): T[] =>
  commands.flatMap((command) => {
    const add = command.add as Record<string, T> | undefined;
    return add?.[kind] ? [add[kind]] : [];
  });
const rulesOf = (commands: readonly NftCommand[], chain: string, family = "inet") =>
  added<Rule>(commands, "rule").filter((rule) => rule.chain === chain && rule.family === family);
const verdictOf = ({ expr }: Rule) => Object.keys(expr.at(-1) ?? {})[0] ?? "";
const says = (rule: Rule, text: string) => JSON.stringify(rule.expr).includes(text);
const isUnconditional = ({ expr }: Rule) =>
  expr.every((statement) => !("match" in statement) && !("set" in statement));

describe("the firewall of the guest network", () => {
  test("replaces its two tables as a whole and touches no other", () => {
    for (const plan of EVERY_PLAN) {
      const commands = nftRuleset(plan, [AMINA]);
      for (const family of ["inet", "arp"]) {
        const about = commands.filter((command) => JSON.stringify(command).includes(`"family":"${family}"`));
        expect(about.slice(0, 3).map((command) => Object.keys(command)[0])).toEqual(["add", "delete", "add"]);
      }
      const objects = commands.flatMap((command) =>
        Object.values(command).flatMap((it) => Object.entries(it as object)),
      );
      for (const [kind, object] of objects) {
        expect(kind === "table" ? object.name : object.table).toBe(NFT_TABLE);
        expect(object.handle).toBeUndefined();
      }
    }
  });

  test("leaves all traffic alone that is not the guest bridge's", () => {
    for (const plan of EVERY_PLAN) {
      const commands = nftRuleset(plan, []);
      const base = added<Chain>(commands, "chain").filter((chain) => chain.hook !== undefined);
      for (const { name, family, policy } of base) {
        expect(policy).toBe("accept");
        for (const rule of rulesOf(commands, name, family)) {
          const aboutGuests = says(rule, '"iifname"') || says(rule, '"oifname"');
          expect([name, aboutGuests && (says(rule, "br-guest") || says(rule, "wan0"))]).toEqual([name, true]);
        }
      }
    }
  });

  test("masquerades guests alone on the uplink", () => {
    const rules = rulesOf(nftRuleset(OPEN, []), "postrouting");
    expect(rules).toHaveLength(2);
    for (const rule of rules) expect(says(rule, '"wan0"') && says(rule, '"saddr"')).toBe(true);
    expect(rulesOf(nftRuleset(CLOSED, []), "postrouting")).toEqual([]);
  });

  test("jumps only to chains that there are, each made before the rules that need it", () => {
    for (const plan of EVERY_PLAN) {
      const known = new Set<string>();
      for (const command of nftRuleset(plan, [])) {
        const add = command.add as { chain?: Chain; rule?: Rule } | undefined;
        if (add?.chain) known.add(`${add.chain.family} ${add.chain.name}`);
        for (const statement of add?.rule?.expr ?? []) {
          const target = (statement.jump as { target: string } | undefined)?.target;
          if (target) expect(known).toContain(`${add?.rule?.family} ${target}`);
        }
      }
    }
  });

  test("ends every chain that decides over guests' packets in a refusal of all the rest", () => {
    for (const plan of EVERY_PLAN) {
      const commands = nftRuleset(plan, []);
      for (const chain of ["guest_to_box", "guest_dhcp", "from_guest", "to_guest", "guest_beyond"]) {
        const last = rulesOf(commands, chain).at(-1);
        expect([
          chain,
          last && isUnconditional(last),
          ["drop", "reject"].includes(last ? verdictOf(last) : ""),
        ]).toEqual([chain, true, true]);
      }
    }
  });

  test("lets nothing through by a rule without a condition, but what a condition has led there", () => {
    for (const plan of EVERY_PLAN) {
      const commands = nftRuleset(plan, []);
      const unconditional = added<Rule>(commands, "rule").filter(
        (rule) => verdictOf(rule) === "accept" && isUnconditional(rule),
      );
      const expected = plan.uplinks.length === 0 ? ["lead_released"] : ["lead_released", "out_by_uplink"];
      expect(unconditional.map(({ chain }) => chain).sort()).toEqual(expected);
    }
  });

  const passing = (plan: RulesetPlan, chain: string) =>
    rulesOf(nftRuleset(plan, []), chain).filter((rule) => ["accept", "jump"].includes(verdictOf(rule)));

  test("looks a session up for every packet that leaves by the uplink, not for the first of a connection", () => {
    for (const chain of ["from_guest", "guest_beyond"]) {
      const rules = passing({ ...OPEN, guestToGuest: false }, chain);
      expect(rules.length).toBeGreaterThan(0);
      for (const rule of rules) expect(says(rule, "@released_")).toBe(true);
    }
  });

  test("lets packets from guest to guest only where the operator wants that, and then only to guests", () => {
    const more = (chain: string) => {
      const without = passing({ ...OPEN, guestToGuest: false }, chain).map(({ expr }) =>
        JSON.stringify(expr),
      );
      return passing(OPEN, chain).filter(({ expr }) => !without.includes(JSON.stringify(expr)));
    };
    for (const rule of more("from_guest"))
      expect(says(rule, '"oifname"') && says(rule, "br-guest")).toBe(true);
    for (const rule of more("guest_beyond")) {
      expect(says(rule, '"daddr"')).toBe(true);
      expect(says(rule, NET.ipv4.network) || says(rule, NET.ipv6.network)).toBe(true);
    }
    expect(more("from_guest").length).toBeGreaterThan(0);
  });

  test("takes no established connection for a session", () => {
    for (const plan of EVERY_PLAN) {
      for (const chain of ["guest_to_box", "from_guest", "guest_beyond"]) {
        for (const rule of passing(plan, chain)) expect(says(rule, '"established"')).toBe(false);
      }
    }
  });

  test("knows a session by station and IPv4 address, and for IPv6 by station and guest prefix", () => {
    const [ipv4, ipv6, ...others] = passing({ ...OPEN, guestToGuest: false }, "from_guest").map(({ expr }) =>
      JSON.stringify(expr),
    );
    expect(others).toEqual([]);
    expect(ipv4).toContain(
      '{"concat":[{"payload":{"protocol":"ether","field":"saddr"}},{"payload":{"protocol":"ip","field":"saddr"}}]}',
    );
    expect(ipv4).toContain('"@released_ipv4"');
    expect(ipv6).toContain('"@released_mac"');
    expect(ipv6).toContain(NET.ipv6.network);
  });

  test("lets nobody beyond the box where there is no uplink and guests are kept apart", () => {
    const commands = nftRuleset(CLOSED, [AMINA]);
    for (const chain of ["from_guest", "to_guest", "guest_beyond"]) {
      expect(rulesOf(commands, chain).filter((rule) => ["accept", "jump"].includes(verdictOf(rule)))).toEqual(
        [],
      );
    }
  });

  test("says of each of several uplinks what it says of one", () => {
    const several = nftRuleset({ ...OPEN, uplinks: ["wan0", "wwan0"] }, []);
    const of = (commands: readonly NftCommand[]) => JSON.stringify(added<Rule>(commands, "rule"));
    const one = of(nftRuleset(OPEN, []));
    expect(one).toContain('"wan0"');
    expect(of(several)).toBe(one.replaceAll('"wan0"', '"wan0","wwan0"'));
  });

  test("lets nobody elsewhere pass for a guest", () => {
    const rules = rulesOf(nftRuleset(OPEN, []), "sources").filter((rule) => verdictOf(rule) === "drop");
    expect(rules.map((rule) => says(rule, NET.ipv4.network) || says(rule, NET.ipv6.network))).toEqual([
      true,
      true,
    ]);
    for (const rule of rules) expect(says(rule, '{"op":"!=","left":{"meta":{"key":"iifname"}}')).toBe(true);
  });

  test("refuses private networks behind the uplink, where the operator wants that", () => {
    const refusals = (plan: RulesetPlan) =>
      rulesOf(nftRuleset(plan, []), "out_by_uplink").filter((rule) => verdictOf(rule) === "reject");
    const text = JSON.stringify(refusals(OPEN));
    for (const network of [
      "10.0.0.0",
      "172.16.0.0",
      "192.168.0.0",
      "169.254.0.0",
      "100.64.0.0",
      "fc00::",
      "fe80::",
    ]) {
      expect(text).toContain(`"${network}"`);
    }
    expect(refusals({ ...OPEN, blockPrivate: false })).toEqual([]);
  });

  test("lets back from the uplink only what answers a guest", () => {
    const back = rulesOf(nftRuleset(OPEN, []), "to_guest").filter((rule) => verdictOf(rule) === "accept");
    expect(back).toHaveLength(2);
    for (const rule of back) {
      expect(says(rule, '{"set":["established","related"]}') && says(rule, '"wan0"')).toBe(true);
      expect(says(rule, "@answers_ipv")).toBe(true);
    }
  });

  test("remembers for a minute to whom answers may come back, and only who has been let out", () => {
    const commands = nftRuleset(OPEN, []);
    for (const family of ["ipv4", "ipv6"]) {
      const set = added<{ name: string; timeout?: number }>(commands, "set").find(
        ({ name }) => name === `answers_${family}`,
      );
      expect(set?.timeout).toBe(60);
      const filling = added<Rule>(commands, "rule").filter(
        (rule) => says(rule, `"set":"@answers_${family}"`) && says(rule, '"update"'),
      );
      expect(filling.map(({ chain }) => chain)).toEqual(["out_by_uplink"]);
    }
  });

  test("holds each guest to its connections through the uplink, before the packet is let out", () => {
    const plan = { ...OPEN, limits: { ...OPEN.limits, guest_connections: 77 } };
    const rules = rulesOf(nftRuleset(plan, []), "out_by_uplink");
    const limiting = rules.findIndex((rule) => says(rule, "@guest_connections"));
    expect(JSON.stringify(rules[limiting])).toContain('"ct count":{"val":77,"inv":true}');
    expect(verdictOf(rules[limiting] as Rule)).toBe("drop");
    expect(limiting).toBeLessThan(rules.findIndex((rule) => verdictOf(rule) === "accept"));
  });

  test("knows from its first moment who has a lease, each once", () => {
    const stations = (known: string[]) =>
      added<{ name: string; elem?: unknown }>(nftRuleset({ ...CLOSED, known }, []), "set").find(
        ({ name }) => name === "stations",
      )?.elem;
    const timeout = 2 * NET.leaseSeconds;
    expect(stations([AMINA.mac, BAHATI.mac, AMINA.mac])).toEqual([
      { elem: { val: AMINA.mac, timeout } },
      { elem: { val: BAHATI.mac, timeout } },
    ]);
    expect(stations([])).toBeUndefined();
  });

  test("looks at what the box cannot route as well as at what it can, before routing refuses it", () => {
    const [rule] = rulesOf(nftRuleset(CLOSED, []), "beyond");
    expect(JSON.stringify(rule)).toContain('{"set":["unicast","unreachable","blackhole","prohibit"]}');
  });

  test("resets TCP that it refuses, before routing can drop it in silence", () => {
    for (const chain of ["guest_to_box", "from_guest", "guest_beyond"]) {
      const resets = rulesOf(nftRuleset(CLOSED, []), chain).filter((rule) => says(rule, '"tcp reset"'));
      expect(resets.length).toBeGreaterThan(0);
    }
    const beyond = added<Chain>(nftRuleset(CLOSED, []), "chain").find(({ name }) => name === "beyond");
    expect(beyond).toMatchObject({ hook: "prerouting", prio: 0 });
  });

  test("opens a service to guests who have agreed, at the box's own address, and to nobody else", () => {
    const opened = rulesOf(nftRuleset(OPEN, []), "guest_to_box").filter(
      (rule) => says(rule, "8081") || says(rule, "5060"),
    );
    expect(opened).toHaveLength(4);
    for (const rule of opened) {
      expect(says(rule, "@released_")).toBe(true);
      expect(says(rule, NET.ipv4.address) || says(rule, NET.ipv6.address)).toBe(true);
    }
  });

  test("opens the ports of far services, and those alone, to guests who have agreed", () => {
    const about = (plan: RulesetPlan) =>
      added<Rule>(nftRuleset(plan, []), "rule").filter((rule) => says(rule, '{"range":[24600,24699]}'));
    const opened = about(OPEN).filter(({ chain }) => chain === "guest_to_box");
    expect(opened).toHaveLength(2);
    for (const rule of opened) {
      expect(says(rule, "@released_") && says(rule, '"tcp"')).toBe(true);
      expect(says(rule, NET.ipv4.address) || says(rule, NET.ipv6.address)).toBe(true);
    }
    const led = about(OPEN).filter(({ chain }) => chain !== "guest_to_box");
    expect(led.map(({ chain }) => chain)).toEqual(["lead_released", "lead_released"]);
    for (const rule of led) expect(says(rule, "198.51.100.1") || says(rule, "100::1")).toBe(true);
    expect(about(CLOSED)).toEqual([]);
  });

  test("leads 443 nowhere without a certificate, and with one only what is meant for the portal", () => {
    expect(JSON.stringify(nftRuleset(CLOSED, [])).includes("8443")).toBe(false);
    const led = ["lead_captive", "lead_released"].flatMap((chain) =>
      rulesOf(nftRuleset(OPEN, []), chain).filter((rule) => says(rule, "8443")),
    );
    expect(led).toHaveLength(4);
    for (const rule of led) expect(says(rule, "198.51.100.1") || says(rule, "100::1")).toBe(true);
  });

  test("opens the portal's ports only to what was led there", () => {
    for (const plan of EVERY_PLAN) {
      const accepting = rulesOf(nftRuleset(plan, []), "guest_to_box").filter(
        (rule) => verdictOf(rule) === "accept" && says(rule, "8080"),
      );
      expect(accepting.length).toBe(2);
      for (const rule of accepting) expect(says(rule, '"dnat"')).toBe(true);
    }
  });

  test("lets no guest use the box's own addresses as its source", () => {
    const commands = nftRuleset(CLOSED, []);
    const refused = rulesOf(commands, "guest_sources").filter((rule) => verdictOf(rule) === "drop");
    for (const address of [NET.ipv4.address, NET.ipv6.address]) {
      expect(refused.some((rule) => says(rule, `"${address}"`))).toBe(true);
    }
    expect(
      rulesOf(commands, "input", "arp").some(
        (rule) => says(rule, NET.ipv4.address) && verdictOf(rule) === "drop",
      ),
    ).toBe(true);
  });

  test("bounds every set that guests can fill", () => {
    for (const set of added<{ name: string; size?: number; flags?: string[] }>(nftRuleset(OPEN, []), "set")) {
      expect([set.name, set.size]).toEqual([set.name, 65_535]);
    }
  });
});

describe("guests who are let through", () => {
  const elements = (commands: readonly NftCommand[], verb: "add" | "delete", set: string) =>
    commands.flatMap((command) => {
      const { element } = (command[verb] ?? {}) as { element?: { name: string; elem: unknown[] } };
      return element?.name === set ? element.elem : [];
    });

  test("stand in the ruleset from its first moment, with the time they have", () => {
    const sets = added<{ name: string; elem?: unknown[] }>(nftRuleset(CLOSED, [AMINA, BAHATI]), "set");
    expect(sets.find(({ name }) => name === "released_ipv4")?.elem).toEqual([
      { elem: { val: { concat: [AMINA.mac, AMINA.ipv4] }, timeout: 3_600 } },
      { elem: { val: { concat: [BAHATI.mac, BAHATI.ipv4] }, timeout: 60 } },
    ]);
    expect(sets.find(({ name }) => name === "released_mac")?.elem).toEqual([
      { elem: { val: AMINA.mac, timeout: 3_600 } },
      { elem: { val: BAHATI.mac, timeout: 60 } },
    ]);
  });

  test("are put in anew, so that an old time does not stay", () => {
    const order = admitCommands([AMINA]).map((command) => Object.keys(command)[0]);
    expect(order.lastIndexOf("delete")).toBeLessThan(order.lastIndexOf("add"));
    expect(elements(admitCommands([AMINA]), "add", "released_ipv4").at(-1)).toEqual({
      elem: { val: { concat: [AMINA.mac, AMINA.ipv4] }, timeout: 3_600 },
    });
  });

  test("are taken out of every set that they were put into", () => {
    for (const set of ["released_ipv4", "released_mac", "guest_class"]) {
      expect(elements(admitCommands([AMINA]), "add", set).length).toBeGreaterThan(0);
      expect(elements(expelCommands([AMINA]), "delete", set).length).toBeGreaterThan(0);
    }
  });

  test("without an IPv4 address are let through by their station alone", () => {
    const [ipv4, stations] = ["released_ipv4", "released_mac"].map((set) => [
      ...elements(admitCommands([IPV6_ONLY, AMINA]), "add", set),
      ...elements(expelCommands([IPV6_ONLY, AMINA]), "delete", set),
      ...(added<{ name: string; elem?: unknown[] }>(nftRuleset(CLOSED, [IPV6_ONLY, AMINA]), "set").find(
        ({ name }) => name === set,
      )?.elem ?? []),
    ]);
    const about = (elem: unknown[] | undefined, station: string) =>
      (elem ?? []).filter((one) => JSON.stringify(one).includes(station)).length;
    expect(about(ipv4, AMINA.mac)).toBeGreaterThan(0);
    expect(about(ipv4, IPV6_ONLY.mac)).toBe(0);
    expect(about(stations, IPV6_ONLY.mac)).toBe(about(stations, AMINA.mac));
  });

  test("are nobody where there is nobody: no command at all", () => {
    expect(admitCommands([])).toEqual([]);
    expect(expelCommands([])).toEqual([]);
  });
});

describeNeeding(["root", "program:nft"], "nft itself", () => {
  /** Checks without applying, as one transaction. */
  const check = async (commands: readonly NftCommand[]) => {
    const { exitCode, stdout, stderr } = await tryRun(["nft", "-j", "-c", "-f", "-"], {
      input: JSON.stringify({ nftables: commands }),
    });
    return exitCode === 0 ? "accepted" : `${stdout}${stderr}`;
  };

  test("accepts the ruleset in all its forms", async () => {
    for (const plan of [CLOSED, OPEN, ...EVERY_PLAN])
      expect(await check(nftRuleset(plan, []))).toBe("accepted");
  }, 30_000);

  test("accepts the ruleset with guests in it, and their coming and going", async () => {
    const guests = [AMINA, BAHATI];
    const commands = [...nftRuleset(OPEN, guests), ...expelCommands([AMINA]), ...admitCommands(guests)];
    expect(await check(commands)).toBe("accepted");
  });

  test("accepts the ruleset with stations that have a lease already", async () => {
    const known = [AMINA.mac, BAHATI.mac, AMINA.mac];
    expect(await check(nftRuleset({ ...OPEN, known }, [AMINA]))).toBe("accepted");
  });

  test("accepts a guest who has no IPv4 address", async () => {
    expect(await check(nftRuleset(CLOSED, [IPV6_ONLY]))).toBe("accepted");
    expect(await check([...nftRuleset(CLOSED, []), ...admitCommands([IPV6_ONLY, AMINA])])).toBe("accepted");
    expect(await check([...nftRuleset(CLOSED, []), ...expelCommands([IPV6_ONLY])])).toBe("accepted");
  });

  test("accepts a guest who is admitted twice, and one expelled who never was in", async () => {
    const commands = [
      ...nftRuleset(CLOSED, [AMINA]),
      ...admitCommands([AMINA]),
      ...admitCommands([{ ...AMINA, seconds: 5 }]),
      ...expelCommands([BAHATI]),
    ];
    expect(await check(commands)).toBe("accepted");
  });

  test("accepts four thousand guests at once", async () => {
    const guests = Array.from({ length: 4_000 }, (_, index) => ({
      mac: `02:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`,
      ipv4: `10.20.${index >> 8}.${index & 255}`,
      seconds: 86_400,
    }));
    expect(await check(nftRuleset(CLOSED, guests))).toBe("accepted");
  }, 30_000);

  test("accepts every limit at its least and at its most", async () => {
    const least = {
      connections: 4,
      connections_per_second: 1,
      guest_connections: 16,
      dns_per_second: 1,
      newcomers_per_second: 1,
    };
    const most = {
      connections: 65_535,
      connections_per_second: 100_000,
      guest_connections: 65_535,
      dns_per_second: 100_000,
      newcomers_per_second: 1_000,
    };
    for (const limits of [least, most]) {
      for (const guestRateKbit of [1, 10_000_000]) {
        const net = planGuestNetwork({ ...CONFIG, limits, lease_minutes: 1_440 }, new Uint8Array(32));
        expect(await check(nftRuleset({ ...OPEN, net, limits, guestRateKbit }, []))).toBe("accepted");
      }
    }
  });
});
