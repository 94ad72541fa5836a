import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { SESSION_PROTOCOL, SessionAgreement } from "../../../../src/mesh/network/session-agreement.ts";
import type { SessionKeys } from "../../../../src/mesh/paths/paths-interface.ts";
import type { SessionOffer } from "../../../../src/mesh/paths/session-offer.ts";
import { type FakeEngine, FakeEngines } from "../fake-engine.ts";

interface Agreed {
  peer: string;
  keys: SessionKeys;
  theirs: SessionOffer;
  asked: boolean;
}

function boxes() {
  const engines = new FakeEngines();
  const time = new VirtualTime();
  let index = 0;
  const box = (engine: FakeEngine) => {
    const agreed: Agreed[] = [];
    const agreement = new SessionAgreement({
      engine,
      offer: () => {
        index += 1;
        return { index, endpoints: [{ address: "10.81.0.1", port: 4_600 }], relays: true };
      },
      randomBytes,
      timers: time,
      agreed: (peer, keys, theirs, asked) => void agreed.push({ peer, keys, theirs, asked }),
    });
    agreement.serve();
    return { engine, agreement, agreed };
  };
  const [a, b] = [box(engines.engine("a")), box(engines.engine("b"))];
  engines.connect(a.engine, b.engine);
  return { engines, time, a, b };
}

/** The keys of the two fit: what one seals the other opens. */
function expectFitting([ofA]: Agreed[], [ofB]: Agreed[]): void {
  expect(ofA?.keys.sendKey).toEqual(ofB?.keys.receiveKey as Uint8Array);
  expect(ofA?.keys.receiveKey).toEqual(ofB?.keys.sendKey as Uint8Array);
  expect(ofA?.keys.localIndex).toBe(ofB?.keys.remoteIndex as number);
  expect(ofA?.keys.sendKey).not.toEqual(ofA?.keys.receiveKey as Uint8Array);
}

describe("two boxes", () => {
  test("agree on keys that fit, and learn what the other offers", async () => {
    const { a, b, time } = boxes();
    await a.agreement.ask("b");
    expectFitting(a.agreed, b.agreed);
    expect(a.agreed[0]).toMatchObject({
      peer: "b",
      theirs: { relays: true, endpoints: [{ address: "10.81.0.1" }] },
    });
    expect(b.agreed[0]?.peer).toBe("a");
    expect([a.agreed[0]?.asked, b.agreed[0]?.asked]).toEqual([true, false]);
    await Bun.sleep(0);
    expect([a.engine.openStreams, b.engine.openStreams, time.waiting]).toEqual([0, 0, 0]);
  });

  test("that ask each other at the same time agree twice, and each holds both", async () => {
    const { a, b } = boxes();
    await Promise.all([a.agreement.ask("b"), b.agreement.ask("a")]);
    expect([a.agreed.length, b.agreed.length]).toEqual([2, 2]);
    for (const mine of a.agreed) {
      const theirs = b.agreed.filter(({ keys }) => keys.localIndex === mine.keys.remoteIndex);
      expectFitting([mine], theirs);
    }
  });

  test("never use the same keys twice", async () => {
    const { a } = boxes();
    for (let times = 0; times < 5; times += 1) await a.agreement.ask("b");
    expect(new Set(a.agreed.map(({ keys }) => Buffer.from(keys.sendKey).toString("hex"))).size).toBe(5);
  });
});

describe("a box that", () => {
  test("does not answer is given up after five seconds, and nothing is left open", async () => {
    const { engines, time, a } = boxes();
    const silent = engines.engine("silent");
    silent.handle(SESSION_PROTOCOL, () => new Promise(() => {}));
    engines.connect(a.engine, silent);
    const asked = a.agreement.ask("silent").then(
      () => "agreed",
      (error) => String(error),
    );
    await time.advanceAsync(4_900);
    expect(a.engine.openStreams).toBe(1);
    await time.advanceAsync(200);
    expect(await asked).toContain("no answer");
    expect([a.engine.openStreams, a.agreed]).toEqual([0, []]);
  });

  test.each([
    ["nonsense", [Buffer.from("nonsense")]],
    ["nothing", []],
    ["too much", [new Uint8Array(2_049)]],
  ])("answers with %s has agreed on nothing", async (_what, frames) => {
    const { engines, a, time } = boxes();
    const liar = engines.engine("liar");
    liar.handle(SESSION_PROTOCOL, async (stream) => {
      for (const frame of frames) await stream.send(frame);
    });
    engines.connect(a.engine, liar);
    await expect(a.agreement.ask("liar")).rejects.toThrow("offer");
    expect([a.agreed, a.engine.openStreams, time.waiting]).toEqual([[], 0, 0]);
  });

  test("asks with nonsense gets no answer", async () => {
    const { a, b } = boxes();
    const stream = await a.engine.open("b", SESSION_PROTOCOL);
    await stream.send(Buffer.from("nonsense"));
    const answer = async () => {
      for await (const _ of stream.frames()) return "an answer";
      return "none";
    };
    await expect(answer()).rejects.toThrow("offer");
    expect(b.agreed).toEqual([]);
  });

  test("is not connected is told so", async () => {
    await expect(boxes().a.agreement.ask("nobody")).rejects.toThrow("not connected");
  });
});
