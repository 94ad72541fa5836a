import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Facts } from "../../../../src/lora/meshtastic/facts.ts";
import { Inbox } from "../../../../src/lora/meshtastic/inbox.ts";
import { NodeBook } from "../../../../src/lora/meshtastic/node-book.ts";
import { OwnClock } from "../../../../src/lora/meshtastic/own-clock.ts";
import {
  DataSchema,
  FromRadioSchema,
  LocationSource,
  MeshPacketSchema,
  NodeInfoSchema,
  OwnInfoSchema,
  Port,
  PositionSchema,
} from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";

const SELF = 0xa11a0001;
const T = 1_790_000_000;
const LATER_MS = 120_000;

/** A driver that has shaken hands 1 s ago, with a board that says `seconds`. */
function shaken(seconds: number) {
  let nowMs = 5_000;
  const clock = new OwnClock(() => nowMs);
  const book = new NodeBook(() => nowMs);
  const facts = new Facts(book, clock);
  const nothing = () => {};
  const inbox = new Inbox({ book, facts, clock, received: nothing, routing: nothing, changed: nothing });
  facts.take(
    create(FromRadioSchema, { content: { case: "ownInfo", value: create(OwnInfoSchema, { number: SELF }) } }),
  );
  const self = create(NodeInfoSchema, { number: SELF, lastHeard: seconds });
  facts.take(create(FromRadioSchema, { content: { case: "nodeInfo", value: self } }));
  const says = (time: number, locationSource: LocationSource, { from = SELF, rxRssi = 0 } = {}) => {
    const payload = toBinary(PositionSchema, create(PositionSchema, { time, locationSource }));
    const data = create(DataSchema, { port: Port.POSITION, payload });
    inbox.take(create(MeshPacketSchema, { from, rxRssi, content: { case: "decoded", value: data } }));
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  /** What the board's clock says now, in seconds since 1970, as the driver tells it; undefined where it does not. */
  const told = () => {
    const known = facts.status().clock;
    return (
      known && { seconds: Math.floor((known.epochMs + nowMs) / 1_000), bySatellites: known.bySatellites }
    );
  };
  return { says, pass, told };
}

test("what the board says at the handshake is its clock's, which anybody may have set", () => {
  const { told, pass } = shaken(T);
  expect(told()).toEqual({ seconds: T, bySatellites: false });
  pass(10_000);
  expect(told()).toEqual({ seconds: T + 10, bySatellites: false });
});

test("a board that does not know the time says nothing", () => {
  const { told, says } = shaken(0);
  expect(told()).toBeUndefined();
  says(0, LocationSource.INTERNAL);
  expect(told()).toBeUndefined();
});

test("its own position from its own receiver brings the satellites' time, and nothing less takes its place", () => {
  const { told, says, pass } = shaken(T - 5_000);
  pass(LATER_MS);
  says(T, LocationSource.INTERNAL);
  expect(told()).toEqual({ seconds: T, bySatellites: true });
  says(T + 900, LocationSource.MANUAL);
  expect(told()).toEqual({ seconds: T, bySatellites: true });
  pass(60_000);
  says(T + 61, LocationSource.INTERNAL);
  expect(told()).toEqual({ seconds: T + 61, bySatellites: true });
});

test("with a fixed position the time is a phone's", () => {
  const { told, says, pass } = shaken(0);
  pass(LATER_MS);
  says(T, LocationSource.MANUAL);
  expect(told()).toEqual({ seconds: T, bySatellites: false });
});

test("what comes from the air, also under the board's own number, tells nothing", () => {
  const { told, says, pass } = shaken(0);
  pass(LATER_MS);
  says(T, LocationSource.INTERNAL, { from: 0xbad });
  says(T, LocationSource.INTERNAL, { rxRssi: -90 });
  expect(told()).toBeUndefined();
});

test("what the firmware kept until somebody listened is late, and is left", () => {
  const { told, says, pass } = shaken(T);
  pass(1_000);
  says(T - 600, LocationSource.INTERNAL);
  expect(told()).toEqual({ seconds: T + 1, bySatellites: false });
  says(T + 1, LocationSource.INTERNAL);
  expect(told()).toEqual({ seconds: T + 1, bySatellites: true });
  const unknowing = shaken(0);
  unknowing.says(T - 600, LocationSource.INTERNAL);
  expect(unknowing.told()).toBeUndefined();
});
