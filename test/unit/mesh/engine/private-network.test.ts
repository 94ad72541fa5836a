import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { MessageStream } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { PrivateNetwork } from "../../../../src/mesh/engine/private-network.ts";
import { GREETING } from "../../../../src/mesh/engine/protected-stream.ts";
import { SharedKeyChoice } from "../../../../src/mesh/engine/shared-key-choice.ts";
import { roomToSend } from "../../../../src/mesh/engine/stream-room.ts";
import { XSalsa20 } from "../../../../src/mesh/engine/xsalsa20.ts";

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);

interface Side {
  network: PrivateNetwork;
  refused: string[];
}

function side(keys: readonly Uint8Array[], timers = new VirtualTime(), busy?: string, self = "peer"): Side {
  const refused: string[] = [];
  const network = new PrivateNetwork({
    self,
    keys: new SharedKeyChoice(() => keys, timers),
    timers,
    peerOf: () => "peer",
    proven: () => busy,
    refused: (_, why) => refused.push(why),
  });
  return { network, refused };
}

/** Both ends of a connection, greeted and protected; collects what comes out of the inbound end. */
async function connected(dialling: Side, listening: Side) {
  const [outbound, inbound] = multiaddrConnectionPair();
  const accepted = listening.network.protect(inbound);
  const dialled = await dialling.network.protect(outbound);
  dialled.send(GREETING);
  return { dialled, accepted: await accepted };
}

test("what one side sends comes out at the other, and neither key nor text is in between", async () => {
  const [outbound, inbound] = multiaddrConnectionPair();
  const between: Buffer[] = [];
  const send = outbound.send.bind(outbound);
  outbound.send = (data) => {
    between.push(Buffer.from(data.subarray()));
    return send(data);
  };
  const accepted = side([NEW]).network.protect(inbound);
  const dialled = await side([NEW]).network.protect(outbound);
  dialled.send(GREETING);
  dialled.send(Buffer.from("the well is dry"));
  const got = collect(await accepted);
  await until(() => got.bytes().length >= GREETING.length + 15);
  expect(got.bytes().toString()).toBe(`${GREETING}the well is dry`);
  expect(Buffer.concat(between).includes("the well")).toBe(false);
  expect(Buffer.concat(between).length).toBe(24 + GREETING.length + 15);
});

test("how a connection began, recorded, is answered by no other box of the network, and not again by the same", async () => {
  const [outbound, inbound] = multiaddrConnectionPair();
  const recorded = collect(inbound);
  const dialled = await side([NEW]).network.protect(outbound);
  dialled.send(GREETING);
  await until(() => recorded.bytes().length === 44);
  const replayedTo = async (listening: Side, bytes = recorded.bytes()): Promise<string> => {
    const [from, to] = multiaddrConnectionPair();
    const answer = collect(from);
    const accepted = listening.network.protect(to);
    from.send(bytes);
    const outcome = await accepted.then(
      () => "taken",
      (error: Error) => error.message,
    );
    return `${outcome}, ${answer.bytes().length} bytes`;
  };
  const box = side([NEW]);
  const unknown = "does not know the network's shared key, 0 bytes";
  expect(await replayedTo(side([NEW], new VirtualTime(), undefined, "other"))).toBe(unknown);
  expect(await replayedTo(box)).toStartWith("taken");
  expect(await replayedTo(box)).toBe(unknown);
  const [asking, asked] = multiaddrConnectionPair();
  const said = collect(asking);
  const accepted = box.network.protect(asked);
  (await side([NEW]).network.protect(asking)).send(GREETING);
  (await accepted).send(GREETING);
  await until(() => said.bytes().length === 44);
  expect(await replayedTo(box, said.bytes())).toBe(unknown);
});

test("an inbound connection may use any of the keys that hold", async () => {
  for (const key of [OLD, NEW]) {
    const { dialled, accepted } = await connected(side([key]), side([NEW, OLD]));
    const got = collect(dialled);
    accepted.send(GREETING);
    await until(() => got.bytes().length === GREETING.length);
    expect(got.bytes()).toEqual(GREETING);
  }
});

test("one that is dialled says nothing before the key was shown", async () => {
  const [outbound, inbound] = multiaddrConnectionPair();
  const got = collect(outbound);
  const { network, refused } = side([NEW]);
  const accepted = network.protect(inbound);
  outbound.send(Buffer.alloc(43, 7));
  await Bun.sleep(10);
  expect(got.bytes().length).toBe(0);
  outbound.send(Buffer.alloc(1, 7));
  await expect(accepted).rejects.toThrow(/shared key/);
  expect(got.bytes().length).toBe(0);
  expect(refused).toEqual(["does not know the network's shared key"]);
});

