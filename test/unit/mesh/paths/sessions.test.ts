import { describe, expect, test } from "bun:test";
import { Sessions } from "../../../../src/mesh/paths/sessions.ts";
import { SteadyMessages } from "./steady-messages.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const keys = (localIndex: number) => ({
  localIndex,
  remoteIndex: localIndex + 100,
  sendKey: new Uint8Array(32).fill(localIndex),
  receiveKey: new Uint8Array(32).fill(localIndex),
});

/** As if something of the peer's had come under it. */
function hear(sessions: Sessions, localIndex: number, nowMs: number): void {
  const session = sessions.byIndex(localIndex);
  if (!session) throw new Error(`no session ${localIndex}`);
  session.heardMs = nowMs;
}

describe("the sessions with a peer", () => {
  test("send at once with those that this side asked for", () => {
    const sessions = new Sessions();
    sessions.add(keys(1), true, 0);
    hear(sessions, 1, 1);
    sessions.add(keys(2), true, 10_000);
    expect(sessions.toSendWith(10_001)?.localIndex).toBe(2);
    hear(sessions, 2, 10_100);
    expect(sessions.toSendWith(60_000)?.localIndex).toBe(2);
  });

  test("send with those that the other asked for once it uses them: our answer may be lost", () => {
    const sessions = new Sessions();
    sessions.add(keys(1), false, 0);
    // There is nothing else.
    expect(sessions.toSendWith(1)?.localIndex).toBe(1);
    hear(sessions, 1, 1);
    sessions.add(keys(2), false, 10_000);
    expect(sessions.toSendWith(10_001)?.localIndex).toBe(1);
    expect(sessions.toSendWith(1_000_000)?.localIndex).toBe(1);
    hear(sessions, 2, 1_000_001);
    expect(sessions.toSendWith(1_000_002)?.localIndex).toBe(2);
  });

  test("go back to the one that the peer uses when it never shows that it has the newest", () => {
    const sessions = new Sessions();
    sessions.add(keys(1), true, 0);
    hear(sessions, 1, 1);
    sessions.add(keys(2), true, 10_000);
    hear(sessions, 1, 11_500);
    expect(sessions.toSendWith(13_000)?.localIndex).toBe(1);
    hear(sessions, 2, 14_000);
    expect(sessions.toSendWith(14_001)?.localIndex).toBe(2);
  });

  test("are few, and with new ones old ones go", () => {
    const sessions = new Sessions();
    const gone: number[] = [];
    for (let index = 1; index <= 10; index++) gone.push(...sessions.add(keys(index), true, index * 1_000));
    expect(sessions.indexes).toEqual([10, 9, 8, 7]);
    expect(gone).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sessions.add(keys(11), true, 500_000)).toEqual([10, 9, 8, 7]);
    expect(sessions.indexes).toEqual([11]);
  });

  test("keep what the peer uses, however many answers with new keys are lost", () => {
    const sessions = new Sessions();
    sessions.add(keys(1), true, 0);
    hear(sessions, 1, 1);
    const gone: number[] = [];
    for (let index = 2; index <= 20; index++) gone.push(...sessions.add(keys(index), false, index * 1_000));
    expect(sessions.toSendWith(20_001)?.localIndex).toBe(1);
    expect(sessions.indexes).toEqual([20, 19, 18, 1]);
    expect(gone.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 16 }, (_, i) => i + 2));
  });
});

/** Two boxes that know each other, with messages every 50 ms in both directions, and what each thinks of the other. */
function talking() {
  const network = new VirtualNetwork();
  const wire = network.link("wire");
  const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
  network.introduce(a, b);
  const messages = [new SteadyMessages(network, a, b, "a to b"), new SteadyMessages(network, b, a, "b to a")];
  network.time.advance(3_000);
  const events: string[] = [];
  for (const box of [a, b]) {
    box.paths.on("peerLost", (peer) => events.push(`${box.name} lost ${peer}`));
    box.paths.on("pathChanged", (_peer, { id }) => events.push(`${box.name} takes ${id}`));
  }
  const expectAllArrived = (withinMs: number) => {
    for (const one of messages) expect(one.longestMs(1_000)).toBeLessThan(withinMs);
    for (const one of messages) one.stop();
    network.time.advance(20_000);
    for (const one of messages) expect(one.broken).toEqual([]);
  };
  return { network, a, b, events, expectAllArrived };
}

