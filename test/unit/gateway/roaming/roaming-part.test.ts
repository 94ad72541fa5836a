import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { defaultConfig } from "../../../../src/config/index.ts";
import { Gateway, RoamingPart, SessionStore, StatementStore } from "../../../../src/gateway/index.ts";
import type { RoamingNetwork } from "../../../../src/gateway/roaming/roaming-network.ts";
import { encodeTold, type Told } from "../../../../src/gateway/roaming/statement.ts";
import { stationName } from "../../../../src/gateway/roaming/station-names.ts";
import type { Role } from "../../../../src/identity/index.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { Journal } from "../../../../src/store/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { keyNumber } from "../../mesh/directory/described.ts";
import { connectionOf, type FakeEngine, FakeEngines } from "../../mesh/fake-engine.ts";
import { scratchFolders } from "../../scratch.ts";
import { FakeBackend } from "../fake-backend.ts";
import { told } from "./statements.ts";

const scratch = scratchFolders();

const PHONE = "02:00:00:00:00:01";
const HOUR_MS = 3_600_000;
const DAY_S = 86_400;
/** The network that most boxes here are in. */
const ONE = "one";
const NEWS = "/omerta/roaming-news/2";

interface BoxOptions {
  role?: Role;
  /** The networks that it belongs to, by their ids; {@link ONE} by default. */
  networks?: readonly string[];
  consentMinutes?: number;
}

/** Boxes of one network, each with a real gateway and a real store; the streams between them and the time are made up. */
class World {
  readonly time = new VirtualTime();
  private readonly byNetwork = new Map<string, FakeEngines>();
  readonly boxes: Box[] = [];
  /** Who was put out of the networks, and who was not checked by anybody since it started, by number. */
  readonly out = new Set<number>();
  readonly unchecked = new Set<number>();
  sharedKeys = [new Uint8Array(32).fill(1)];

  engines(network = ONE): FakeEngines {
    const engines = this.byNetwork.get(network) ?? new FakeEngines();
    this.byNetwork.set(network, engines);
    return engines;
  }

  private drawn = 0;

  /** Never the same twice. */
  random(): number {
    this.drawn += 0.618_034;
    return this.drawn % 1;
  }

  isAmong(numbers: ReadonlySet<number>, key: Uint8Array): boolean {
    return this.boxes.some((box, at) => numbers.has(at + 1) && Buffer.from(box.key.publicKey).equals(key));
  }

  async box(name: string, options: BoxOptions = {}): Promise<Box> {
    const box = new Box(this, this.boxes.length + 1, name, options);
    this.boxes.push(box);
    await box.start();
    return box;
  }

  /** Lets time pass, and everything happen that is due. */
  async pass(ms: number): Promise<void> {
    for (let turn = 0; turn < 6; turn += 1) {
      jest.advanceTimersByTime(5);
      await settle();
      this.time.advance(turn === 0 ? ms : 0);
    }
    await settle();
  }

  /** By steps that are shorter than what boxes wait for each other, so that they get to talk. */
  async passTenMinutes(): Promise<void> {
    for (let step = 0; step < 120; step += 1) await this.pass(5_000);
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}

class Box {
  readonly key;
  readonly peer: string;
  private readonly engines = new Map<string, FakeEngine>();
  readonly folder = scratch();
  readonly lines: string[] = [];
  gateway!: Gateway;
  backend!: FakeBackend;
  roaming!: RoamingPart;
  journal!: Journal;
  /** The networks that run when it starts. */
  runs: readonly string[];
  private membershipChanged = () => {};
  private began: (network: RoamingNetwork) => void = () => {};

  constructor(
    private readonly world: World,
    number: number,
    readonly name: string,
    readonly options: BoxOptions,
  ) {
    this.runs = options.networks ?? [ONE];
    this.key = keyNumber(number);
    this.peer = peerIdOf(this.key.publicKey);
  }

  engine(network = ONE): FakeEngine {
    const engine = this.engines.get(network);
    if (!engine) throw new Error(`${this.name} is not in ${network}`);
    return engine;
  }

  get role(): Role {
    return this.options.role ?? "box";
  }

