import { expect, test } from "bun:test";
import { PeerWatch } from "../../../../src/wifi/batman/peer-watch.ts";
import { capturedLog } from "../../captured-log.ts";

test("a station that never became a peer is no loss", () => {
  const told: string[] = [];
  const watch = new PeerWatch({
    runFolder: "/nonexistent",
    log: capturedLog().log,
    lost: (name) => told.push(`lost ${name}`),
    came: (name) => told.push(`came ${name}`),
  });
  watch.read("mesh0: new station 02:00:00:00:01:00");
  watch.read("mesh0: del station 02:00:00:00:01:00");
  expect(told).toEqual(["came mesh0"]);
});