const between = (localIndex: number, remoteIndex: number, sent: number, received: number) => ({
  localIndex,
  remoteIndex,
  sendKey: new Uint8Array(32).fill(sent),
  receiveKey: new Uint8Array(32).fill(received),
});

describe("new keys for a pair", () => {
  test("cost no message, even when both sides agree on new ones at the same time and in another order", () => {
    const { network, a, b, events, expectAllArrived } = talking();
    b.paths.addPeer("a", between(22, 12, 4, 3), { asked: false });
    a.paths.addPeer("b", between(11, 21, 1, 2), { asked: false });
    network.time.advance(15);
    a.paths.addPeer("b", between(12, 22, 3, 4), { asked: true });
    b.paths.addPeer("a", between(21, 11, 2, 1), { asked: true });
    network.time.advance(300_000);
    expect(events).toEqual([]);
    expectAllArrived(100);
  });

  test("that one side alone has do not disturb the pair at all, on whichever side they are", () => {
    for (const name of ["a", "b"]) {
      const { network, a, b, events, expectAllArrived } = talking();
      // The answer with the keys was lost: who asked has never heard of them.
      const [who, other] = name === "a" ? [a, b] : [b, a];
      who.paths.addPeer(other.name, between(77, 78, 1, 2), { asked: false });
      network.time.advance(60_000);
      expect(events).toEqual([]);
      expectAllArrived(50);
    }
  });

  test("are used by both at once, also where nothing else passes", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire");
    const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
    network.introduce(a, b);
    network.time.advance(300_000);
    // A proof has left just now: that is no reason to wait with the next.
    a.paths.interfaceUp("wire");
    b.paths.addPeer("a", between(22, 12, 4, 3), { asked: false });
    a.paths.addPeer("b", between(12, 22, 3, 4), { asked: true });
    network.time.advance(20);
    const indexes = new Set<number>();
    network.onDatagram = (_from, _target, datagram) => {
      indexes.add(new DataView(datagram.buffer, datagram.byteOffset).getUint32(1));
    };
    network.time.advance(60_000);
    expect([...indexes].toSorted()).toEqual([12, 22]);
  });

  test.each([0, 1])(
    "after one has forgotten the other, messages arrive as before (the %dth forgets)",
    (who) => {
      const network = new VirtualNetwork();
      const wire = network.link("wire");
      const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
      network.introduce(a, b);
      const arrived = { a: 0, b: 0 };
      const exchange = () => {
        for (let i = 0; i < 10; i++) {
          a.paths.submit("b", "test", Uint8Array.of(i), { urgency: "control" }, (error) => {
            if (!error) arrived.b++;
          });
          b.paths.submit("a", "test", Uint8Array.of(i), { urgency: "control" }, (error) => {
            if (!error) arrived.a++;
          });
        }
        network.time.advance(10_000);
      };
      exchange();
      if (who === 0) a.paths.removePeer("b");
      else b.paths.removePeer("a");
      network.time.advance(1_000);
      network.introduce(a, b);
      exchange();
      expect(arrived).toEqual({ a: 20, b: 20 });
      expect([a.received.length, b.received.length]).toEqual([20, 20]);
    },
  );

  test("after a restart of one box, its messages are new to the other although their numbers are not", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire");
    const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
    network.introduce(a, b);
    a.paths.submit("b", "test", Uint8Array.of(1), { urgency: "control" }, () => {});
    network.time.advance(1_000);
    network.boxes.splice(network.boxes.indexOf(a), 1);
    const again = network.box("a", [wire]);
    Object.assign(again, { number: a.number });
    network.introduce(again, b);
    again.paths.submit("b", "test", Uint8Array.of(1), { urgency: "control" }, () => {});
    network.time.advance(1_000);
    expect(b.received.length).toBe(2);
  });
});