  async start(): Promise<void> {
    const { time } = this.world;
    const { log } = capturedLog();
    const gatewayConfig = defaultConfig().gateway;
    const consentMinutes = this.options.consentMinutes ?? gatewayConfig.consent_minutes;
    this.journal = new Journal(join(this.folder, "journal.sqlite"), time, 1_000);
    this.journal.open();
    this.backend = new FakeBackend();
    this.gateway = new Gateway({
      config: { ...gatewayConfig, consent_minutes: consentMinutes },
      backend: this.backend,
      store: new SessionStore(join(this.folder, "sessions.sqlite")),
      journal: this.journal,
      clock: time,
      log,
    });
    this.roaming = new RoamingPart({
      gateway: this.gateway,
      networks: {
        onNetworks: ({ began }) => {
          this.began = began;
          for (const id of this.runs) this.begins(id);
          return () => {};
        },
      },
      store: new StatementStore(join(this.folder, "roaming.sqlite")),
      peerIdOf,
      consentMinutes,
      timers: time,
      random: () => this.world.random(),
      log,
    });
    await this.gateway.start();
    await this.roaming.start();
  }

  /** A network of its begins to run, with the connections that it had. */
  begins(id: string): void {
    const before = this.engines.get(id)?.connections() ?? [];
    const engine = this.world.engines(id).engine(this.peer);
    for (const connection of before) engine.opened(connection);
    this.engines.set(id, engine);
    this.began(this.network(id));
  }

  private network(id: string): RoamingNetwork {
    const { world } = this;
    return {
      membership: {
        id,
        seed: this.key.seed,
        sharedKeys: () => world.sharedKeys,
        isStillMember: (key) => !world.isAmong(world.out, key) && !world.isAmong(world.unchecked, key),
        isPutOut: (key) => world.isAmong(world.out, key),
        onChange: (listener) => {
          this.membershipChanged = listener;
          return () => {};
        },
      },
      engine: this.engine(id),
      directory: {
        get: (peer) => {
          const box = world.boxes.find((one) => one.peer === peer);
          return box && { member: { role: box.role }, record: { name: box.name } };
        },
      },
    };
  }

  /** The members or the keys are others now. */
  told(): void {
    this.membershipChanged();
  }

  connect(other: Box, network = ONE): void {
    this.world.engines(network).connect(this.engine(network), other.engine(network));
  }

  /** Says something to a neighbour, whoever has signed it. */
  async says(to: Box, one: Told): Promise<void> {
    const stream = await this.engine().open(to.peer, NEWS);
    await stream.send(encodeTold(one));
    await stream.close();
    await settle();
  }

  /** A phone gets an address here. */
  async joins(mac = PHONE, ipv4 = "10.20.0.16"): Promise<void> {
    this.backend.stations.set(ipv4, { mac, ipv4 });
    this.backend.events.lease({ kind: "add", mac, ipv4 });
    await this.world.pass(0);
  }

  async agrees(ipv4 = "10.20.0.16"): Promise<void> {
    const agreed = this.gateway.agree(ipv4, "sw");
    await this.world.pass(0);
    await agreed;
    await this.world.pass(0);
  }

  async leaves(ipv4 = "10.20.0.16"): Promise<void> {
    const left = this.gateway.leave(ipv4);
    await this.world.pass(0);
    await left;
    await this.world.pass(0);
  }

  async stop(): Promise<void> {
    const stopped = this.roaming.stop().then(() => this.gateway.stop());
    await this.world.pass(0);
    await stopped;
    this.journal.close();
  }

  async restart(meanwhile: () => void = () => {}): Promise<void> {
    await this.stop();
    meanwhile();
    await this.start();
  }

  get lets(): string[] {
    return [...this.backend.kernel.keys()];
  }

