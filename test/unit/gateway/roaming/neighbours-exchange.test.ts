import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { decodeAges, encodeAges } from "../../../../src/gateway/roaming/compared-ages.ts";
import { KnownStatements, tagOf } from "../../../../src/gateway/roaming/known-statements.ts";
import { NeighboursExchange } from "../../../../src/gateway/roaming/neighbours-exchange.ts";
import { encodeTold, type Told } from "../../../../src/gateway/roaming/statement.ts";
import { capturedLog } from "../../captured-log.ts";
import { connectionOf, FakeEngines } from "../../mesh/fake-engine.ts";
import { stationNumber, told } from "./statements.ts";

const NEWS = "/omerta/roaming-news/2";
const ALL = "/omerta/roaming/2";

/** Boxes in a row, and one beside the first that comes when a test lets it say something. */
function row(count: number) {
  const time = new VirtualTime();
  const engines = new FakeEngines();
  const boxes = Array.from({ length: count }, (_, index) => {
    const engine = engines.engine(`box ${index}`);
    const known = new KnownStatements(() => time.monotonicMs());
    const exchange = new NeighboursExchange({
      engine,
      known,
      take: (one) => known.take(one).isNew,
      evenOut: (ages) => known.evenOut(ages),
      timers: time,
      random: () => 0.5,
      log: capturedLog().log,
    });
    return { engine, known, exchange };
  });
  for (const [index, { engine, exchange }] of boxes.entries()) {
    const next = boxes[index + 1];
    if (next) engines.connect(engine, next.engine);
    exchange.start();
  }
  const [first] = boxes;
  if (!first) throw new Error("no box");
  const neighbour = engines.engine("neighbour");
  const says = async (protocol: string, frames: readonly Uint8Array[]) => {
    if (neighbour.connections().length === 0) engines.connect(neighbour, first.engine);
    const stream = await neighbour.open(first.engine.peer, protocol);
    const got: Uint8Array[] = [];
    for (const frame of frames) await stream.send(frame).catch(() => {});
    await stream.close();
    const ended = (async () => {
      for await (const frame of stream.frames()) got.push(frame);
    })().then(
      () => "closed",
      () => "aborted",
    );
    await time.advanceAsync(0);
    return { got, ended: await ended };
  };
  return { time, engines, boxes, first, says };
}

const stations = (known: KnownStatements) => [...known.all()].length;
const of = (number: number): Told => told(1, { station: stationNumber(number) });

