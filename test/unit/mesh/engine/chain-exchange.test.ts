import { expect, test } from "bun:test";
import type { MessageStream } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { MembershipError, showFirst, showSecond } from "../../../../src/mesh/engine/chain-exchange.ts";
import { scratchFolders } from "../../scratch.ts";
import { TestNetwork } from "./engine-network.ts";

const folder = scratchFolders();

/** Both ends of an encrypted channel, and what each side sent over it. */
function channel(): { ends: [MessageStream, MessageStream]; sent: [Buffer[], Buffer[]] } {
  const ends = multiaddrConnectionPair();
  const sent: [Buffer[], Buffer[]] = [[], []];
  for (const [index, end] of ends.entries()) {
    const send = end.send.bind(end);
    end.send = (data) => {
      sent[index]?.push(Buffer.from(data.subarray()));
      return send(data);
    };
  }
  return { ends, sent };
}

/** The errors that both sides end with. */
async function failures(...sides: Promise<unknown>[]): Promise<Error[]> {
  const outcomes = await Promise.allSettled(sides);
  return outcomes.map((outcome) => {
    expect(outcome.status).toBe("rejected");
    return outcome.status === "rejected" ? outcome.reason : new Error("none");
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const soon = (): AbortSignal => AbortSignal.timeout(200);

test("two members take each other for what their certificates say", async () => {
  const town = new TestNetwork("town", folder);
  const [a, b] = [town.founder, town.member()];
  const { ends } = channel();
  const [ofB, ofA] = await Promise.all([
    showFirst({ stream: ends[0], publicKey: b.publicKey, passport: a, signal: soon() }),
    showSecond({ stream: ends[1], publicKey: a.publicKey, passport: b, signal: soon() }),
  ]);
  expect([ofA.member.publicKey, ofB.member.publicKey]).toEqual([a.publicKey, b.publicKey]);
  expect([ofA.chain, ofB.chain].map(hex)).toEqual([a.chain(), b.chain()].map(hex));
});

test("the side that was dialled says not one byte to a stranger, nor to who shows nothing", async () => {
  const town = new TestNetwork("town", folder);
  const village = new TestNetwork("village", folder).founder;
  const { ends, sent } = channel();
  const first = showFirst({
    stream: ends[0],
    publicKey: town.founder.publicKey,
    passport: village,
    signal: soon(),
  });
  const second = showSecond({
    stream: ends[1],
    publicKey: village.publicKey,
    passport: town.founder,
    signal: soon(),
  });
  expect((await failures(first, second))[1]).toBeInstanceOf(MembershipError);
  expect(sent[1]).toEqual([]);
  const silent = channel();
  const alone = showSecond({
    stream: silent.ends[1],
    publicKey: village.publicKey,
    passport: town.founder,
    signal: soon(),
  });
  await expect(alone).rejects.toThrow();
  expect(silent.sent[1]).toEqual([]);
});

test("one who was put out finds out, and sees no certificates", async () => {
  const town = new TestNetwork("town", folder);
  const outcast = town.member();
  town.founder.revoke(outcast.publicKey, "out", "sold");
  const { ends, sent } = channel();
  const first = showFirst({
    stream: ends[0],
    publicKey: town.founder.publicKey,
    passport: outcast,
    signal: soon(),
  });
  const second = showSecond({
    stream: ends[1],
    publicKey: outcast.publicKey,
    passport: town.founder,
    signal: soon(),
  });
  const [ofFirst, ofSecond] = await failures(first, second);
  expect(ofFirst?.message).toBe("refused by it: chain: revoked: sold");
  expect(ofSecond?.message).toBe("chain: revoked: sold");
  expect(Buffer.concat(sent[1]).includes(Buffer.from(town.founder.chain()))).toBe(false);
});

test("the side that dialled refuses one whose certificates do not hold, after it was accepted itself", async () => {
  const town = new TestNetwork("town", folder);
  const outcast = town.member();
  town.founder.revoke(outcast.publicKey, "out");
  const { ends } = channel();
  const first = showFirst({
    stream: ends[0],
    publicKey: outcast.publicKey,
    passport: town.founder,
    signal: soon(),
  });
  const second = showSecond({
    stream: ends[1],
    publicKey: town.founder.publicKey,
    passport: outcast,
    signal: soon(),
  });
  const [ofFirst, ofSecond] = await failures(first, second);
  expect(ofFirst?.message).toBe("chain: revoked");
  expect(ofSecond?.message).toBe("refused by it: chain: revoked");
});

test("messages that are too long, of another kind, or cut off are refused", async () => {
  const town = new TestNetwork("town", folder);
  for (const bytes of [
    [1, 0xff, 0xff],
    [9, 0, 0],
    [2, 0, 1, 65],
    [1, 0],
    [1, 0, 4, 1],
  ]) {
    const { ends, sent } = channel();
    const asked = showSecond({
      stream: ends[1],
      publicKey: town.founder.publicKey,
      passport: town.founder,
      signal: soon(),
    });
    ends[0].send(Uint8Array.from(bytes));
    await expect(asked).rejects.toThrow();
    expect(sent[1]).toEqual([]);
  }
});
