import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { CertificateError, StatementError } from "../../../../src/identity/index.ts";
import { type Directory, DirectoryFullError } from "../../../../src/mesh/directory/directory.ts";
import { Gossip, type GossipOptions } from "../../../../src/mesh/directory/gossip.ts";
import { MAX_RECORD_BYTES } from "../../../../src/mesh/directory/peer-record.ts";
import type { PeerId } from "../../../../src/mesh/engine/engine-interface.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { capturedLog } from "../../captured-log.ts";
import { inviteBy, openBox } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";
import { type FakeEngine, FakeEngines } from "../fake-engine.ts";
import { directoryAt, keyNumber, recordOf } from "./described.ts";

const scratch = scratchFolders();

/** Statements are any bytes, except those that begin with "bad". */
class Statements {
  readonly kept = new Map<string, Uint8Array>();

  statements() {
    return [...this.kept.values()];
  }

  accept(statement: Uint8Array) {
    const text = Buffer.from(statement).toString();
    if (text.startsWith("bad")) throw new StatementError("statement", "is none");
    if (this.kept.has(text)) return "known" as const;
    this.kept.set(text, statement);
    return "new" as const;
  }
}

interface Box {
  engine: FakeEngine;
  directory: Directory;
  statements: Statements;
  gossip: Gossip;
  came: PeerId[];
  statementsCame: number;
}

/** Boxes with gossip that runs, each connected to all the others. */
function boxes(count: number, options: Partial<GossipOptions> = {}) {
  const engines = new FakeEngines();
  const time = new VirtualTime();
  const all: Box[] = [];
  for (let number = 1; number <= count; number += 1) {
    const key = keyNumber(number);
    const engine = engines.engine(peerIdOf(key.publicKey));
    const directory = directoryAt({ nowMs: 0 }, { self: engine.peer, monotonicMs: () => time.monotonicMs() });
    const box: Box = {
      engine,
      directory,
      statements: new Statements(),
      came: [],
      statementsCame: 0,
      gossip: new Gossip({
        engine,
        directory,
        membership: {
          statements: () => box.statements.statements(),
          accept: (one) => {
            const accepted = box.statements.accept(one);
            if (accepted === "new") box.statementsCame += 1;
            return accepted;
          },
        },
        ownRecord: () => recordOf(key, 1, { name: `box ${number}` }),
        timers: time,
        random: () => 0.5,
        log: capturedLog().log,
        recordCame: ({ peer }) => void box.came.push(peer),
        ...options,
      }),
    };
    for (const { engine: other } of all) engines.connect(engine, other);
    box.gossip.start();
    all.push(box);
  }
  const [first] = all;
  if (!first) throw new Error("no box");
  return { engines, time, all, first };
}

/** The topic that a box listens to of this name, whatever is before it. */
const topicOf = ({ engine }: Box, name: string): string =>
  [...engine.subscriptions.keys()].find((topic) => topic.endsWith(name)) ?? "";

const otherThan = (first: Box, all: readonly Box[]) => all.filter((box) => box !== first);

describe("a record that gossip brings", () => {
  const { first } = boxes(1);
  const heard = (data: Uint8Array) => first.engine.hear(topicOf(first, "records"), data, "whoever");

  test("is passed on when it is news, and goes no further when it is not", () => {
    const key = keyNumber(7);
    expect(heard(recordOf(key, 5))).toEqual(["accept"]);
    expect(first.came).toEqual([peerIdOf(key.publicKey)]);
    expect(heard(recordOf(key, 5))).toEqual(["ignore"]);
    expect(heard(recordOf(key, 4))).toEqual(["ignore"]);
    expect(heard(recordOf(key, 6))).toEqual(["accept"]);
    expect(first.came).toHaveLength(2);
  });

  test("counts against who passed it on when it is malformed, forged or too long", () => {
    const forged = recordOf(keyNumber(8), 5);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(heard(forged)).toEqual(["reject"]);
    expect(heard(Buffer.from("nonsense"))).toEqual(["reject"]);
    expect(heard(new Uint8Array(0))).toEqual(["reject"]);
    expect(heard(new Uint8Array(MAX_RECORD_BYTES + 1))).toEqual(["reject"]);
  });

  test("counts against nobody when it is this box's own, or of one who is no member here", () => {
    expect(heard(recordOf(keyNumber(1), 99))).toEqual(["ignore"]);
    for (const error of [
      new CertificateError("chain", "revoked"),
      new DirectoryFullError("directory: full"),
    ]) {
      const refuse = () => {
        throw error;
      };
      const directory = directoryAt({ nowMs: 0 }, { check: refuse });
      const { first: box } = boxes(1, { directory });
      expect(box.engine.hear(topicOf(box, "records"), recordOf(keyNumber(3), 1), "whoever")).toEqual([
        "ignore",
      ]);
    }
  });
});

