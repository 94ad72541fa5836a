import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { asStale, isAnswered, needsCard } from "../../../../src/messages/sealed/conversation.ts";
import { MAX_SKIPPED } from "../../../../src/messages/sealed/session.ts";
import { type Letter, Writer } from "./writer.ts";

const couple = () => [new Writer(1), new Writer(2)] as const;

/** Both have written, and both have heard it. */
function talking(): readonly [Writer, Writer] {
  const [anna, ben] = couple();
  ben.hear(anna, anna.say(ben, "Hello"));
  anna.hear(ben, ben.say(anna, "Hello you"));
  return [anna, ben];
}

const lengthOf = ({ sealed }: Letter, text: string) => sealed.length - Buffer.from(text).length;

describe("sealed messages", () => {
  test("reach somebody absent, who answers, and so on", () => {
    const [anna, ben] = couple();
    for (let turn = 0; turn < 20; turn += 1) {
      expect(ben.hear(anna, anna.say(ben, `question ${turn}`))).toBe(`question ${turn}`);
      expect(anna.hear(ben, ben.say(anna, `answer ${turn}`))).toBe(`answer ${turn}`);
    }
  });

  test("need a card for the first message alone", () => {
    const [anna, ben] = couple();
    expect(needsCard(anna.conversation)).toBe(true);
    expect(() =>
      anna.write(ben, { kind: "text", text: "Hello" }, { prekey: new Uint8Array(32), prekeyNumber: 1 }),
    ).toThrow("a key is none to agree with");
    ben.hear(anna, anna.say(ben, "Hello"));
    expect(needsCard(anna.conversation)).toBe(false);
    expect(needsCard(ben.conversation)).toBe(false);
    expect(needsCard(asStale(ben.conversation))).toBe(true);
  });

  test("say by their seal alone who they are from once the other has written in the session", () => {
    const [anna, ben] = couple();
    const first = anna.say(ben, "Hello");
    expect(isAnswered(anna.conversation)).toBe(false);
    ben.hear(anna, first);
    expect(isAnswered(ben.conversation)).toBe(true);
    anna.hear(ben, ben.say(anna, "Hello you"));
    expect(isAnswered(anna.conversation)).toBe(true);
    anna.becomeStale();
    anna.say(ben, "Once more");
    expect(isAnswered(anna.conversation)).toBe(false);
  });

  test("of others who say that they are the other's do not open, and change nothing", () => {
    const [anna, ben] = talking();
    const [mallory, carl] = [new Writer(3), new Writer(4)];
    const begun = new Writer(5).say(anna, "It is me, Ben");
    carl.hear(mallory, mallory.say(carl, "Hello"));
    mallory.hear(carl, carl.say(mallory, "Hello you"));
    const { head } = ben.say(anna, "Yes");
    const before = JSON.stringify(anna.conversation);
    for (const { sealed } of [begun, mallory.say(carl, "It is me, Ben")])
      expect(anna.tryToHear(ben, { head, sealed })).toBe("lost");
    expect(JSON.stringify(anna.conversation)).toBe(before);
  });

  test("cost at most 104 bytes more than their text at first, 60 later, and up to 15 of padding", () => {
    const text = "Are you at the school? We have water";
    const [anna, ben] = couple();
    const first = anna.say(ben, text);
    expect(lengthOf(first, text)).toBeLessThanOrEqual(104 + 15);
    ben.hear(anna, first);
    const answer = ben.say(anna, text);
    expect(lengthOf(answer, text)).toBeLessThanOrEqual(60 + 15);
    anna.hear(ben, answer);
    expect(lengthOf(anna.say(ben, text), text)).toBeLessThanOrEqual(60 + 15);
  });

  test("do not tell by their length which of two short words was said", () => {
    const [anna, ben] = talking();
    expect(anna.say(ben, "yes").sealed.length).toBe(ben.say(anna, "not now").sealed.length);
  });

  test("are of many kinds", () => {
    const [anna, ben] = talking();
    const image = Uint8Array.of(0xff, 0xd8, 0xff, ...new Uint8Array(40_000));
    const id = "0123456789abcdef01234567";
    for (const body of [
      { kind: "text", text: "Yes", replyTo: id },
      { kind: "photo", image, text: "" },
      { kind: "photo", image, text: "the bridge", replyTo: id },
      { kind: "read", of: [id, "f".repeat(24)] },
      { kind: "renew" },
    ] as const) {
      expect(ben.read(anna, anna.write(ben, body))).toEqual(body);
    }
  });

  test("are bound to everything around them: sender, recipient, time, number", () => {
    const [anna, ben] = talking();
    const letter = anna.say(ben, "Hello");
    const carla = new Writer(3);
    for (const change of [
      { sequence: letter.head.sequence + 1 },
      { createdS: 0 },
      { lifetimeS: 1 },
      { to: { kind: "person", key: carla.key.publicKey } },
      { sender: { as: "person", key: carla.key.publicKey } },
      { priority: "background" },
    ] as const) {
      expect(ben.tryToHear(anna, { ...letter, head: { ...letter.head, ...change } })).toBe("lost");
    }
    expect(ben.tryToHear(carla, letter)).toBe("lost");
    expect(ben.hear(anna, letter)).toBe("Hello");
  });

  test("that were changed on the way are not opened, and the right one still is", () => {
    const [anna, ben] = talking();
    const letter = anna.say(ben, "Hello");
    for (const [index, byte] of letter.sealed.entries()) {
      const sealed = Uint8Array.from(letter.sealed);
      sealed[index] = byte ^ 1;
      expect(["lost", "malformed", "repeated"]).toContain(ben.tryToHear(anna, { ...letter, sealed }));
    }
    expect(ben.hear(anna, letter)).toBe("Hello");
  });

  test("are opened once, also after their session has turned many times", () => {
    const [anna, ben] = couple();
    const letters: Letter[] = [];
    for (let turn = 0; turn < 8; turn += 1) {
      const letter = anna.say(ben, `${turn}`);
      ben.hear(anna, letter);
      letters.push(letter);
      anna.hear(ben, ben.say(anna, "yes"));
    }
    for (const letter of letters) expect(ben.tryToHear(anna, letter)).toBe("repeated");
  });

  test("are not waited for by the thousand", () => {
    const [anna, ben] = talking();
    for (let n = 0; n < MAX_SKIPPED; n += 1) anna.say(ben, "lost on the way");
    const [early, late] = [anna.say(ben, "in time"), anna.say(ben, "one too many")];
    const other = ben.copy();
    expect(ben.hear(anna, early)).toBe("in time");
    expect(ben.conversation.sessions[0]?.skipped.length).toBe(MAX_SKIPPED);
    expect(other.tryToHear(anna, late)).toBe("lost");
  });
});

