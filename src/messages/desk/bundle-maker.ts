import type { SigningKey } from "../../identity/index.ts";
import type { Bodies } from "../bundle/bodies.ts";
import { encodeBody } from "../bundle/body-codec.ts";
import {
  type Bundle,
  type Destination,
  type Kind,
  PRIORITY_OF,
  type Priority,
  type Sender,
} from "../bundle/bundle.ts";
import { makeBundle } from "../bundle/bundle-codec.ts";

const DAY_S = 86_400;

/** How long what a box makes is of use, in seconds. */
export const LIFETIME_S: Readonly<Record<Kind, number>> = {
  sos: 7 * DAY_S,
  "check-in": 30 * DAY_S,
  direct: 14 * DAY_S,
  post: 7 * DAY_S,
  notice: 2 * DAY_S,
  receipt: 14 * DAY_S,
  lookup: DAY_S / 2,
  card: 30 * DAY_S,
  removal: 30 * DAY_S,
  photo: 7 * DAY_S,
  credentials: 30 * DAY_S,
};

/** Nobody's clock is that early: a clock that says so was never set. */
const EARLIEST_S = Date.UTC(2026, 0, 1) / 1_000;

/** Seconds since 1970, 0 where the clock was never set. */
export function trustedSeconds(wallMs: number): number {
  const seconds = Math.floor(wallMs / 1_000);
  return seconds >= EARLIEST_S ? seconds : 0;
}

export interface BundleMakerOptions {
  /** The box's key in the network that carries its messages. */
  key: () => SigningKey;
  /** Milliseconds since 1970 as far as the box knows. */
  wallMs: () => number;
  random32: () => number;
}

export interface Made {
  as: Exclude<Sender["as"], "person">;
  to: Destination;
  priority?: Priority;
  lifetimeS?: number;
}

/** Makes the bundles that the box signs: its own, and those of guests who have no key. */
export class BundleMaker {
  private made = 0;

  constructor(private readonly options: BundleMakerOptions) {}

  /** @throws {BundleError} naming what no bundle may say */
  make<K extends keyof Bodies>(kind: K, body: Bodies[K], made: Made, key = this.options.key()): Bundle {
    const { wallMs, random32 } = this.options;
    const { as, to, priority = PRIORITY_OF[kind].usual, lifetimeS = LIFETIME_S[kind] } = made;
    const createdS = trustedSeconds(wallMs());
    return makeBundle(
      {
        kind,
        sender: { as, key: key.publicKey },
        to,
        priority,
        lifetimeS,
        createdS,
        // As RFC 9171 wants it (section 4.2.7), and in as few bytes as that takes: LoRa carries them.
        sequence: createdS > 0 ? this.nextNumber() : random32() & 0xffff,
        body: encodeBody(kind, body),
      },
      (message) => key.sign(message),
    );
  }

  /** Another for each of one second. */
  private nextNumber(): number {
    this.made = (this.made + 1) & 0xff;
    return this.made;
  }
}