describe("a statement that gossip brings", () => {
  test("is passed on when it is news, stops when it is known, and is held against who passes on none", () => {
    const { first } = boxes(1);
    const heard = (text: string) =>
      first.engine.hear(topicOf(first, "statements"), Buffer.from(text), "whoever");
    expect(heard("out: 12")).toEqual(["accept"]);
    expect(heard("out: 12")).toEqual(["ignore"]);
    expect(heard("bad")).toEqual(["reject"]);
    expect(heard("x".repeat(3_073))).toEqual(["reject"]);
    expect(first.statementsCame).toBe(1);
  });

  test("is judged so with real statements of a real network too", () => {
    const founder = openBox(scratch()).memberships.found("Harbour");
    const member = openBox(scratch()).memberships.join(inviteBy(founder)).membership;
    const stranger = openBox(scratch()).memberships.found("Elsewhere");
    const { first } = boxes(1, { membership: member });
    const heard = (statement: Uint8Array) =>
      first.engine.hear(topicOf(first, "statements"), statement, "whoever");
    const rotation = founder.rotate();
    expect(heard(rotation)).toEqual(["accept"]);
    expect(heard(rotation)).toEqual(["ignore"]);
    expect(heard(stranger.rotate())).toEqual(["reject"]);
    expect(heard(rotation.subarray(1))).toEqual(["reject"]);
    expect(member.sharedKeys()).toHaveLength(2);
  });
});

