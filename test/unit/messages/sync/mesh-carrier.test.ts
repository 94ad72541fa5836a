import { expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { MeshCarrier } from "../../../../src/messages/sync/mesh-carrier.ts";
import { type MeshNetwork, messagesNetwork } from "../../../../src/messages/sync/mesh-streams.ts";
import { capturedLog } from "../../captured-log.ts";
import { LinkedEngines } from "./linked-engines.ts";
import { MemoryCustody, someBundle } from "./memory-custody.ts";

type Listener = { began: (network: MeshNetwork) => void; ended: (id: string) => void };

/** Two boxes, each in two networks that come and go. */
function world(wanted: string) {
  const time = new VirtualTime();
  const engines = new LinkedEngines(time);
  const memberships = [
    { id: "1", name: "first" },
    { id: "2", name: "second" },
  ];
  const box = (name: string) => {
    const listeners = new Set<Listener>();
    const custody = new MemoryCustody(time);
    let metered = false;
    const carrier = new MeshCarrier({
      networks: {
        onNetworks: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      memberships: () => memberships,
      wanted,
      custody,
      handedOver: () => {},
      timers: time,
      random: () => 0.5,
      log: capturedLog().log,
    });
    carrier.start();
    return {
      custody,
      carrier,
      engines: new Map(memberships.map(({ id }) => [id, engines.engine(`${name} in ${id}`)])),
      meter: () => {
        metered = true;
      },
      began(id: string) {
        const engine = this.engines.get(id);
        const membership = memberships.find((one) => one.id === id);
        if (!engine || !membership) throw new Error("no such network");
        const paths = {
          status: () => [
            { chosen: false, metered: true },
            { chosen: true, metered },
          ],
        };
        for (const { began } of listeners) began({ engine, membership, paths });
      },
      ended(id: string) {
        for (const { ended } of listeners) ended(id);
      },
    };
  };
  const [a, b] = [box("a"), box("b")];
  for (const id of ["1", "2"]) {
    const [near, far] = [a.engines.get(id), b.engines.get(id)];
    if (near && far) engines.connect(near, far);
  }
  return { time, engines, memberships, a, b };
}

test("the network that carries messages is the one that is named, by its name or id, or the first", () => {
  const { memberships } = world("");
  expect(messagesNetwork(memberships, "")).toBe("1");
  expect(messagesNetwork(memberships, "second")).toBe("2");
  expect(messagesNetwork(memberships, "2")).toBe("2");
  expect(messagesNetwork(memberships, "third")).toBeUndefined();
  expect(messagesNetwork([], "")).toBeUndefined();
});

test("bundles go in the network that is named, and nothing of them in another", async () => {
  const { time, engines, a, b } = world("second");
  const id = a.custody.put(someBundle("post"));
  for (const box of [a, b]) box.began("1");
  await time.advanceAsync(60_000);
  expect([engines.sent.length, a.carrier.network]).toEqual([0, undefined]);
  for (const box of [a, b]) box.began("2");
  await time.advanceAsync(10_000);
  expect(b.custody.held.has(id)).toBe(true);
  expect(new Set(engines.sent.map(({ from }) => from))).toEqual(new Set(["a in 2", "b in 2"]));
  expect(a.carrier.network?.membership.name).toBe("second");
  expect(a.carrier.neighbours()).toMatchObject([{ peer: "b in 2", toHandOver: 0, handedOver: 1 }]);
});

test("when the network ends nothing is carried, and when the box has left it the next one carries, and it again if it is back", async () => {
  const { time, a, b, memberships } = world("");
  for (const box of [a, b]) for (const id of ["1", "2"]) box.began(id);
  await time.advanceAsync(1_000);
  const first = memberships.shift();
  for (const box of [a, b]) box.ended("1");
  await time.advanceAsync(10_000);
  expect(a.carrier.network?.membership.name).toBe("second");
  const one = a.custody.put(someBundle("post"));
  await time.advanceAsync(1_000);
  expect(b.custody.held.has(one)).toBe(true);
  if (first) memberships.unshift(first);
  // Only one of the two is back in it: nothing goes over.
  a.began("1");
  await time.advanceAsync(60_000);
  const other = a.custody.put(someBundle("post"));
  await time.advanceAsync(60_000);
  expect([a.carrier.network?.membership.name, b.custody.held.has(other)]).toEqual(["first", false]);
  memberships.shift();
  a.ended("1");
  await time.advanceAsync(120_000);
  expect(b.custody.held.has(other)).toBe(true);
  await a.carrier.stop();
  await b.carrier.stop();
  expect(time.waiting).toBe(0);
});

test("a way whose volume is paid for carries no picture", async () => {
  const { time, a, b } = world("");
  b.meter();
  a.custody.put(someBundle("photo", { bodyBytes: 30_000 }));
  const small = a.custody.put(someBundle("post"));
  for (const box of [a, b]) box.began("1");
  await time.advanceAsync(60_000);
  expect(b.custody.ids()).toEqual([small]);
});