describe("whoever has taken a device away", () => {
  test("opens nothing that came before, whatever is done to what it keeps", () => {
    const [anna, ben] = talking();
    const letter = anna.say(ben, "burn this");
    ben.hear(anna, letter);
    const thief = ben.copy();
    expect(thief.tryToHear(anna, letter)).toBe("repeated");
    const sessions = thief.conversation.sessions.map(({ receiving, ...session }) => ({
      ...session,
      past: [],
      receiving: { key: receiving?.key ?? new Uint8Array(32), number: 0 },
    }));
    thief.conversation = { ...thief.conversation, sessions };
    expect(thief.tryToHear(anna, letter)).toBe("lost");
  });

  test("opens nothing that comes once both have written again", () => {
    const [anna, ben] = talking();
    const thief = ben.copy();
    // What Ben has sent now stands on a key that the thief does not have.
    anna.hear(ben, ben.say(anna, "one"));
    const second = anna.say(ben, "two");
    expect(thief.copy().tryToHear(anna, second)).toBe("two");
    ben.hear(anna, second);
    anna.hear(ben, ben.say(anna, "three"));
    expect(thief.tryToHear(anna, anna.say(ben, "four"))).toBe("lost");
  });

  test("and knows the recovery words opens no first message to a prekey that was forgotten", () => {
    const [anna, ben] = couple();
    const letter = anna.say(ben, "Hello");
    for (let week = 0; week < 6; week += 1) ben.rotate();
    expect(ben.tryToHear(anna, letter)).toBe("lost");
  });
});

