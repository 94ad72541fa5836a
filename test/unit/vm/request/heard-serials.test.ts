import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HeardSerials, nextSerial } from "../../../../src/vm/request/index.ts";

describe("serials of commands", () => {
  test("are taken once, and only while they rise", () => {
    const heard = new HeardSerials();
    heard.begin("ana", 1_000);
    expect([1_001, 1_001, 1_500, 1_400, 1_501].map((serial) => heard.hear("ana", serial))).toEqual([
      ...[true, false, true, false, true],
    ]);
    expect(heard.lastOf("ana")).toBe(1_501);
  });

  test("are taken from nobody who has no lease", () => {
    const heard = new HeardSerials();
    expect(heard.hear("ana", 5)).toBe(false);
    heard.begin("ana", 1_000);
    heard.end("ana");
    expect(heard.hear("ana", 5_000)).toBe(false);
    expect(heard.lastOf("ana")).toBeUndefined();
  });

  test("of one requester say nothing of another's", () => {
    const heard = new HeardSerials();
    heard.begin("ana", 1_000);
    heard.begin("ben", 1_000);
    expect(heard.hear("ana", 9_000)).toBe(true);
    expect(heard.hear("ben", 1_001)).toBe(true);
  });

  test("of an earlier lease are of no use in a later one", () => {
    const heard = new HeardSerials();
    heard.begin("ana", 1_000);
    heard.hear("ana", 1_700);
    heard.end("ana");
    heard.begin("ana", nextSerial(1_700, 1_650));
    expect(heard.hear("ana", 1_700)).toBe(false);
    expect(heard.hear("ana", 1_702)).toBe(true);
  });

  test("do not fall when a further lease begins by a clock that was put back", () => {
    const heard = new HeardSerials();
    heard.begin("ana", 5_000);
    heard.hear("ana", 6_000);
    heard.begin("ana", 10);
    expect(heard.hear("ana", 5_500)).toBe(false);
    expect(heard.hear("ana", 6_001)).toBe(true);
  });

  test("are above the last by any clock, so that an honest requester's are always taken", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.array(fc.integer({ min: -5_000, max: 20_000 })), (begin, clock) => {
        const heard = new HeardSerials();
        heard.begin("ana", begin);
        let last = begin;
        for (const nowMs of clock) {
          last = nextSerial(last, nowMs);
          expect(heard.hear("ana", last)).toBe(true);
          expect(heard.hear("ana", last)).toBe(false);
        }
      }),
    );
  });
});
