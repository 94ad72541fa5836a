import { expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { decodeAges, encodeAges } from "../../../../src/gateway/roaming/compared-ages.ts";
import { KnownStatements, tagOf } from "../../../../src/gateway/roaming/known-statements.ts";
import type { Told } from "../../../../src/gateway/roaming/statement.ts";
import { stationNumber, told } from "./statements.ts";

const HOURS_A_DAY = 24;
const DAYS = 14;
const LIFETIME_S = 86_400;
const STATION = Buffer.from(stationNumber(1)).toString("hex");

/** A box whose count stands still while it is off. */
class Box {
  readonly time = new VirtualTime();
  readonly known = new KnownStatements(() => this.time.monotonicMs());

  asks(other: Box): void {
    const question = decodeAges(encodeAges(this.known.ages()));
    other.known.evenOut(question);
    const beyond = decodeAges(encodeAges(other.known.agesBeyond(question)));
    for (const one of [...other.known.all()]) if (!question.has(one.tag)) this.known.take(one.told);
    this.known.evenOut(beyond);
  }
}

/** Hours of the day at which a box is on. */
const onTimes = fc.uniqueArray(fc.nat(HOURS_A_DAY - 1), { minLength: 1, maxLength: HOURS_A_DAY });
const decision = fc.record({
  hour: fc.nat(HOURS_A_DAY * 8),
  box: fc.nat(3),
  what: fc.constantFrom("agreed" as const, "agreed" as const, "left" as const),
});

test("however little the others are on: nothing holds anywhere for longer than at the box that counts all hours", () => {
  const worlds = fc.record({
    others: fc.array(onTimes, { minLength: 1, maxLength: 3 }),
    decisions: fc.array(decision, { minLength: 1, maxLength: 6 }),
    order: fc.infiniteStream(fc.nat(1_000)),
  });
  fc.assert(
    fc.property(worlds, ({ others, decisions, order }) => {
      const always = Array.from({ length: HOURS_A_DAY }, (_, hour) => hour);
      const boxes = [always, ...others].map((hours) => ({ box: new Box(), hours }));
      const madeAtHour = new Map<string, number>();
      let nonce = 0;
      for (let hour = 0; hour < DAYS * HOURS_A_DAY; hour += 1) {
        const on = boxes.filter(({ hours }) => hours.includes(hour % HOURS_A_DAY));
        for (const { box, what } of decisions.filter((one) => one.hour === hour)) {
          const number = box % on.length;
          const { known } = on[number]?.box ?? new Box();
          const serial = (known.get(STATION)?.statement.serial ?? 0) + 1;
          nonce += 1;
          const lifetimeS = what === "agreed" ? LIFETIME_S : 7 * LIFETIME_S;
          const one: Told = told(number + 1, { serial, what, lifetimeS, nonce });
          known.take(one);
          madeAtHour.set(tagOf(one.signed), hour);
        }
        const pairs = on.flatMap((a) => on.filter((b) => b !== a).map((b) => [a.box, b.box] as const));
        const shuffled = pairs.map((pair) => ({ pair, at: order.next().value ?? 0 }));
        for (const { pair } of shuffled.sort((a, b) => a.at - b.at)) pair[0].asks(pair[1]);
        for (const { box } of on) {
          box.known.sweep();
          for (const { tag, told: holds } of box.known.all()) {
            const agesH = hour - (madeAtHour.get(tag) ?? Number.NEGATIVE_INFINITY);
            if (holds.statement.what === "agreed") expect(agesH * 3_600).toBeLessThan(LIFETIME_S);
          }
        }
        for (const { box } of on) box.time.advance(3_600_000);
      }
    }),
    { numRuns: 40 },
  );
});

test("boxes that compare have the greater age of the two for each, whoever asks", () => {
  const ages = fc.array(fc.tuple(fc.nat(90_000), fc.nat(90_000)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(ages, (all) => {
      const [one, other] = [new Box(), new Box()];
      for (const [at, [mine, theirs]] of all.entries()) {
        const statement = told(1, { station: stationNumber(at), lifetimeS: 100_000 });
        one.known.take({ ...statement, ageS: mine });
        other.known.take({ ...statement, ageS: theirs });
      }
      one.asks(other);
      expect([...one.known.ages().values()]).toEqual(all.map((pair) => Math.max(...pair)));
      expect(other.known.ages()).toEqual(one.known.ages());
    }),
    { numRuns: 40 },
  );
});