  get journalled(): string[] {
    return this.journal.tail(20).map(({ kind }) => kind);
  }
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe("a phone that has agreed at one box", () => {
  test("is let through at the next without a page, for the time that it has left, and that is in the journal", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    await world.pass(HOUR_MS);
    await school.joins(PHONE, "10.30.0.16");
    expect([...school.backend.kernel.values()]).toEqual([
      { mac: PHONE, ipv4: "10.30.0.16", seconds: DAY_S - 3_600 },
    ]);
    expect(await school.gateway.view("10.30.0.16")).toMatchObject({ state: "released", armed: false });
    expect(school.gateway.sessions.get(PHONE)).toMatchObject({ from: "Harbour", language: "sw" });
    expect(school.journal.tail(1)[0]).toMatchObject({
      kind: "guest-came",
      subject: PHONE,
      detail: { from: "Harbour", ipv4: "10.30.0.16", language: "sw" },
    });
  });

  test("is let through where it is already when the word comes", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await school.joins();
    await harbour.joins();
    expect(school.lets).toEqual([]);
    await harbour.agrees();
    expect(school.lets).toEqual([PHONE]);
  });

  test("is let through by boxes that the first does not reach itself", async () => {
    const world = new World();
    const row = [
      await world.box("one"),
      await world.box("two"),
      await world.box("three"),
      await world.box("four"),
    ];
    for (const [index, box] of row.entries()) row[index + 1]?.connect(box);
    await row[0]?.joins();
    await row[0]?.agrees();
    await row[3]?.joins();
    expect(row[3]?.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "one" });
  });

  test("is let through by a box that was not there when it agreed, once the two have compared", async () => {
    const world = new World();
    const harbour = await world.box("Harbour");
    await harbour.joins();
    await harbour.agrees();
    const school = await world.box("School");
    school.connect(harbour);
    await school.joins();
    expect(school.lets).toEqual([]);
    await world.pass(2_000);
    expect(school.lets).toEqual([PHONE]);
  });

  test("is let through for no longer than a box gives agreements itself", async () => {
    const world = new World();
    const [harbour, strict] = [await world.box("Harbour"), await world.box("Strict", { consentMinutes: 60 })];
    harbour.connect(strict);
    await harbour.joins();
    await harbour.agrees();
    await world.pass(HOUR_MS / 2);
    await strict.joins();
    expect([...strict.backend.kernel.values()]).toMatchObject([{ seconds: 1_800 }]);
    await world.pass(HOUR_MS / 2);
    await strict.joins("02:00:00:00:00:99", "10.20.0.99");
    jest.advanceTimersByTime(1_000);
    await world.pass(0);
    expect(strict.lets).toEqual([]);
    const shown = await strict.gateway.shown("10.20.0.16");
    expect(shown.state).toBe("shown");
    expect(strict.lets).toEqual([]);
  });

