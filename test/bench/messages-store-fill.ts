import { seededRandom } from "../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../src/bench/virtual-time.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { type SigningKey, signingKey } from "../../src/identity/index.ts";
import { encodeBody } from "../../src/messages/bundle/body-codec.ts";
import {
  type BundleId,
  type Destination,
  type Kind,
  PRIORITY_OF,
  SQUARE,
  type Unsigned,
} from "../../src/messages/bundle/bundle.ts";
import { bundleId, encodeBundle, makeBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { BundleStore } from "../../src/messages/custody/bundle-store.ts";

const PEOPLE = 1_000;
const LIFETIME_S = 7 * 86_400;
const OLDEST_MS = 5 * 86_400_000;
const GROUP = 500;
const SYLLABLES = [
  "ma",
  "ri",
  "lo",
  "pe",
  "san",
  "to",
  "ka",
  "ne",
  "bu",
  "wi",
  "el",
  "ja",
  "fa",
  "di",
  "gu",
  "sho",
];
const EVERYONE: Destination = { kind: "everyone" };

/** In no name that a town has. */
export const RARE_NAME = "Xquetzal";

/** A bundle, and what a table would have of it. */
export interface Sample {
  id: BundleId;
  encoded: Uint8Array;
  kind: Kind;
  /** "" for what is in none. */
  room: string;
  /** Of its sender, as it is shown. */
  name: string;
  ageMs: number;
}

/** Bundles as they come in a town: posts above all, check-ins, sealed messages, cards, calls for help. */
export class Town {
  private readonly random: () => number;
  private readonly people: SigningKey[];
  private sequence = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.people = Array.from({ length: PEOPLE }, (_, number) => {
      const bytes = Buffer.alloc(32);
      bytes.writeUInt32BE(number);
      bytes.writeUInt32BE(seed, 4);
      return signingKey(bytes);
    });
  }

  next(): Sample {
    const share = this.random();
    if (share < 0.55) return this.post(SQUARE);
    if (share < 0.6) return this.post("kitchen");
    if (share < 0.85) return this.checkIn(this.name());
    if (share < 0.97) {
      const sealed = Uint8Array.from({ length: 150 }, () => this.random() * 256);
      return this.sign("direct", sealed, { kind: "person", key: this.pick(this.people).publicKey }, "");
    }
    const name = this.name();
    const body = { text: this.words(), name, place: { words: "" }, people: 2, injured: 0, contact: "" };
    return this.sign("sos", encodeBody("sos", body), EVERYONE, name);
  }

  checkIn(name: string): Sample {
    const place = { words: this.words().slice(0, 60) };
    return this.sign(
      "check-in",
      encodeBody("check-in", { name, state: "safe", text: "", place }),
      EVERYONE,
      name,
    );
  }

  private post(room: string): Sample {
    const name = this.name();
    return this.sign("post", encodeBody("post", { name, text: this.words() }), { kind: "room", room }, name);
  }

  private name(): string {
    const part = () => Array.from({ length: 2 + this.random() * 2 }, () => this.pick(SYLLABLES)).join("");
    return `${part()} ${part()}`;
  }

  private words(): string {
    return Array.from({ length: 4 + this.random() * 16 }, () => this.name().split(" ")[0]).join(" ");
  }

  private pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.random() * from.length)];
    if (found === undefined) throw new RangeError("nothing to pick from");
    return found;
  }

  private sign(kind: Kind, body: Uint8Array, to: Destination, name: string): Sample {
    this.sequence += 1;
    const key = this.pick(this.people);
    const unsigned: Unsigned = {
      kind,
      sender: { as: "person", key: key.publicKey },
      to,
      priority: PRIORITY_OF[kind].usual,
      lifetimeS: LIFETIME_S,
      createdS: 0,
      sequence: this.sequence,
      body,
    };
    const bundle = makeBundle(unsigned, (message) => key.sign(message));
    return {
      id: bundleId(bundle),
      encoded: encodeBundle(bundle),
      kind,
      room: to.kind === "room" ? to.room : "",
      name,
      ageMs: Math.floor(this.random() * OLDEST_MS),
    };
  }
}

/** A store at a path, opened; its time stands still. */
export function openStore(path: string): BundleStore {
  const timers = new VirtualTime();
  const store = new BundleStore({
    path,
    maxBytes: 512 * 1024 * 1024,
    clock: systemClock,
    timers,
    bootClock: { bootId: "bench", nowMs: () => timers.monotonicMs() },
    log: createLog({ level: "warn", destination: process.stderr }),
  });
  store.open();
  return store;
}

/** Hands bundles over as a neighbour does, many at a time. @throws Error where one is not taken */
export async function takeAll(store: BundleStore, samples: readonly Sample[], peer: string): Promise<void> {
  const answers = samples.map(({ encoded, ageMs }) => store.take(encoded, ageMs, { by: "box", peer }));
  store.flush();
  for (const answer of await Promise.all(answers)) {
    if (answer.state !== "new") throw new Error(`the store answers ${JSON.stringify(answer)}`);
  }
}

/** Fills a store with so many bundles. @returns them */
export async function fill(store: BundleStore, town: Town, count: number): Promise<Sample[]> {
  const all: Sample[] = [];
  while (all.length < count) {
    const group = Array.from({ length: Math.min(GROUP, count - all.length) }, () => town.next());
    await takeAll(store, group, `peer ${all.length % 3}`);
    all.push(...group);
  }
  return all;
}
