import { expect, test } from "bun:test";
import { uplinkState, uplinkText } from "../../../portal/console/status-page.tsx";
import type { BoxStatus } from "../../../src/portal/index.ts";

const ONE: NonNullable<BoxStatus["uplinks"]>[number] = {
  ...{ interface: "wwan0", kind: "modem", state: "online", seconds: 5, inUse: true, metered: true },
  ...{ priority: 50, weight: 10, rttMs: 80, lossPercent: 0, portalUrl: undefined },
};

test("a way to the internet is told in words: what it is, how it is, and where its portal is", () => {
  expect(uplinkText(ONE)).toBe("modem, metered, priority 50");
  expect(uplinkText({ ...ONE, kind: "unknown", metered: false })).toBe("priority 50");
  expect(uplinkState(ONE)).toBe("reaches the internet");
  expect(uplinkState({ ...ONE, state: "captive", portalUrl: "http://a.example/" })).toBe(
    "a captive portal wants something first: http://a.example/",
  );
});
