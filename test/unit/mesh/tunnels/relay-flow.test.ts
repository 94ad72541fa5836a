import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type FlowEnd,
  type FlowSide,
  type FlowState,
  type Forward,
  flowStep,
} from "../../../../src/mesh/tunnels/relay-flow.ts";

const at = (address: string, port = 1): FlowEnd => ({ remote: { address, port }, local: "198.51.100.9" });
const A = at("192.0.2.1");
const A2 = at("192.0.2.11");
const B = at("192.0.2.2");
const FORGER = at("203.0.113.66");

const packet = (type: number, length: number, ...indices: number[]): Uint8Array => {
  const buffer = Buffer.alloc(length);
  buffer.writeUInt32LE(type);
  indices.forEach((index, place) => {
    buffer.writeUInt32LE(index, 4 + 4 * place);
  });
  return new Uint8Array(buffer);
};
const initiation = (sender: number) => packet(1, 148, sender);
const response = (sender: number, receiver: number) => packet(2, 92, sender, receiver);
const data = (receiver: number) => packet(4, 32, receiver);

/** A relay of one flow, fed with what comes. */
function relay(start: FlowState = { halves: [] }) {
  let flow = start;
  let moves = 0;
  return {
    get ends() {
      return { a: flow.a, b: flow.b };
    },
    get moves() {
      return moves;
    },
    get halves() {
      return flow.halves.length;
    },
    comes(side: FlowSide, from: FlowEnd, datagram: Uint8Array, atMs = 0): Forward[] {
      const next = flowStep(flow, side, from, datagram, atMs);
      flow = next.flow;
      if (next.isMoved) moves++;
      return next.forwards;
    },
  };
}

/** A flow between A and B that both have proven. */
function established() {
  const subject = relay();
  subject.comes("a", A, initiation(1));
  subject.comes("b", B, initiation(2));
  subject.comes("b", B, response(3, 1));
  subject.comes("a", A, data(3));
  return subject;
}