  test("leaves everywhere when it leaves at the second, and every journal says so", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    await school.joins();
    await school.leaves();
    expect([harbour.lets, school.lets]).toEqual([[], []]);
    expect(school.journalled[0]).toBe("guest-left");
    expect(harbour.journal.tail(1)[0]).toMatchObject({
      kind: "guest-left-elsewhere",
      detail: { from: "School" },
    });
    await school.joins();
    expect(school.lets).toEqual([]);
  });

  test("has left also for the first box that was off meanwhile and still has its agreement on the medium", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    await school.joins();
    await harbour.stop();
    world.engines().byPeer.delete(harbour.peer);
    await school.leaves();
    await world.pass(6 * DAY_S * 1_000);
    await harbour.start();
    expect(harbour.lets).toEqual([PHONE]);
    await world.pass(2_000);
    expect(harbour.lets).toEqual([]);
    await world.pass(300_000);
    expect(school.lets).toEqual([]);
  });

  describe("and then at none, when its time is over for those that were on", () => {
    /** A day's agreement at a box that is off but for its first hour, and at two that are always on. */
    async function laggardAndOthers() {
      const world = new World();
      const [laggard, school, hills] = [
        await world.box("Laggard"),
        await world.box("School"),
        await world.box("Hills"),
      ];
      laggard.connect(school);
      school.connect(hills);
      await laggard.joins();
      await laggard.agrees();
      await laggard.leaves();
      // Once more, and again while that holds: only the last counts.
      for (let round = 0; round < 2; round += 1) await laggard.agrees();
      for (const box of [school, hills]) await box.joins();
      await world.pass(HOUR_MS);
      await laggard.stop();
      world.engines().byPeer.delete(laggard.peer);
      for (let hour = 0; hour < 24; hour += 1) await world.pass(HOUR_MS);
      return { world, laggard, school, hills };
    }

    test("is not brought back by the box that was off, whose own guest it is no longer either", async () => {
      const { world, laggard, school, hills } = await laggardAndOthers();
      expect([school.lets, hills.lets]).toEqual([[], []]);
      await laggard.start();
      for (const box of [school, hills]) {
        box.backend.joining.add(PHONE);
        await box.joins();
      }
      await world.passTenMinutes();
      expect([laggard.lets, school.lets, hills.lets]).toEqual([[], [], []]);
      expect(laggard.journalled).toContain("guest-expired");
      await laggard.restart();
      await world.passTenMinutes();
      expect([laggard.lets, school.lets, hills.lets]).toEqual([[], [], []]);
    });

    test("nor when the others have started again meanwhile", async () => {
      const { world, laggard, school, hills } = await laggardAndOthers();
      for (const box of [school, hills]) await box.restart();
      await laggard.start();
      for (const box of [school, hills]) {
        box.backend.joining.add(PHONE);
        await box.joins();
      }
      await world.passTenMinutes();
      expect([laggard.lets, school.lets, hills.lets]).toEqual([[], [], []]);
    });

    test("is let through again at all once its owner has agreed again, in the same words", async () => {
      const { world, laggard, school, hills } = await laggardAndOthers();
      await laggard.start();
      await world.passTenMinutes();
      for (const box of [laggard, school, hills]) {
        box.backend.joining.add(PHONE);
        await box.joins();
      }
      await laggard.agrees();
      await world.passTenMinutes();
      expect([laggard.lets, school.lets, hills.lets]).toEqual([[PHONE], [PHONE], [PHONE]]);
    });
  });

  test("stays where it agreed for a day although it agreed for an hour elsewhere, but that is not said anew", async () => {
    const world = new World();
    const [harbour, strict] = [await world.box("Harbour"), await world.box("Strict", { consentMinutes: 60 })];
    harbour.connect(strict);
    await harbour.joins();
    await harbour.agrees();
    await world.pass(HOUR_MS);
    await strict.joins();
    expect(strict.lets).toEqual([]);
    await strict.agrees();
    await world.pass(HOUR_MS);
    await world.passTenMinutes();
    await harbour.restart();
    await world.passTenMinutes();
    expect(harbour.lets).toEqual([PHONE]);
    jest.advanceTimersByTime(1_000);
    await world.pass(0);
    strict.backend.joining.add(PHONE);
    await strict.joins();
    expect(strict.lets).toEqual([]);
    expect(world.engines().frames.filter(({ protocol }) => protocol === NEWS)).toHaveLength(2);
  });

  test("may agree anew after it has left, and is let through again at both", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    await school.joins();
    await school.leaves();
    await school.agrees();
    expect(school.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "" });
    harbour.backend.joining.add(PHONE);
    await harbour.joins();
    expect(harbour.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "School" });
  });

  test("may change its mind without end: neighbours are told at once a few times, and then the last word", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await school.joins();
    for (let round = 0; round < 8; round += 1) {
      await harbour.agrees();
      if (round < 7) await harbour.leaves();
    }
    expect(world.engines().frames.filter(({ protocol }) => protocol === NEWS)).toHaveLength(10);
    expect(school.lets).toEqual([]);
    await world.pass(2_000);
    school.backend.joining.add(PHONE);
    await school.joins();
    expect(school.lets).toEqual([PHONE]);
  });

  test("is known after both boxes have started again", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    await harbour.stop();
    await school.restart();
    await school.joins();
    expect(school.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "Harbour" });
    await school.restart();
    expect(school.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "Harbour" });
  });

  test("is known also under the network's next shared key, and once the first is gone", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    world.sharedKeys = [new Uint8Array(32).fill(2), ...world.sharedKeys];
    for (const box of world.boxes) box.told();
    await school.joins();
    expect(school.lets).toEqual([PHONE]);
    await school.leaves();
    expect(harbour.lets).toEqual([]);
    world.sharedKeys = world.sharedKeys.slice(0, 1);
    for (const box of world.boxes) box.told();
    await school.joins();
    expect(school.lets).toEqual([]);
  });
});