describe("between neighbours", () => {
  test("what is new goes through the whole row at once, and back to nobody who had it", async () => {
    const { time, engines, boxes, first } = row(4);
    const one = of(1);
    first.known.take(one);
    first.exchange.spread("01", one);
    await time.advanceAsync(1);
    expect(boxes.map(({ known }) => stations(known))).toEqual([1, 1, 1, 1]);
    const carried = engines.frames.filter(({ protocol }) => protocol === NEWS);
    expect(carried.map(({ from }) => from)).toEqual(["box 0", "box 1", "box 2"]);
  });

  test("many that come together go by few streams", async () => {
    const { time, boxes, first } = row(2);
    for (let number = 1; number <= 100; number += 1) {
      const one = of(number);
      first.known.take(one);
      first.exchange.spread(String(number), one);
    }
    await time.advanceAsync(1);
    expect(stations(boxes[1]?.known ?? first.known)).toBe(100);
  });

  test("what was missed comes by comparing, and only that", async () => {
    const { time, engines, boxes, first } = row(2);
    for (const number of [1, 2, 3]) first.known.take(of(number));
    for (const number of [2, 3, 4]) boxes[1]?.known.take(of(number));
    await time.advanceAsync(60_000);
    expect(boxes.map(({ known }) => stations(known))).toEqual([4, 4]);
    const brought = engines.frames.filter(({ protocol, bytes }) => protocol === ALL && bytes > 100);
    expect(brought).toHaveLength(2);
  });

  test("both take the greater age of the two, and what is over for one is over for both", async () => {
    const { time, boxes, first } = row(2);
    const second = boxes[1]?.known ?? first.known;
    first.known.take({ ...of(1), ageS: 500 });
    second.take(of(1));
    second.take({ ...of(2), ageS: 700 });
    first.known.take(of(2));
    const over = told(1, { station: stationNumber(3), lifetimeS: 60 });
    second.take({ ...over, ageS: 59 });
    await time.advanceAsync(1_000);
    second.sweep();
    first.known.take(over);
    await time.advanceAsync(5_000);
    for (const { known } of boxes) {
      const [one = 0, other = 0, ...more] = [...known.all()].map(({ told: { ageS } }) => ageS);
      // Whole seconds are told: less than one is lost.
      expect([506 - one, 706 - other].every((lostS) => lostS === 0 || lostS === 1)).toBe(true);
      expect(more).toEqual([]);
    }
  });

  test("who is asked takes over what the question has counted further, and names what it has itself", async () => {
    const { first, says } = row(1);
    const tags = [of(1), of(2)].map(({ signed }) => tagOf(signed));
    first.known.take(of(1));
    first.known.take({ ...of(2), ageS: 90 });
    const question = new Map([
      [tags[0] ?? "", 600],
      [tags[1] ?? "", 60],
      ["00".repeat(8), 1],
    ]);
    const { got } = await says(ALL, [encodeAges(question)]);
    expect(got.map(decodeAges)).toEqual([new Map([[tags[1] ?? "", 90]])]);
    expect([...first.known.ages().values()]).toEqual([600, 90]);
  });

  test("comparing is not put off by one that comes and goes, nor hastened by who is no box", async () => {
    const { time, engines, boxes, first } = row(2);
    const questions = () =>
      engines.frames.filter(({ protocol, from }) => protocol === ALL && from === "box 0");
    const comes = (role: "box" | "person") => {
      const { member } = connectionOf("it");
      first.engine.opened(connectionOf("it", { member: { ...member, role } }));
      first.engine.emit("joined", "it", { ...member, role });
    };
    const goes = () => first.engine.close("to it");
    boxes[1]?.known.take(of(1));
    for (let round = 0; round < 10; round += 1) {
      comes("box");
      await goes();
      await time.advanceAsync(500);
    }
    expect(stations(first.known)).toBe(1);
    await time.advanceAsync(1_000_000);
    const before = questions().length;
    for (let round = 0; round < 10; round += 1) {
      comes("person");
      await goes();
      await time.advanceAsync(500);
    }
    expect(questions().length - before).toBeLessThanOrEqual(1);
  });

  test("garbage between good ones costs nothing but itself", async () => {
    const { first, says } = row(1);
    const changed = encodeTold(of(2));
    changed[40] = (changed[40] ?? 0) ^ 1;
    const { ended } = await says(NEWS, [
      new Uint8Array(0),
      encodeTold(of(1)),
      changed,
      new Uint8Array(400),
      encodeTold(of(3)),
    ]);
    expect(ended).toBe("closed");
    expect(stations(first.known)).toBe(2);
  });

  test("of one that talks without end so many are taken as its share allows, and more with time", async () => {
    const { time, first, says } = row(1);
    let serial = 0;
    /** @returns how many of 200 statements, each later than what is known, were taken */
    const flood = async (): Promise<number> => {
      serial += 1;
      const all = Array.from({ length: 200 }, (_, number) =>
        told(1, { station: stationNumber(number), serial }),
      );
      await says(NEWS, all.map(encodeTold));
      return [...first.known.all()].filter((one) => one.told.statement.serial === serial).length;
    };
    expect(await flood()).toBe(200);
    expect(await flood()).toBe(0);
    time.advance(1_000);
    await flood();
    time.advance(1_000);
    const further = await flood();
    expect(further).toBeGreaterThanOrEqual(19);
    expect(further).toBeLessThanOrEqual(20);
  });

  test("a question that is none is broken off, and so is one that comes too soon", async () => {
    const { time, first, says } = row(1);
    first.known.take(of(1));
    expect((await says(ALL, [new Uint8Array(8)])).ended).toBe("aborted");
    expect((await says(ALL, [new Uint8Array(0)])).ended).toBe("aborted");
    time.advance(1_000);
    const { got, ended } = await says(ALL, [new Uint8Array(0)]);
    expect([got.map(({ length }) => length), ended]).toEqual([[0, encodeTold(of(1)).length], "closed"]);
  });

  test("nothing is said or taken once it has stopped", async () => {
    const { time, boxes, first, says } = row(2);
    first.exchange.stop();
    expect((await says(NEWS, [encodeTold(of(1))])).ended).toBe("aborted");
    boxes[1]?.known.take(of(2));
    await time.advanceAsync(600_000);
    expect(stations(first.known)).toBe(0);
  });
});
