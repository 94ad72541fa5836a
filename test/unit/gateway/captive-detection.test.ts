import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  answerProbe,
  type DetectionView,
  type ProbeAnswer,
  type RecognisedProbe,
  recogniseProbe,
} from "../../../src/gateway/captive-detection.ts";
import { PROBE_FAMILIES } from "../../../src/gateway/probe-families.ts";

const BEFORE: DetectionView = { state: "new", armed: true, toldOnline: true };
const AFTER: DetectionView = { state: "released", armed: false, toldOnline: true };
const BACK: DetectionView = { ...AFTER, armed: true };
const NOT_TOLD: DetectionView = { ...AFTER, toldOnline: false };

/** Every probe of a family. */
function probesOf(id: string): RecognisedProbe[] {
  const family = PROBE_FAMILIES.find((one) => one.id === id);
  if (!family) throw new Error(`no family ${id}`);
  return family.probes.map(({ online }) => ({ family, online }));
}

describe.each(PROBE_FAMILIES.map((family) => [family.name, family] as const))("%s", (_, family) => {
  const answers = (view: DetectionView): ProbeAnswer[] =>
    probesOf(family.id).map((probe) => answerProbe(probe, view));
  const caught: ProbeAnswer = { kind: "portal", how: family.caught };

  test("is caught until its owner has agreed and is let through, whatever else is the case", () => {
    for (const state of ["new", "shown", "consented", "expired"] as const) {
      for (const armed of [true, false]) {
        for (const toldOnline of [true, false]) {
          for (const answer of answers({ state, armed, toldOnline })) expect(answer).toEqual(caught);
        }
      }
    }
  });

  test("then gets its own sign of success", () => {
    expect(answers(AFTER)).toEqual(family.probes.map(({ online }) => ({ kind: "online", answer: online })));
  });

  test(
    family.rearms
      ? "meets the portal once more when it comes back"
      : "is not troubled again when it comes back",
    () => {
      for (const answer of answers(BACK)) expect(answer.kind).toBe(family.rearms ? "portal" : "online");
    },
  );

  test(
    family.offline === "portal"
      ? "meets the portal for as long as it is not told that it is online"
      : "fails for as long as it is not told that it is online",
    () => {
      const expected: ProbeAnswer = family.offline === "portal" ? caught : { kind: "offline" };
      for (const view of [NOT_TOLD, { ...NOT_TOLD, armed: true }]) {
        for (const answer of answers(view)) expect(answer).toEqual(expected);
      }
    },
  );
});

describe("what the families need, each in its own way", () => {
  test("Samsung's phones get a page that refreshes, since some ignore a redirect", () => {
    for (const probe of probesOf("samsung"))
      expect(answerProbe(probe, BEFORE)).toEqual({ kind: "portal", how: "refresh" });
  });

  test("Android and all who ask as it does are armed again; Apple never is", () => {
    for (const id of ["android", "samsung", "chrome"]) {
      for (const probe of probesOf(id)) expect(answerProbe(probe, BACK).kind).toBe("portal");
    }
    for (const probe of probesOf("apple")) expect(answerProbe(probe, BACK).kind).toBe("online");
  });

  test("Apple's phones, which would disconnect, meet the portal rather than an error", () => {
    for (const probe of probesOf("apple")) expect(answerProbe(probe, NOT_TOLD).kind).toBe("portal");
  });

  test("the page that Windows opens for its user leads to the portal, always", () => {
    const opened = recogniseProbe("www.msftconnecttest.com", "/redirect");
    if (!opened) throw new Error("not recognised");
    for (const view of [BEFORE, AFTER, BACK, NOT_TOLD]) expect(answerProbe(opened, view).kind).toBe("portal");
  });
});

describe("recognising a probe", () => {
  test("finds every host and path of the table in its family", () => {
    for (const family of PROBE_FAMILIES) {
      for (const { hosts, paths, online } of family.probes) {
        for (const host of hosts) {
          for (const path of paths) expect(recogniseProbe(host, path)).toEqual({ family, online });
        }
      }
    }
  });

  test.each(["Captive.Apple.COM", "captive.apple.com:80", "captive.apple.com.", "captive.apple.com.:80"])(
    "takes %s for the same host",
    (host) => {
      expect(recogniseProbe(host, "/hotspot-detect.html")?.family.id).toBe("apple");
    },
  );

  test.each([
    ["captive.apple.com", "/"],
    ["captive.apple.com", "/hotspot-detect.html/"],
    ["captive.apple.com.example", "/hotspot-detect.html"],
    ["xcaptive.apple.com", "/hotspot-detect.html"],
    ["", "/generate_204"],
    ["omerta.internal", "/generate_204"],
    ["www.google.com", "/"],
    ["captive.apple.com:x", "/hotspot-detect.html"],
  ])("does not take %s%s for a probe", (host, path) => {
    expect(recogniseProbe(host, path)).toBeUndefined();
  });

  test("takes any host and path without complaint, and soon", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (host, path) => {
        recogniseProbe(host, path);
      }),
    );
    const before = performance.now();
    for (const host of [
      ":".repeat(16_000),
      ":1".repeat(8_000),
      ".".repeat(16_000),
      `:${"1".repeat(16_000)}x`,
    ]) {
      expect(recogniseProbe(host, "/")).toBeUndefined();
    }
    expect(performance.now() - before).toBeLessThan(500);
  });
});
