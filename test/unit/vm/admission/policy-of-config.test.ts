import { describe, expect, test } from "bun:test";
import { ConfigError, defaultConfig, parseConfig, problemLine } from "../../../../src/config/index.ts";
import { admit, policyOf } from "../../../../src/vm/admission/index.ts";
import { circumstances, keyOf, local, member, NETWORK, request, stranger } from "./fixed-case.ts";

const KEY = keyOf(0xabc);
const policyIn = (toml: string) => policyOf(parseConfig(toml).vm);

/** Every line that a configuration is refused with. */
function problemsOf(toml: string): string[] {
  try {
    parseConfig(toml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(problemLine);
    throw error;
  }
  return [];
}

describe("the box that was told nothing", () => {
  test("lends to members of its networks, a little, for an hour, and to no stranger", () => {
    expect(defaultConfig().vm.enabled).toBe(true);
    const policy = policyIn("");
    expect(policy).toEqual({
      accept: "members",
      rules: [],
      blocked: [],
      priorities: { local: 100, member: 50, stranger: 10 },
      limits: {
        ...{ cpus: 1, memoryMiB: 512, diskMiB: 2_048, durationS: 3_600 },
        ...{ upKbit: 10_000, downKbit: 10_000, connectionsPerS: 50 },
      },
      counts: { atOnce: 4, perRequester: 2, perSource: 4, waiting: 8 },
      quietHours: undefined,
      activity: { minChars: 10, refused: [] },
      operatorsInspect: false,
      demo: undefined,
    });
    const kindFor = (rest: object, asked = request()) =>
      admit(asked, circumstances({ policy, ...rest })).kind;
    expect(kindFor({ source: member })).toBe("allow");
    expect(kindFor({ source: stranger }, request({ network: undefined }))).toBe("deny");
    expect(kindFor({ source: local })).toBe("allow");
    expect(kindFor({ source: member }, request({ activity: "" }))).toBe("deny");
  });
});

describe("what [vm] says", () => {
  test("becomes the policy, times in seconds and what names nothing undefined", () => {
    const policy = policyIn(`
      [vm]
      accept = "ask"
      blocked = ["${KEY}"]
      quiet_hours = "22:00-06:30"
      refuse_words = ["mining"]
      operators_inspect = true
      [vm.limits]
      minutes = 5
      up_kbit = 0
      [vm.priorities]
      members = 60
      [vm.demo]
      enabled = true
      [[vm.rules]]
      network = "${NETWORK}"
      source = "2001:db8::/32"
      reputation_to = 30
      verdict = "ask"
      priority = 5
      [[vm.rules]]
    `);
    expect(policy).toMatchObject({
      ...{ accept: "ask", blocked: [KEY], quietHours: { from: 1_320, to: 390 }, operatorsInspect: true },
      limits: { durationS: 300, upKbit: undefined, downKbit: 10_000 },
      activity: { minChars: 10, refused: ["mining"] },
      priorities: { local: 100, member: 60, stranger: 10 },
      demo: { cpus: 1, memoryMiB: 256, diskMiB: 512, durationS: 600 },
    });
    expect(policy.rules).toEqual([
      {
        ...{ requester: undefined, network: NETWORK, source: "2001:db8::/32" },
        ...{ reputation: { least: 0, most: 30 }, verdict: "ask", priority: 5 },
      },
      {
        ...{ requester: undefined, network: undefined, source: undefined },
        ...{ reputation: { least: 0, most: 100 }, verdict: "deny", priority: undefined },
      },
    ]);
  });

  test("is refused with the key and what is allowed", () => {
    expect(
      problemsOf(`
        [vm]
        accept = "friends"
        blocked = ["ana"]
        quiet_hours = "22:00"
        refuse_words = [" "]
        [vm.limits]
        minutes = 0
        [vm.priorities]
        members = 100
        [[vm.rules]]
        source = "192.0.2.0/33"
        [[vm.rules]]
        network = "home"
        verdict = "perhaps"
      `),
    ).toEqual([
      'vm.accept: "friends" is not allowed; allowed: one of "members", "all", "ask", "nobody"',
      'vm.blocked[0]: "ana" is not allowed; allowed: a public key of 64 hexadecimal digits in lower case',
      'vm.quiet_hours: "22:00" is not allowed; allowed: a span such as "22:00-06:30", or ""',
      'vm.refuse_words[0]: " " is not allowed; allowed: a word, or part of one, of at most 60 characters',
      "vm.limits.minutes: 0 is not allowed; allowed: a whole number from 1 to 43200",
      "vm.priorities.members: 100 is not allowed; allowed: a whole number from 1 to 99",
      'vm.rules[0].source: "192.0.2.0/33" is not allowed; allowed: an IP network such as "192.0.2.0/24" or "2001:db8::/32", or ""',
      'vm.rules[1].network: "home" is not allowed; allowed: a network\'s id of 16 hexadecimal digits, or ""',
      'vm.rules[1].verdict: "perhaps" is not allowed; allowed: one of "allow", "ask", "deny"',
    ]);
  });

  test.each(["00:00-00:01", "23:59-00:00", "12:00-13:00"])("may be quiet from %s", (span) => {
    expect(problemsOf(`vm.quiet_hours = "${span}"`)).toEqual([]);
  });

  test.each([
    "24:00-06:00",
    "22:60-06:00",
    "22:00-22:00",
    "9:00-10:00",
    "22:00 - 06:00",
    "22:00-06:00\\n",
    "-",
  ])("may not be quiet from %j", (span) => {
    expect(problemsOf(`vm.quiet_hours = "${span}"`)).toHaveLength(1);
  });

  test.each(["192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32", "::/0", "2001:db8::1/128"])(
    "may name %s",
    (prefix) => {
      expect(problemsOf(`[[vm.rules]]\nsource = "${prefix}"`)).toEqual([]);
    },
  );

  test.each([
    "192.0.2.0",
    "192.0.2.0/033",
    "192.0.2.0/-1",
    "192.0.2/24",
    "::/129",
    "fe80::%eth0/64",
    "home/24",
    "1.1.1.1/1/1",
  ])("may not name %s", (prefix) => {
    expect(problemsOf(`[[vm.rules]]\nsource = "${prefix}"`)).toHaveLength(1);
  });
});