describe("a prekey", () => {
  test("is good for five weeks after it was on the card", () => {
    const [anna, ben] = couple();
    const letter = anna.say(ben, "Hello");
    for (let week = 0; week < 5; week += 1) ben.rotate();
    expect(ben.hear(anna, letter)).toBe("Hello");
  });

  test("stays where it is not yet time for another, and after a clock's leap only one more is made", () => {
    const ben = new Writer(2);
    const { prekeys } = ben;
    ben.nowS -= 7 * 86_400 - 1;
    ben.rotate();
    expect(ben.prekeys).toBe(prekeys);
    ben.nowS += 10 * 365 * 86_400;
    ben.rotate();
    expect(ben.prekeys.keys.length).toBe(2);
  });
});

describe("two who write first at the same time", () => {
  test("hear each other, and come to use one session", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.boolean(), (seed, isLater) => {
        const [anna, ben] = [new Writer(seed), new Writer(seed + 1_000)];
        if (isLater) ben.nowS += 60;
        const [a, b] = [anna.say(ben, "a"), ben.say(anna, "b")];
        expect([ben.hear(anna, a), anna.hear(ben, b)]).toEqual(["a", "b"]);
        expect(anna.present).toBe(ben.present);
        expect(ben.hear(anna, anna.say(ben, "c"))).toBe("c");
        expect(anna.hear(ben, ben.say(anna, "d"))).toBe("d");
        expect([anna, ben].every(({ conversation }) => conversation.sessions[0]?.isConfirmed)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe("who has lost everything but the recovery words", () => {
  test("asks for a new session, and hears and is heard again", () => {
    const [anna, ben] = talking();
    const missed = anna.say(ben, "missed");
    ben.loseEverything();
    expect(ben.tryToHear(anna, missed)).toBe("lost");
    expect(anna.read(ben, ben.write(anna, { kind: "renew" }))).toEqual({ kind: "renew" });
    expect(ben.hear(anna, anna.say(ben, "once more"))).toBe("once more");
    expect(anna.hear(ben, ben.say(anna, "thanks"))).toBe("thanks");
    expect(anna.present).toBe(ben.present);
  });

  test("is heard also with a clock that is years behind", () => {
    const [anna, ben] = talking();
    ben.loseEverything();
    ben.nowS = 0;
    anna.read(ben, ben.write(anna, { kind: "renew" }));
    expect(ben.hear(anna, anna.say(ben, "there"))).toBe("there");
    expect(anna.present).toBe(ben.present);
  });

  test("is heard where the other has begun anew just before, by a clock that is years ahead", () => {
    const [anna, ben] = talking();
    anna.nowS += 10 * 365 * 86_400;
    anna.becomeStale();
    const missed = anna.say(ben, "missed");
    ben.loseEverything();
    anna.read(ben, ben.write(anna, { kind: "renew" }));
    const again = anna.say(ben, "again");
    for (const letter of [missed, again]) {
      expect(ben.tryToHear(anna, letter)).toBe("lost");
      ben.becomeStale(letter);
    }
    anna.read(ben, ben.write(anna, { kind: "renew" }));
    expect(ben.hear(anna, anna.say(ben, "there"))).toBe("there");
    expect(anna.present).toBe(ben.present);
  });

  test("is heard when both have", () => {
    const [anna, ben] = talking();
    const [a, b] = [anna.say(ben, "a"), ben.say(anna, "b")];
    anna.loseEverything();
    ben.loseEverything();
    expect([ben.tryToHear(anna, a), anna.tryToHear(ben, b)]).toEqual(["lost", "lost"]);
    const [fromAnna, fromBen] = [anna.write(ben, { kind: "renew" }), ben.write(anna, { kind: "renew" })];
    ben.read(anna, fromAnna);
    anna.read(ben, fromBen);
    expect(ben.hear(anna, anna.say(ben, "c"))).toBe("c");
    expect(anna.hear(ben, ben.say(anna, "d"))).toBe("d");
    expect(anna.present).toBe(ben.present);
  });
});

describe("an export that is read in", () => {
  test("seals nothing by what may be old, and opens what still comes", () => {
    const [anna, ben] = talking();
    const old = anna.copy();
    const late = ben.say(anna, "late");
    ben.hear(anna, anna.say(ben, "after the export"));
    old.becomeStale();
    expect(old.hear(ben, late)).toBe("late");
    expect(needsCard(old.conversation)).toBe(true);
    expect(ben.hear(old, old.say(ben, "back again"))).toBe("back again");
    expect(old.hear(ben, ben.say(old, "good"))).toBe("good");
    expect(old.present).toBe(ben.present);
  });

  test("that seals by what is old all the same uses no key and nonce twice", () => {
    const [anna, ben] = talking();
    const old = anna.copy();
    const texts = ["x".repeat(40), "y".repeat(40)];
    const boxes = [anna, old].map((writer, index) => writer.say(ben, texts[index] ?? "").sealed.slice(-60));
    const [one = new Uint8Array(0), two = new Uint8Array(0)] = boxes;
    const both = one.slice(4, 30).map((byte, index) => byte ^ (two[index + 4] ?? 0));
    expect([...both].every((byte) => byte === ("x".charCodeAt(0) ^ "y".charCodeAt(0)))).toBe(false);
  });
});

type Step =
  | { do: "say"; by: 0 | 1 }
  | { do: "deliver"; at: number; keep: boolean }
  | { do: "drop"; at: number }
  | { do: "rotate"; by: 0 | 1 };

const by = fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("say" as const), by }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("deliver" as const), at: fc.nat(), keep: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rotate" as const), by }) },
);

describe("in any order, with losses and duplicates", () => {
  test("each message is opened once, as it was said, and both end in the same session", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 1e6 }), (steps, seed) => {
        const people = [new Writer(seed), new Writer(seed + 1_000_000)] as const;
        const underway: { to: 0 | 1; text: string; letter: Letter; isHeard: boolean }[] = [];
        let count = 0;
        let weeks = 0;
        for (const next of steps) {
          if (next.do === "say") {
            const to = next.by === 0 ? 1 : 0;
            count += 1;
            const text = `message ${count}`;
            underway.push({ to, text, letter: people[next.by].say(people[to], text), isHeard: false });
          } else if (next.do === "rotate") {
            // A bundle's life is over before its prekey's is.
            if (weeks < 4) people[next.by].rotate();
            weeks += 1;
          } else if (underway.length > 0) {
            const index = next.at % underway.length;
            const message = underway[index];
            if (message === undefined) continue;
            if (next.do === "deliver") {
              const from = people[message.to === 0 ? 1 : 0];
              const heard = people[message.to].tryToHear(from, message.letter);
              expect(heard).toBe(message.isHeard ? "repeated" : message.text);
              message.isHeard = true;
            }
            if (next.do === "drop" || !next.keep) underway.splice(index, 1);
          }
        }
        const [anna, ben] = people;
        for (let turn = 0; turn < 3; turn += 1) {
          expect(ben.hear(anna, anna.say(ben, "ping"))).toBe("ping");
          expect(anna.hear(ben, ben.say(anna, "pong"))).toBe("pong");
        }
        expect(anna.present).toBe(ben.present);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
