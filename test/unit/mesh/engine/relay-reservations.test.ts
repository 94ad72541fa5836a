import { expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { RelayReservations } from "../../../../src/mesh/engine/relay-reservations.ts";
import { capturedLog } from "../../captured-log.ts";

/** With a relay that answers each request when the test says so. */
function reservations() {
  const answers: ((error: Error) => void)[] = [];
  const newStream = () => new Promise((_, reject) => answers.push(reject));
  const entry = { facts: { kind: "tcp" }, connection: { newStream } };
  const time = new VirtualTime();
  const all = new RelayReservations({
    connectionsOf: () => [entry as never],
    timers: time,
    log: capturedLog().log,
  });
  return { all, time, answers };
}

test("all that ask for a reservation at once hear the same answer, and none is left when it was no", async () => {
  const { all, answers } = reservations();
  const asked = [all.reserve("R"), all.reserve("R")];
  const outcomes = Promise.allSettled(asked);
  expect([answers.length, all.isWanted("R")]).toEqual([1, true]);
  answers[0]?.(new Error("busy"));
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(all.isWanted("R")).toBe(false);
});

test("a request that fails after everything was stopped is not made again", async () => {
  const { all, time, answers } = reservations();
  const first = all.reserve("R").catch(() => undefined);
  all.opened("R");
  time.advance(1);
  expect(answers.length).toBe(2);
  all.stop();
  answers[1]?.(new Error("the engine stops"));
  await Bun.sleep(0);
  time.advance(3_600_000);
  expect(answers.length).toBe(2);
  answers[0]?.(new Error("the engine stops"));
  await first;
});