describe("a box whose network does not run yet", () => {
  /** Two boxes, and the first has started again with its network still to come. */
  async function starting(prepare: (harbour: Box) => Promise<void>) {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await prepare(harbour);
    harbour.runs = [];
    await harbour.restart();
    return { world, harbour, school };
  }

  test("tells it afterwards who has agreed meanwhile, also of one who had left before", async () => {
    const { world, harbour, school } = await starting(async (box) => {
      await box.agrees();
      await box.leaves();
    });
    await harbour.joins();
    await harbour.agrees();
    harbour.begins(ONE);
    await world.pass(5_000);
    await school.joins();
    expect([harbour.lets, school.lets]).toEqual([[PHONE], [PHONE]]);
  });

  test("tells it afterwards who has left meanwhile", async () => {
    const { world, harbour, school } = await starting((box) => box.agrees());
    await school.joins();
    expect(school.lets).toEqual([PHONE]);
    await harbour.leaves();
    harbour.begins(ONE);
    await world.pass(5_000);
    expect([harbour.lets, school.lets]).toEqual([[], []]);
    await harbour.joins();
    expect(harbour.lets).toEqual([]);
  });

  test("makes up for an end that a power cut came before", async () => {
    const { world, harbour } = await starting((box) => box.agrees());
    const station = stationName(world.sharedKeys[0] ?? new Uint8Array(32), PHONE);
    const store = new StatementStore(join(harbour.folder, "roaming.sqlite"));
    store.open();
    const saved = store.save(ONE, [
      { ...told(2, { station, serial: 2, what: "left" }), station: Buffer.from(station).toString("hex") },
    ]);
    await world.pass(0);
    await saved;
    store.close();
    harbour.begins(ONE);
    expect(harbour.lets).toEqual([PHONE]);
    await world.pass(5_000);
    expect(harbour.lets).toEqual([]);
  });
});

/** One box in each of two networks, and one in both. */
async function twoNetworks() {
  const world = new World();
  const [harbour, bridge, hills] = [
    await world.box("Harbour"),
    await world.box("Bridge", { networks: [ONE, "two"] }),
    await world.box("Hills", { networks: ["two"] }),
  ];
  bridge.connect(harbour);
  bridge.connect(hills, "two");
  return { world, harbour, bridge, hills };
}

describe("a box", () => {
  test("tells a network that it joins later of those who have agreed before", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour", { networks: [] }), await world.box("School")];
    await harbour.joins();
    await harbour.agrees();
    await school.joins();
    harbour.begins(ONE);
    harbour.connect(school);
    await world.pass(2_000);
    expect(school.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "Harbour" });
  });

  test("of two networks tells both of its own guests, and both that one of them has left", async () => {
    const { harbour, bridge, hills } = await twoNetworks();
    await bridge.joins();
    await bridge.agrees();
    for (const box of [harbour, hills]) await box.joins();
    expect(hills.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "Bridge" });
    await harbour.leaves();
    expect([bridge.lets, hills.lets]).toEqual([[], []]);
  });

  test("of two networks lets through, also after a restart, who has left in one and then agreed in the other", async () => {
    const { world, harbour, bridge, hills } = await twoNetworks();
    await bridge.joins();
    await bridge.agrees();
    for (const box of [harbour, hills]) await box.joins();
    await world.pass(60_000);
    await harbour.leaves();
    expect([bridge.lets, hills.lets]).toEqual([[], []]);
    await world.pass(60_000);
    await hills.agrees();
    bridge.backend.joining.add(PHONE);
    await bridge.joins();
    expect(bridge.gateway.sessions.get(PHONE)).toMatchObject({ state: "released", from: "Hills" });
    await bridge.restart();
    await world.pass(5_000);
    expect([bridge.lets, hills.lets]).toEqual([[PHONE], [PHONE]]);
  });

  test("of two networks tells none of them what it has heard in the other", async () => {
    const { world, harbour, bridge, hills } = await twoNetworks();
    await harbour.joins();
    await harbour.agrees();
    for (const box of [bridge, hills]) await box.joins();
    await world.pass(10_000);
    expect([bridge.lets, hills.lets]).toEqual([[PHONE], []]);
    expect(world.engines("two").frames.every(({ bytes }) => bytes === 0)).toBe(true);
  });
});