test("one that shows the key when there are too many already is told nothing", async () => {
  const [outbound, inbound] = multiaddrConnectionPair();
  const got = collect(outbound);
  const { network, refused } = side([NEW], new VirtualTime(), "too many");
  const accepted = network.protect(inbound);
  const dialled = await side([NEW]).network.protect(outbound);
  dialled.send(GREETING);
  await expect(accepted).rejects.toThrow("too many");
  expect(got.bytes().length).toBe(0);
  expect(refused).toEqual(["too many"]);
});

test("one that shows its key byte by byte has four seconds, whatever it sends", async () => {
  const timers = new VirtualTime();
  const [outbound, inbound] = multiaddrConnectionPair();
  const { network, refused } = side([NEW], timers);
  const accepted = network.protect(inbound);
  const outcome = accepted.then(
    () => "accepted",
    (error: Error) => error.message,
  );
  for (let i = 0; i < 8; i += 1) {
    outbound.send(Buffer.alloc(1, 7));
    timers.advance(500);
  }
  expect(await outcome).toBe("did not show the shared key in time");
  expect(refused).toEqual(["did not show the shared key in time"]);
  expect(inbound.status).not.toBe("open");
});

test("after a failure with a peer the next older key is tried, and a minute later the newest again", () => {
  const timers = new VirtualTime();
  const keys = new SharedKeyChoice(() => [NEW, OLD], timers);
  expect(keys.pick("peer")).toBe(NEW);
  keys.failed("peer", NEW);
  expect(keys.pick("peer")).toBe(OLD);
  expect(keys.pick("another")).toBe(NEW);
  timers.advance(60_001);
  expect(keys.pick("peer")).toBe(NEW);
  keys.failed("peer", NEW);
  keys.failed("peer", OLD);
  expect(keys.pick("peer")).toBe(NEW);
});

test("200 MB go through, unchanged, in bounded memory", async () => {
  const { dialled, accepted } = await connected(side([NEW]), side([NEW]));
  const chunk = Buffer.alloc(65_536, 0x5a);
  const expected = Buffer.alloc(4_194_304, 0x5a);
  const chunks = (200 * 1_048_576) / chunk.length;
  let received = -GREETING.length;
  let isWrong = false;
  accepted.addEventListener("message", ({ data }) => {
    const bytes = Buffer.from(data.subarray());
    if (received >= 0 && !bytes.equals(expected.subarray(0, bytes.length))) isWrong = true;
    received += bytes.length;
  });
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  for (let i = 0; i < chunks; i += 1) {
    dialled.send(chunk);
    await roomToSend(dialled);
    if (i % 8 === 0) await Bun.sleep(0);
  }
  await until(() => received === chunks * chunk.length);
  Bun.gc(true);
  expect(isWrong).toBe(false);
  expect((process.memoryUsage.rss() - before) / 1_048_576).toBeLessThan(100);
});

test("XSalsa20 goes on across any cuts, as in the vector of libsodium", () => {
  // Key and nonce of libsodium's test/default/stream.c, and the SHA-256 of 4 MiB of stream that it expects.
  const key = Buffer.from("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389", "hex");
  const nonce = Buffer.from("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37", "hex");
  const whole = new XSalsa20(nonce, key).apply(Buffer.alloc(4_194_304));
  expect(createHash("sha256").update(whole).digest("hex")).toBe(
    "662b9d0e3463029156069b12f918691a98f7dfb2ca0393c96bbfc6b1fbd630a2",
  );
  const cut = new XSalsa20(nonce, key);
  const pieces = [1, 63, 64, 65, 0, 127, 1_000].map((length) => cut.apply(Buffer.alloc(length)));
  const joined = Buffer.concat(pieces);
  expect(joined.equals(whole.subarray(0, joined.length))).toBe(true);
});

function collect(stream: MessageStream): { bytes(): Buffer } {
  const got: Buffer[] = [];
  stream.addEventListener("message", ({ data }) => got.push(Buffer.from(data.subarray())));
  return { bytes: () => Buffer.concat(got) };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !holds(); i += 1) await Bun.sleep(1);
  expect(holds()).toBe(true);
}