describe("by comparing, boxes", () => {
  test("hand over their own records and those of others, and statements first", async () => {
    const { engines, first, all } = boxes(2);
    const [second] = otherThan(first, all);
    if (!second) throw new Error("one box");
    second.directory.accept(recordOf(keyNumber(7), 1));
    second.statements.accept(Buffer.from("out: 12"));
    await first.gossip.compareWith(second.engine.peer);
    expect(first.directory.all().map(({ peer }) => peer)).toEqual([
      second.engine.peer,
      peerIdOf(keyNumber(7).publicKey),
    ]);
    expect([first.came.length, first.statementsCame]).toEqual([2, 1]);
    expect(engines.frames[0]?.protocol).toContain("statements");
    // What came by comparing others may lack too.
    expect(first.engine.published.map(({ data }) => data)).toContainEqual(
      Uint8Array.from(Buffer.from("out: 12")),
    );
  });

  test("that know the same 500 members say so in two frames, and ask again for nothing", async () => {
    const { engines, first, all } = boxes(2);
    for (let number = 10; number < 510; number += 1)
      for (const { directory } of all) directory.accept(recordOf(keyNumber(number), 1));
    const [second] = otherThan(first, all);
    await first.gossip.compareWith(second?.engine.peer ?? "");
    // Tags of statements, tags of records, and the other's own record.
    expect(engines.frames.map(({ bytes }) => bytes).slice(0, 2)).toEqual([0, 501 * 8]);
    expect(engines.frames).toHaveLength(3);
    expect(engines.frames[2]?.from).toBe(second?.engine.peer as string);
  });

  test("are told of a record of their own that is newer than what they say", async () => {
    const { engines, first } = boxes(1);
    const key = keyNumber(2);
    const came: number[] = [];
    const engine = engines.engine(peerIdOf(key.publicKey));
    const gossip = new Gossip({
      engine,
      directory: directoryAt(
        { nowMs: 0 },
        { self: engine.peer, ownCame: (_encoded, one) => void came.push(one) },
      ),
      membership: new Statements(),
      ownRecord: () => recordOf(key, 3),
      timers: new VirtualTime(),
      random: () => 0.5,
      log: capturedLog().log,
      recordCame: () => {},
    });
    engines.connect(engine, first.engine);
    gossip.start();
    first.directory.accept(recordOf(key, 900));
    await gossip.compareWith(first.engine.peer);
    expect(came).toEqual([900]);
  });

  test("find what gossip has lost within minutes, by asking one neighbour at a time", async () => {
    const { time, first, all } = boxes(4, { random: seededRandom(3) });
    const [second] = otherThan(first, all);
    second?.statements.accept(Buffer.from("out: 12"));
    second?.directory.accept(recordOf(keyNumber(7), 1));
    await time.advanceAsync(1_200_000);
    for (const { statements, directory } of all) {
      expect(statements.kept.size).toBe(1);
      expect(directory.get(peerIdOf(keyNumber(7).publicKey))).toBeDefined();
      expect(directory.size).toBe(4);
    }
  });

  test("do not answer one that asks without pause", async () => {
    const { time, first, all } = boxes(2);
    const [second] = otherThan(first, all);
    const peer = peerIdOf(keyNumber(7).publicKey);
    await first.gossip.compareWith(second?.engine.peer ?? "");
    second?.directory.accept(recordOf(keyNumber(7), 1));
    for (let times = 0; times < 20; times += 1) await first.gossip.compareWith(second?.engine.peer ?? "");
    expect(first.directory.get(peer)).toBeUndefined();
    time.advance(2_001);
    await first.gossip.compareWith(second?.engine.peer ?? "");
    expect(first.directory.get(peer)).toBeDefined();
    await time.advanceAsync(0);
    expect([first.engine.openStreams, second?.engine.openStreams]).toEqual([0, 0]);
  });

  test("give up on one that asks and never says for what", async () => {
    const { time, first, all } = boxes(2);
    const [second] = otherThan(first, all);
    await first.engine.open(second?.engine.peer ?? "", "/omerta/records/1");
    await time.advanceAsync(19_000);
    expect(second?.engine.openStreams).toBe(1);
    await time.advanceAsync(2_000);
    expect(second?.engine.openStreams).toBe(0);
  });

  test("give up on one that does not answer", async () => {
    const { engines, time, first } = boxes(1);
    const silent = engines.engine("silent");
    for (const protocol of ["/omerta/statements/1", "/omerta/records/1"])
      silent.handle(protocol, () => new Promise(() => {}));
    engines.connect(first.engine, silent);
    let isOver = false;
    const comparing = first.gossip.compareWith("silent").then(() => {
      isOver = true;
    });
    await time.advanceAsync(39_000);
    expect(isOver).toBe(false);
    await time.advanceAsync(2_000);
    expect(isOver).toBe(true);
    await comparing;
    expect(first.engine.openStreams).toBe(0);
    await first.gossip.compareWith("nobody");
  });
});

test("what is on its way when a box stops is not taken in any more", async () => {
  const { engines, first } = boxes(1);
  const slow = engines.engine("slow");
  let answer = () => {};
  slow.handle("/omerta/statements/1", async (stream) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    await stream.send(Buffer.from("out: 12"));
  });
  engines.connect(first.engine, slow);
  const comparing = first.gossip.compareWith("slow");
  await Bun.sleep(0);
  first.gossip.stop();
  answer();
  await comparing;
  expect([first.statements.kept.size, first.statementsCame]).toEqual([0, 0]);
});

test("after the stop nothing is heard or compared any more", async () => {
  const { engines, time, all } = boxes(3);
  for (const { gossip } of all) gossip.stop();
  await time.advanceAsync(600_000);
  expect(engines.frames).toEqual([]);
  expect(all.map(({ engine }) => engine.subscriptions.size)).toEqual([0, 0, 0]);
  expect(time.waiting).toBe(0);
});
