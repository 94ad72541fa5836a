import { expect, test } from "bun:test";
import fc from "fast-check";
import { nodesAmong, parseOriginators } from "../../../../src/wifi/batman/originators.ts";

const row = (orig: string, by: string, change: object = {}) => ({
  hard_ifindex: 2,
  hard_ifname: "mesh0",
  orig_address: orig,
  neigh_address: by,
  best: true,
  last_seen_msecs: 44,
  tq: 255,
  ...change,
});
const IDENTITY = "0e:6d:00:00:00:01";
const FAR = "0e:6d:00:00:00:02";
const LINK = "02:00:00:00:01:00";

test("each node that is heard is given with the way to it", () => {
  expect(parseOriginators(JSON.stringify([row(FAR, LINK)]))).toEqual([
    { macAddress: FAR, interface: "mesh0", nextHop: LINK, lastSeenMs: 44 },
  ]);
});

test("ways that are not the best, and nodes that have been silent for ten seconds, do not count", () => {
  const rows = [row(FAR, LINK, { best: undefined }), row(IDENTITY, LINK, { last_seen_msecs: 10_001 })];
  expect(parseOriginators(JSON.stringify(rows))).toEqual([]);
});

test("batctl prints nothing where there is nobody", () => {
  expect(parseOriginators("")).toEqual([]);
});

test("a link of a box is no box of its own", () => {
  const farLink = row("02:00:00:00:02:00", LINK);
  const rows = [row(LINK, LINK), row(IDENTITY, LINK), row(FAR, LINK), farLink];
  expect(nodesAmong(parseOriginators(JSON.stringify(rows)))).toBe(2);
});

test("what is no list is refused", () => {
  expect(() => parseOriginators("{}")).toThrow("no list");
  expect(() => parseOriginators("Error")).toThrow(SyntaxError);
});

test("rows of any shape are left out or taken, and never thrown at", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (rows) => {
      for (const { macAddress } of parseOriginators(JSON.stringify(rows))) expect(macAddress).toBeString();
    }),
  );
});