describe("A relayed flow", () => {
  test("is between two ends once one has answered the other's handshake and was believed by it", () => {
    const subject = relay();
    expect(subject.comes("a", A, initiation(1))).toEqual([]);
    // B's own attempt tells where it is; A's, which was first, is handed to it instead of being crossed by it.
    expect(subject.comes("b", B, initiation(2), 10)).toEqual([
      { side: "b", end: B, datagram: initiation(1) },
    ]);
    expect(subject.comes("b", B, response(3, 1), 20)).toEqual([
      { side: "a", end: A, datagram: response(3, 1) },
    ]);
    expect(subject.ends).toEqual({ a: undefined, b: undefined });
    expect(subject.comes("a", A, data(3), 30)).toEqual([{ side: "b", end: B, datagram: data(3) }]);
    expect(subject.ends).toEqual({ a: A, b: B });
    expect(subject.moves).toBe(1);
  });

  test("hands over B's initiation when A's was long ago and came to nothing", () => {
    const subject = relay();
    subject.comes("a", A, initiation(1), 0);
    expect(subject.comes("b", B, initiation(2), 700)).toEqual([
      { side: "a", end: A, datagram: initiation(2) },
    ]);
  });

  test("follows an end that shakes hands from another address", () => {
    const subject = established();
    expect(subject.comes("a", A2, initiation(10))).toEqual([{ side: "b", end: B, datagram: initiation(10) }]);
    expect(subject.ends.a).toEqual(A);
    expect(subject.comes("b", B, response(11, 10))).toEqual([
      { side: "a", end: A2, datagram: response(11, 10) },
    ]);
    subject.comes("a", A2, data(11));
    expect(subject.ends).toEqual({ a: A2, b: B });
  });

  test("follows an end that has moved although the other, which has not, begins a handshake as well", () => {
    const subject = established();
    expect(subject.comes("b", B, initiation(20), 1_000)).toEqual([
      { side: "a", end: A, datagram: initiation(20) },
    ]);
    expect(subject.comes("a", A2, initiation(10), 1_010)).toEqual([
      { side: "b", end: B, datagram: initiation(10) },
    ]);
    // B again, for want of an answer: not to where A may be, since B's data would not come up to here.
    expect(subject.comes("b", B, initiation(21), 1_015)).toEqual([
      { side: "a", end: A, datagram: initiation(21) },
    ]);
    subject.comes("b", B, response(11, 10), 1_020);
    subject.comes("a", A2, data(11), 1_030);
    expect(subject.ends).toEqual({ a: A2, b: B });
  });

  test("hands on one of two initiations that known ends begin at the same time", () => {
    const subject = established();
    subject.comes("a", A, initiation(10), 1_000);
    expect(subject.comes("b", B, initiation(20), 1_001)).toEqual([
      { side: "b", end: B, datagram: initiation(10) },
    ]);
  });

  test("lets B in from another address while a stranger sends initiations to A's port", () => {
    const subject = established();
    const B2 = at("192.0.2.22");
    subject.comes("a", FORGER, initiation(66), 1_000);
    expect(subject.comes("b", B2, initiation(20), 1_010)).toContainEqual({
      side: "a",
      end: A,
      datagram: initiation(20),
    });
    subject.comes("a", A, response(21, 20), 1_020);
    subject.comes("b", B2, data(21), 1_030);
    expect(subject.ends).toEqual({ a: A, b: B2 });
  });

  test("is not taken over by data from elsewhere, whatever index it carries", () => {
    const subject = established();
    for (const index of [0, 1, 2, 3]) expect(subject.comes("a", FORGER, data(index))).toEqual([]);
    expect(subject.ends).toEqual({ a: A, b: B });
  });

  test("is not taken over by an initiation that the other end does not answer", () => {
    const subject = established();
    subject.comes("a", FORGER, initiation(66));
    for (const index of [0, 66]) expect(subject.comes("a", FORGER, data(index))).toEqual([]);
    // B goes on with A meanwhile: no answer to the forger.
    expect(subject.comes("b", B, data(1))).toEqual([{ side: "a", end: A, datagram: data(1) }]);
    expect(subject.ends).toEqual({ a: A, b: B });
  });

  test("is not taken over by a response that the initiator does not find right", () => {
    const subject = established();
    subject.comes("a", A2, initiation(10));
    // A forger that knows the index, and so answers before B.
    subject.comes("b", FORGER, response(66, 10));
    expect(subject.ends).toEqual({ a: A, b: B });
    // A did not accept it; B's comes, and counts, whatever the forger sends behind it.
    subject.comes("b", B, response(11, 10));
    subject.comes("b", FORGER, response(67, 10));
    subject.comes("a", A2, data(11));
    expect(subject.ends).toEqual({ a: A2, b: B });
  });

  test("is won by the true end although a forger was first at its port", () => {
    const subject = relay();
    subject.comes("a", FORGER, initiation(66));
    subject.comes("a", A, initiation(1), 5);
    const handed = subject.comes("b", B, initiation(2), 10);
    expect(handed).toContainEqual({ side: "b", end: B, datagram: initiation(1) });
    subject.comes("b", B, response(3, 1), 20);
    subject.comes("a", A, data(3), 30);
    expect(subject.ends).toEqual({ a: A, b: B });
  });

  test("keeps its ends, little memory and few copies, whatever strangers send", () => {
    const strange = fc.record({
      side: fc.constantFrom("a" as const, "b" as const),
      port: fc.integer({ min: 1, max: 50 }),
      datagram: fc.oneof(
        fc.nat().map(initiation),
        // Never an index that A or B made in this flow, as these cannot be known.
        fc.tuple(fc.nat(), fc.integer({ min: 1_000, max: 2_000 })).map(([s, r]) => response(s, r)),
        fc.nat().map(data),
        fc.uint8Array({ maxLength: 200 }),
      ),
    });
    fc.assert(
      fc.property(fc.array(strange, { maxLength: 60 }), (sent) => {
        const subject = established();
        for (const { side, port, datagram } of sent) {
          const copies = subject.comes(side, at("203.0.113.66", port), datagram, 1);
          expect(copies.length).toBeLessThanOrEqual(3);
        }
        expect(subject.halves).toBeLessThanOrEqual(8);
        // Strangers at both ports may shake hands with each other: that breaks the flow, and A mends it.
        subject.comes("a", A, initiation(500), 10_000);
        for (const side of ["a", "b"] as const)
          subject.comes(side, side === "a" ? A : B, initiation(501), 10_001);
        subject.comes("b", B, response(502, 501), 10_002);
        subject.comes("a", A, data(502), 10_003);
        expect(subject.ends).toEqual({ a: A, b: B });
      }),
    );
  });

  test("forgets a handshake that was not finished in time", () => {
    const subject = established();
    subject.comes("a", A2, initiation(10), 0);
    subject.comes("b", B, response(11, 10), 6_000);
    subject.comes("a", A2, data(11), 6_001);
    expect(subject.ends.a).toEqual(A);
  });
});
