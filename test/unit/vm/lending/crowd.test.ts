import { expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { createLog } from "../../../../src/host/log.ts";
import { Lender, type LenderNews } from "../../../../src/vm/lending/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf, local, member, policy, rule, stranger } from "../admission/fixed-case.ts";
import { fixedRequest } from "../request/fixed-request.ts";
import { Asker } from "./asker.ts";
import { IMAGE, PlayedGround } from "./played-ground.ts";
import { PlayedStore } from "./played-store.ts";

const scratch = scratchFolders();

/** The same numbers from the same seed (mulberry32). */
function randomOf(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    chance: (odds: number) => next() < odds,
    below: (count: number) => Math.floor(next() * count),
    of: <T>(list: readonly [T, ...T[]]): T => list[Math.floor(next() * list.length)] ?? list[0],
  };
}

const ASKERS = 24;
const ASKS_FIRST = 20;
const counts = { atOnce: 4, perRequester: 3, perSource: 12, waiting: 6 };
const CPUS = 6;

/** What a test knows of one request. */
interface Known {
  number: number;
  who: Asker;
  bytes: Uint8Array;
  /** Its requester still wants it, and says so. */
  isWanted: boolean;
  answers: string[];
  news: LenderNews[];
}

/** Its requester has it, or waits for it, and wants it. */
const isKeptAlive = ({ isWanted, answers, news }: Known): boolean =>
  isWanted && news.at(-1)?.is !== "ended" && (answers.length === 0 || news.length > 0);

/** A box over which a random crowd goes, in virtual time. */
class Crowd {
  readonly time = new VirtualTime();
  readonly played = new PlayedGround();
  readonly store = new PlayedStore();
  readonly known: Known[] = [];
  readonly random: ReturnType<typeof randomOf>;
  readonly lender: Lender;
  readonly askers = Array.from({ length: ASKERS }, (_, number) => new Asker(number));
  /** What was found to be otherwise than it must be. */
  readonly faults: string[] = [];
  /** Most that waited, and that were lent, at once. */
  readonly most = { waiting: 0, live: 0 };
  private blocked: string[] = [];
  private cpus = CPUS;

  constructor(seed: number, folder: string) {
    this.random = randomOf(seed);
    const asked = this.askers.slice(0, ASKS_FIRST / 4).map(({ publicKey }) => publicKey);
    const { time, store } = this;
    this.lender = new Lender({
      ground: { ...this.played.ground(folder), clock: time },
      policy: policy({
        accept: "all",
        ...{ counts, quietHours: { from: 60, to: 75 } },
        rules: asked.map((requester) => rule({ requester, verdict: "ask" })),
      }),
      ...{ store, journal: store.journal, timers: time },
      blocked: () => this.blocked,
      images: () => [IMAGE],
      capability: () => ({ cpus: this.cpus, memoryMiB: 8_192, diskMiB: 0, images: ["small"] }),
      ports: { first: 24_700, last: 24_799 },
      heardAt: () => "192.0.2.1",
      self: undefined,
      localMinuteOfDay: () => (time.monotonicMs() / 60_000) % 1_440,
      log: createLog({ level: "error", destination: { write: () => undefined } }),
    });
  }

  /** Lets everything happen that is to happen at once. */
  async settle(): Promise<void> {
    for (let round = 0; round < 12; round += 1) await Promise.resolve();
    await Bun.sleep(0);
  }

  async pass(ms: number): Promise<void> {
    const STEP_MS = 5_000;
    for (let left = ms; left > 0; left -= STEP_MS) {
      for (const one of this.known.filter(isKeptAlive))
        await this.lender.command(one.who.keepsAlive(one.number));
      this.time.advance(Math.min(left, STEP_MS));
      await this.settle();
      this.look();
    }
  }

  async ask(): Promise<void> {
    const { random } = this;
    const number = this.known.length + 1;
    const who = random.of(this.askers as [Asker, ...Asker[]]);
    const source = random.of([member, member, stranger, stranger, local]);
    const { resources } = fixedRequest();
    const bytes = who.asks(number, {
      network: source.networks.length > 0 ? member.networks[0] : undefined,
      durationS: random.of([30, 120, 600]),
      resources: { ...resources, cpus: random.of([1, 1, 1, 2]), diskMiB: 0 },
    });
    const one: Known = { number, who, bytes, isWanted: true, answers: [], news: [] };
    this.known.push(one);
    this.lender.events(idOf(number), (news) => {
      one.news.push(news);
      // Who comes while room is made for another is not passed by that: it was the other's turn before.
      const wasNext = one.news.some(
        (told) => told.is === "waiting" && told.why.startsWith("Room is being made"),
      );
      if (news.is === "admitted" && !wasNext) this.lookAtOrder();
    });
    // All that it says to the box may come from several addresses; the counts of one address are others' test.
    const from = { ...source, address: source.local ? undefined : `192.0.2.${random.below(250)}` };
    // Nothing is waited for: room that is made takes time, which passes only below.
    void this.lender.request(bytes, from).then(({ is }) => one.answers.push(is));
    if (random.chance(0.1)) void this.lender.request(bytes, from).then(({ is }) => one.answers.push(is));
    if (random.chance(0.7)) await this.settle();
  }