describe("what boxes say", () => {
  test("is not told to members that are no boxes, nor believed of them", async () => {
    const world = new World();
    const [harbour, person] = [await world.box("Harbour"), await world.box("Person", { role: "person" })];
    for (const [one, other] of [
      [harbour, person],
      [person, harbour],
    ] as const) {
      const { publicKey } = other.key;
      const member = { publicKey, role: other.role, name: "", grants: [], expiresAt: 0 };
      one.engine().opened(connectionOf(other.peer, { member }));
    }
    await harbour.joins();
    await harbour.agrees();
    await person.joins("02:00:00:00:00:02", "10.20.0.17");
    await person.agrees("10.20.0.17");
    await harbour.joins("02:00:00:00:00:02", "10.20.0.17");
    await person.joins(PHONE, "10.20.0.16");
    await world.pass(10_000);
    expect(harbour.lets).toEqual([PHONE]);
    expect(person.lets).toEqual(["02:00:00:00:00:02"]);
  });

  test("counts only if a box has signed it, whoever hands it over, and guests agree to the same risks here", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    await world.box("Person", { role: "person", networks: [] });
    harbour.connect(school);
    await harbour.joins();
    const station = stationName(world.sharedKeys[0] ?? new Uint8Array(32), PHONE);
    await school.says(harbour, told(3, { station, serial: 3 }));
    await school.says(harbour, told(4, { station, serial: 4 }));
    await world.pass(0);
    expect(harbour.lets).toEqual([]);
    await school.says(harbour, told(2, { station, risks: 2 }));
    await world.pass(0);
    expect(harbour.lets).toEqual([]);
    await school.says(harbour, told(2, { station, serial: 2 }));
    await world.pass(0);
    expect(harbour.lets).toEqual([PHONE]);
  });

  test("counts also when it comes while a phone is being let through", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    const station = stationName(world.sharedKeys[0] ?? new Uint8Array(32), PHONE);
    await school.says(harbour, told(2, { station }));
    expect(harbour.lets).toEqual([]);
    await school.says(harbour, told(2, { station, serial: 2, what: "left" }));
    await world.pass(0);
    expect(harbour.lets).toEqual([]);
    expect(harbour.journalled).toContain("guest-came");
  });

  test("is forgotten when the box is put out of the network", async () => {
    const world = new World();
    const [harbour, liar] = [await world.box("Harbour"), await world.box("Liar")];
    harbour.connect(liar);
    await liar.joins();
    await liar.agrees();
    world.out.add(2);
    harbour.told();
    await harbour.joins();
    expect(harbour.lets).toEqual([]);
  });

  for (const [when, happens] of [
    ["while it is off", async (box: Box, putOut: () => void) => box.restart(putOut)],
    [
      "after it has started again",
      async (box: Box, putOut: () => void) => {
        await box.restart();
        putOut();
        box.told();
      },
    ],
  ] as const)
    test(`is forgotten when the box is put out ${when}, although nobody has checked it since`, async () => {
      const world = new World();
      const [harbour, liar] = [await world.box("Harbour"), await world.box("Liar")];
      harbour.connect(liar);
      await liar.joins();
      await liar.agrees();
      world.unchecked.add(2);
      await happens(harbour, () => void world.out.add(2));
      await harbour.joins();
      expect(harbour.lets).toEqual([]);
      await liar.says(harbour, told(2, { serial: 9 }));
      const store = new StatementStore(join(harbour.folder, "roaming.sqlite"));
      await harbour.stop();
      store.open();
      expect(store.of(ONE)).toEqual([]);
      store.close();
    });

  test("never has a station's address in it", async () => {
    const world = new World();
    const [harbour, school] = [await world.box("Harbour"), await world.box("School")];
    harbour.connect(school);
    await harbour.joins();
    await harbour.agrees();
    await world.pass(10_000);
    const store = new StatementStore(join(school.folder, "roaming.sqlite"));
    store.open();
    const [kept, ...others] = store.of(ONE);
    store.close();
    expect(others).toEqual([]);
    expect(Buffer.from(kept?.signed ?? []).toString("hex")).not.toContain(PHONE.replaceAll(":", ""));
  });
});
