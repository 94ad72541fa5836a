import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { defaultConfig } from "../../../src/config/index.ts";
import { raucRefusal } from "../../../src/update/bundle/rauc-bundle.ts";
import { ailment, HealthWatch, type Vitals } from "../../../src/update/health.ts";
import { imageFacts } from "../../../src/update/machine.ts";
import { type Surroundings, whyNotYet } from "../../../src/update/may-go-on.ts";
import { Pace } from "../../../src/update/pace.ts";
import { compareVersions, isVersion, VersionError } from "../../../src/update/version.ts";

describe("which version is newer", () => {
  test("is as https://semver.org, item 11, has it, and then by what is behind the plus", () => {
    const inOrder = [
      ...["0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"],
      ...[
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.0+2",
        "1.0.0+11",
        "1.0.0+11.1",
        "1.0.1",
        "1.10.0",
        "2.0.0",
      ],
    ];
    for (const [index, one] of inOrder.entries()) {
      for (const [other, text] of inOrder.entries())
        expect(Math.sign(compareVersions(one, text))).toBe(Math.sign(index - other));
    }
  });

  test("has one answer, whichever way it is asked", () => {
    const number = fc.nat(3);
    const part = fc.constantFrom("", "1", "02", "10", "a", "a.1", "b-c");
    const version = fc
      .tuple(number, number, number, part, part)
      .map(([a, b, c, pre, build]) => `${a}.${b}.${c}${pre && `-${pre}`}${build && `+${build}`}`);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test("is not asked of what is no version", () => {
    for (const text of [
      "",
      "1",
      "1.2",
      "v1.2.3",
      "01.2.3",
      "1.2.3 ",
      "1.2.3+",
      "1.2.3-ü",
      `1.2.${"9".repeat(20)}`,
    ]) {
      expect(isVersion(text)).toBe(false);
      expect(() => compareVersions(text, "1.0.0")).toThrow(VersionError);
    }
  });
});

describe("the next step of an update", () => {
  const config = defaultConfig().update;
  const fine: Surroundings = {
    ...{
      isHeld: false,
      isAsked: true,
      openSos: 0,
      power: "mains",
      utcHour: 12,
      isClockKnown: true,
      unable: undefined,
    },
  };

  test("is taken when the operator says so", () => {
    expect(whyNotYet(fine, config)).toBeUndefined();
    expect(whyNotYet({ ...fine, isAsked: false }, config)).toContain("the operator has to say so");
    expect(whyNotYet({ ...fine, isAsked: false }, { ...config, install: "any-time" })).toBeUndefined();
  });

  test("is never taken while a call for help is open, nor without power, whoever says so", () => {
    for (const install of ["asked", "window", "any-time"] as const) {
      const ever = { ...config, install, window_from: 0, window_until: 0 };
      expect(whyNotYet({ ...fine, openSos: 1 }, ever)).toBe("a call for help is open");
      expect(whyNotYet({ ...fine, openSos: 3 }, ever)).toBe("3 calls for help are open");
      expect(whyNotYet({ ...fine, power: "low" }, ever)).toContain("too little power");
      expect(whyNotYet({ ...fine, isHeld: true }, ever)).toContain("holds it back");
    }
    expect(whyNotYet({ ...fine, power: "battery" }, config)).toBeUndefined();
    expect(whyNotYet({ ...fine, power: undefined }, config)).toBeUndefined();
  });

  test("is taken within the window alone, also over midnight, and only by a clock that was set", () => {
    const window = { install: "window" as const, window_from: 22, window_until: 4 };
    const at = (utcHour: number, isClockKnown = true) =>
      whyNotYet({ ...fine, isAsked: false, utcHour, isClockKnown }, window) === undefined;
    expect(Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => at(hour))).toEqual([
      0, 1, 2, 3, 22, 23,
    ]);
    expect(at(23, false)).toBe(false);
    expect(
      whyNotYet({ ...fine, isAsked: false, utcHour: 3 }, { ...window, window_from: 2, window_until: 5 }),
    ).toBeUndefined();
  });

  test("is not taken where the board could not go back", () => {
    expect(whyNotYet({ ...fine, unable: "no tryboot" }, config)).toBe("no tryboot");
  });
});

describe("whether a box is well", () => {
  const vitals: Vitals = {
    parts: [
      { name: "gateway", isWell: true, detail: "" },
      { name: "wifi", isWell: false, detail: "no radio" },
    ],
    portalAnswers: true,
    storeWrites: true,
  };

  test("is asked of what ran before: a radio that was missing then may be missing now", () => {
    expect(ailment(vitals, ["gateway"])).toBeUndefined();
    expect(ailment(vitals, ["gateway", "wifi"])).toBe("wifi: no radio");
  });

  test("is never so without a portal, or when nothing can be written", () => {
    expect(ailment({ ...vitals, portalAnswers: false }, [])).toContain("portal");
    expect(ailment({ ...vitals, portalAnswers: undefined }, [])).toContain("portal");
    expect(ailment({ ...vitals, storeWrites: false }, [])).toContain("journal");
  });

  test("is known when all was well for a while without a break", () => {
    const watch = new HealthWatch(0, { deadlineMs: 600_000, settleMs: 90_000 });
    expect(watch.see(undefined, 0).judgement).toBe("open");
    expect(watch.see(undefined, 80_000).judgement).toBe("open");
    expect(watch.see("wifi: gone", 85_000).judgement).toBe("open");
    expect(watch.see(undefined, 90_000).judgement).toBe("open");
    expect(watch.see(undefined, 179_000).judgement).toBe("open");
    expect(watch.see(undefined, 180_000).judgement).toBe("well");
  });

  test("is given up when the time is over, with what was wrong", () => {
    const watch = new HealthWatch(0, { deadlineMs: 600_000, settleMs: 90_000 });
    expect(watch.see("mesh: no port", 599_000)).toEqual({ judgement: "open", reason: "mesh: no port" });
    expect(watch.see("mesh: no port", 600_000)).toEqual({ judgement: "unwell", reason: "mesh: no port" });
    expect(watch.see(undefined, 600_001).reason).toContain("not well for long enough: mesh: no port");
  });
});

test("an image is known by what its root says of itself, and a machine that is none by that it does not", () => {
  const text = 'NAME="Debian GNU/Linux"\nIMAGE_ID=omerta-box\nIMAGE_VERSION="1.2.3+4"\nVARIANT_ID=pc-amd64\n';
  expect(imageFacts(text)).toEqual({ compatible: "omerta-box-pc-amd64", version: "1.2.3+4" });
  expect(imageFacts('NAME="Debian GNU/Linux"\nVARIANT_ID=pc-amd64\n')).toBeUndefined();
  expect(imageFacts("")).toBeUndefined();
});

test("what RAUC says is told in plain words, with its own behind them", () => {
  const said =
    "rauc-Message: 01:02:03: Verifying\nsignature verification failed: Verify error: certificate has expired\n";
  expect(raucRefusal(said)).toMatchObject({ why: "signature" });
  expect(raucRefusal(said).message).toStartWith(
    "it was signed with a certificate that had expired then (RAUC: ",
  );
  expect(raucRefusal("").message).toBe("RAUC refuses it (RAUC: no word)");
});

test("what is fetched keeps to its rate, and nothing is saved up in a pause", async () => {
  let nowMs = 0;
  const due: { atMs: number; task: () => void }[] = [];
  const pace = new Pace(80, {
    monotonicMs: () => nowMs,
    after: (delayMs, task) => {
      const entry = { atMs: nowMs + delayMs, task };
      due.push(entry);
      return () => due.splice(due.indexOf(entry), 1);
    },
  });
  const pass = async (ms: number) => {
    nowMs += ms;
    for (const one of due.filter(({ atMs }) => atMs <= nowMs)) {
      due.splice(due.indexOf(one), 1);
      one.task();
    }
    await Promise.resolve();
  };
  const went: number[] = [];
  // 80 kbit/s are 10 bytes in a millisecond.
  for (const bytes of [10_000, 10_000, 10_000])
    void pace.room(bytes).then(
      () => went.push(nowMs),
      () => went.push(-1),
    );
  await pass(0);
  await pass(999);
  expect(went).toEqual([0]);
  await pass(1);
  expect(went).toEqual([0, 1_000]);
  pace.stop();
  await pass(0);
  await pass(0);
  expect(went).toEqual([0, 1_000, -1]);
  await pass(1_000_000);
  void pace.room(10_000).then(() => went.push(nowMs));
  void pace.room(10_000).then(() => went.push(nowMs));
  await pass(0);
  expect(went.slice(3)).toEqual([1_002_000 - 1_000]);
});