  /** One thing that people, machines or the box do. */
  async something(): Promise<void> {
    const { random, lender } = this;
    const anyOf = (list: readonly Known[]) => list[random.below(list.length)];
    const current = this.known.slice(-40).filter(({ news }) => news.at(-1)?.is !== "ended");
    const one = anyOf(current);
    const waiting = lender.waiting()[random.below(counts.waiting)]?.request.id;
    switch (random.below(14)) {
      case 0:
        if (one) await lender.command(one.who.releases(one.number));
        break;
      case 1:
        // As killed: it says nothing any more.
        if (one) one.isWanted = false;
        break;
      case 2:
      case 3:
        if (waiting) void lender.operatorSays(waiting, random.of(["yes", "yes", "no"]));
        break;
      case 4:
        if (one && random.chance(0.3)) await lender.operatorEnds(idOf(one.number));
        break;
      case 5:
        if (one) {
          const name = `omvm-${idOf(one.number).slice(0, 10)}`;
          lender.onDomain({ name, uuid: "", kind: "stopped", detail: random.of(["crashed", "shut down"]) });
        }
        break;
      case 6:
        this.blocked = random.chance(0.3) ? [random.of(this.askers as [Asker, ...Asker[]]).publicKey] : [];
        void lender.blockedHasChanged();
        break;
      case 7:
        this.cpus = random.of([CPUS, CPUS, 3, 1]);
        break;
      case 8:
        if (random.chance(0.2)) this.played.failing.set(random.of(["attach", "prepare", "down"]), "fails");
        else this.played.failing.clear();
        break;
      default:
        await this.pass(random.of([1_000, 5_000, 20_000]));
    }
    await this.settle();
  }

  /** Bounds hold at every moment. */
  private look(): void {
    const waiting = this.lender.waiting().length;
    const live = this.lender.live();
    this.most.waiting = Math.max(this.most.waiting, waiting);
    this.most.live = Math.max(this.most.live, live.length);
    if (waiting > counts.waiting) this.faults.push(`${waiting} wait`);
    if (live.length > counts.atOnce) this.faults.push(`${live.length} are lent`);
    const cpus = live.reduce((sum, one) => sum + one.cpus, 0);
    if (cpus > CPUS) this.faults.push(`${cpus} processors are lent`);
  }

  /** Somebody was just given a machine: of those who wait for room nobody is before them. */
  private lookAtOrder(): void {
    const given = this.lender.leases().at(-1);
    if (!given) return;
    const turn = (id: string) => this.known.findIndex(({ number }) => idOf(number) === id);
    for (const { request, priority, waitsFor } of this.lender.waiting()) {
      if (waitsFor !== "room") continue;
      const isOlder = turn(request.id) < turn(given.lease.state.id);
      if (priority > given.priority || (priority === given.priority && isOlder))
        this.faults.push(`${given.lease.state.id} has passed ${request.id}`);
    }
  }
}

test.each([1, 2, 3, 4, 5])(
  "of a crowd nobody is lost and nobody is served twice, whatever happens meanwhile (%d)",
  async (seed) => {
    const crowd = new Crowd(seed, scratch());
    const { lender, known, store, played } = crowd;
    await lender.start();
    while (known.length < 400) {
      if (crowd.random.chance(0.5)) await crowd.ask();
      else await crowd.something();
    }
    // Nobody wants anything any more: all of it ends by itself.
    played.failing.clear();
    for (const one of known) one.isWanted = false;
    await crowd.pass(120_000);
    await crowd.settle();

    expect(crowd.faults).toEqual([]);
    expect([lender.live(), lender.waiting(), [...store.live]]).toEqual([[], [], []]);
    const entriesOf = (id: string, kind: string) =>
      store.entries.filter((entry) => entry.subject === id && entry.kind === kind).length;
    const tally = { refused: 0, waited: 0, admitted: 0, afterWaiting: 0 };
    for (const { number, answers, news } of known) {
      const id = idOf(number);
      const isTaken = answers.some((is) => is !== "refused") || news.length > 0;
      const ends = news.filter(({ is }) => is === "ended").length;
      const admissions = news.filter(({ is }) => is === "admitted").length;
      const wasWaiting = news.some(({ is }) => is === "waiting");
      // Each has one answer at least, one end in its news and in the journal if it was taken on, and none if not.
      expect({ id, answers: answers.length > 0 }).toEqual({ id, answers: true });
      expect({ id, ends, journalled: entriesOf(id, "lease-ended") }).toEqual({
        ...{ id, ends: isTaken ? 1 : 0, journalled: isTaken ? 1 : 0 },
      });
      expect({
        id,
        once: admissions <= 1 && entriesOf(id, "lease-allowed") <= 1 + (wasWaiting ? 9 : 0),
      }).toEqual({ id, once: true });
      tally.refused += isTaken ? 0 : 1;
      tally.waited += wasWaiting ? 1 : 0;
      tally.admitted += admissions;
      tally.afterWaiting += wasWaiting ? admissions : 0;
    }
    // A network a machine, and no more.
    expect(new Set(played.networks).size).toBe(played.networks.length);
    expect(played.networks.length).toBeLessThanOrEqual(tally.admitted);
    // Enough of everything has happened for this to say something.
    expect(tally.refused).toBeGreaterThan(20);
    expect(tally.waited).toBeGreaterThan(30);
    expect(tally.afterWaiting).toBeGreaterThan(10);
    expect(crowd.most).toEqual({ waiting: counts.waiting, live: counts.atOnce });
    await lender.stop();
  },
  300_000,
);
