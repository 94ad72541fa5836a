import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chooseProviders, type Provider } from "../../../src/requester/provider-choice.ts";
import { askInTurn } from "../../../src/requester/provider-turns.ts";

const NEED = { cpus: 1, memoryMiB: 512 };
const CAPABLE = { cpus: 4, memoryMiB: 4_096, freeMemoryMiB: 2_048, leases: 1, maxLeases: 4 };
const box = (name: string, rest: Partial<Provider> = {}): Provider => ({
  ...{ name, title: name, standing: "network", isConnected: true, rttMs: 5, load: 400 },
  capability: CAPABLE,
  ...rest,
});
const order = (providers: readonly Provider[], need = NEED) =>
  chooseProviders(need, providers).inTurn.map(({ provider }) => provider.name);

describe("which box is asked first", () => {
  test("is the nearest in standing: this machine's own, a member's, a stranger's", () => {
    const all = [
      box("stranger", { standing: "stranger", load: 0 }),
      box("member", { load: 100 }),
      box("own", { standing: "local", load: 3_000 }),
    ];
    expect(order(all)).toEqual(["own", "member", "stranger"]);
  });

  test("is one that has room before one that would have to make it, whatever its standing", () => {
    const full = { ...CAPABLE, leases: 4 };
    const narrow = { ...CAPABLE, freeMemoryMiB: 511 };
    const all = [
      box("full", { standing: "local", capability: full }),
      box("narrow", { capability: narrow }),
      box("roomy", { standing: "stranger" }),
    ];
    expect(order(all)).toEqual(["roomy", "full", "narrow"]);
  });

  test("is an idle one before a busy one, by the share of its processors", () => {
    const small = { ...CAPABLE, cpus: 1 };
    expect(order([box("busy", { load: 3_600 }), box("idle", { load: 200 })])).toEqual(["idle", "busy"]);
    // A quarter of four is less than all of one.
    expect(order([box("small", { capability: small, load: 900 }), box("large", { load: 1_000 })])).toEqual([
      "large",
      "small",
    ]);
  });

  test("is one that is connected, has fewer leases, more room, and answers sooner", () => {
    expect(order([box("a", { isConnected: false, load: 0 }), box("b", { load: 2_000 })])).toEqual(["b", "a"]);
    const more = { ...CAPABLE, leases: 3 };
    expect(order([box("a", { capability: more }), box("b")])).toEqual(["b", "a"]);
    const less = { ...CAPABLE, freeMemoryMiB: 1_024 };
    expect(order([box("a", { capability: less }), box("b")])).toEqual(["b", "a"]);
    expect(order([box("a", { rttMs: 80 }), box("b")])).toEqual(["b", "a"]);
    expect(order([box("a", { rttMs: undefined }), box("b")])).toEqual(["b", "a"]);
  });

  test("leaves out who lends nothing or has never enough, and says why", () => {
    const { inTurn, leftOut } = chooseProviders({ cpus: 2, memoryMiB: 8_192 }, [
      box("silent", { capability: undefined }),
      box("closed", { capability: { ...CAPABLE, maxLeases: 0 } }),
      box("single", { capability: { ...CAPABLE, cpus: 1 } }),
      box("small"),
      box("unknown", { standing: "stranger", capability: undefined }),
    ]);
    expect(inTurn.map(({ provider, why }) => [provider.name, why])).toEqual([
      ["unknown", "a stranger's; what it has is not known"],
    ]);
    expect(leftOut.map(({ provider, why }) => `${provider.name}: ${why}`)).toEqual([
      "silent: it lends nothing",
      "closed: it lends nothing",
      "single: it has 1 processor to lend in all",
      "small: it has 4096 MiB to lend in all",
    ]);
  });

  test("says of each why it stands where it does", () => {
    const [first] = chooseProviders(NEED, [box("a", { isConnected: false })]).inTurn;
    expect(first?.why).toBe("a member's; has room: 2048 MiB free, 1 of 4 leases, 10 % busy, not connected");
  });

  test("is the same whatever the order in which the facts come, and loses or doubles nobody", () => {
    const capability = fc.record({
      cpus: fc.integer({ min: 1, max: 8 }),
      memoryMiB: fc.integer({ min: 0, max: 4_096 }),
      freeMemoryMiB: fc.integer({ min: 0, max: 4_096 }),
      leases: fc.integer({ min: 0, max: 6 }),
      maxLeases: fc.integer({ min: 0, max: 4 }),
    });
    const providers = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1, maxLength: 3 }),
        title: fc.constant("box"),
        standing: fc.constantFrom<Provider["standing"]>("local", "network", "stranger"),
        isConnected: fc.boolean(),
        rttMs: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }),
        load: fc.integer({ min: 0, max: 20_000 }),
        capability: fc.option(capability, { nil: undefined }),
      }),
      { selector: ({ name }) => name, maxLength: 12 },
    );
    fc.assert(
      fc.property(providers, fc.nat(), (all, seed) => {
        const shuffled = [...all].sort((a, b) => hash(a.name, seed) - hash(b.name, seed));
        expect(order(shuffled)).toEqual(order(all));
        const { inTurn, leftOut } = chooseProviders(NEED, all);
        expect([...inTurn, ...leftOut].map(({ provider }) => provider.name).sort()).toEqual(
          all.map(({ name }) => name).sort(),
        );
      }),
    );
  });
});

const hash = (text: string, seed: number): number => Number(Bun.hash.wyhash(text, BigInt(seed)) & 0xffffn);

describe("boxes that are asked in turn", () => {
  const refusing = (...names: string[]) => {
    const asked: string[] = [];
    const ask = async (name: string) => {
      asked.push(name);
      if (names.includes(name)) return { is: "not lent" as const, why: `${name} is full` };
      return { is: "lent" as const, what: `machine of ${name}` };
    };
    return { asked, ask };
  };

  test("are asked until one lends, and no further", async () => {
    const { asked, ask } = refusing("a", "b");
    const told: string[] = [];
    expect(await askInTurn(["a", "b", "c", "d"], ask, (_, why) => told.push(why))).toEqual({
      by: "c",
      what: "machine of c",
      refused: [
        { provider: "a", why: "a is full" },
        { provider: "b", why: "b is full" },
      ],
    });
    expect(asked).toEqual(["a", "b", "c"]);
    expect(told).toEqual(["a is full", "b is full"]);
  });

  test("say each why, where none lends", async () => {
    const { ask } = refusing("a", "b");
    expect(await askInTurn(["a", "b"], ask)).toEqual({
      ...{ by: undefined, what: undefined },
      refused: [
        { provider: "a", why: "a is full" },
        { provider: "b", why: "b is full" },
      ],
    });
    expect(await askInTurn([], ask)).toEqual({ by: undefined, what: undefined, refused: [] });
  });

  test("are not asked for who has given up meanwhile", async () => {
    const { asked, ask } = refusing("a", "b");
    await askInTurn(["a", "b"], ask, undefined, () => asked.length === 1);
    expect(asked).toEqual(["a"]);
  });
});
