import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Belonging, belongingKey } from "../../../../src/vm/reaper/belongings.ts";
import { type ReapMachine, type ReapTimes, reap } from "../../../../src/vm/reaper/reaping.ts";

const TIMES: ReapTimes = { everyMs: 100, quietMs: 1_000, maxMs: 30_000 };
const tag = (digit: string) => digit.repeat(10);
const link = (lease: string, name: string): Belonging => ({ kind: "link", lease: tag(lease), name });

/** A machine on which things need so many tries until they go, and appear when it is time for them. */
class TestMachine implements ReapMachine {
  nowMs = 0;
  readonly tries = new Map<string, number>();
  hangs = false;

  constructor(
    readonly things: { what: Belonging; appearsMs: number; needs: number }[],
    readonly domains: Belonging[] = [],
  ) {}

  private isThere = ({ what, appearsMs, needs }: (typeof this.things)[number]) =>
    appearsMs <= this.nowMs && (this.tries.get(belongingKey(what)) ?? 0) < needs;

  find = () => this.things.filter(this.isThere).map(({ what }) => what);
  findDomains = async () => {
    if (this.hangs) this.nowMs += 3_000;
    return this.domains.filter((one) => !this.tries.has(belongingKey(one)));
  };
  apply = async (plan: readonly Belonging[]) => {
    for (const one of plan) this.tries.set(belongingKey(one), (this.tries.get(belongingKey(one)) ?? 0) + 1);
  };
  monotonicMs = () => this.nowMs;
  sleep = async (ms: number) => {
    this.nowMs += ms;
  };
}

describe("reaping", () => {
  test("goes on until all is gone, be it late or stubborn, spares what lives, and tells each thing once, before it is ended", async () => {
    const thing = fc.record({
      lease: fc.constantFrom("a", "b"),
      name: fc.nat(1_000).map((number) => `link${number}`),
      appearsMs: fc.nat(900),
      needs: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(thing, { selector: ({ name }) => name }), async (some) => {
        const things = some.map(({ lease, name, ...rest }) => ({ what: link(lease, name), ...rest }));
        const machine = new TestMachine(things);
        const told: Belonging[] = [];
        const { ended, left } = await reap(
          machine,
          () => ["b".repeat(32)],
          TIMES,
          (toEnd) => {
            for (const one of toEnd) expect(machine.tries.has(belongingKey(one))).toBe(false);
            told.push(...toEnd);
          },
        );
        const wanted = things
          .filter(({ what }) => what.lease === tag("a"))
          .map(({ what }) => belongingKey(what));
        expect(ended.map(belongingKey).sort()).toEqual(wanted.sort());
        expect(told.map(belongingKey).sort()).toEqual(wanted);
        expect(left).toEqual([]);
        for (const key of machine.tries.keys()) expect(wanted).toContain(key);
      }),
    );
  });

  test("gives up what cannot be ended, after its time, and says what that is", async () => {
    const machine = new TestMachine([
      { what: link("a", "stuck"), appearsMs: 0, needs: Number.POSITIVE_INFINITY },
      { what: link("a", "loose"), appearsMs: 0, needs: 1 },
    ]);
    const { ended, left } = await reap(machine, () => [], TIMES);
    expect(ended).toEqual([link("a", "loose")]);
    expect(left).toEqual([link("a", "stuck")]);
    expect(machine.nowMs).toBe(TIMES.maxMs);
  });

  test("asks libvirt last, and has it forget what only it knows of", async () => {
    const domain: Belonging = { kind: "domain", lease: tag("a"), name: "omvm-aaaaaaaaaa" };
    const machine = new TestMachine([{ what: link("a", "one"), appearsMs: 0, needs: 2 }], [domain]);
    const { ended } = await reap(machine, () => [], TIMES);
    expect(ended).toEqual([link("a", "one"), domain]);
  });

  test("is not slower for a libvirtd that hangs", async () => {
    const machine = new TestMachine([{ what: link("a", "one"), appearsMs: 0, needs: 1 }]);
    machine.hangs = true;
    expect(await reap(machine, () => [], TIMES)).toMatchObject({ left: [], tookMs: 100 });
  });

  test("of an empty machine is one look where no quiet is asked for", async () => {
    const machine = new TestMachine([]);
    await reap(machine, () => [], { ...TIMES, quietMs: 0 });
    expect(machine.nowMs).toBe(0);
  });
});
