import { type SigningKey, signingKey } from "../../../../src/identity/index.ts";
import type { Bodies } from "../../../../src/messages/bundle/bodies.ts";
import { type BodyKind, encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import {
  type BundleId,
  type Destination,
  PRIORITY_OF,
  SQUARE,
  type Unsigned,
} from "../../../../src/messages/bundle/bundle.ts";
import {
  bundleId,
  encodeBundle,
  leaveUnsigned,
  makeBundle,
} from "../../../../src/messages/bundle/bundle-codec.ts";

export interface Written {
  id: BundleId;
  encoded: Uint8Array;
}

type Options = Partial<Pick<Unsigned, "priority" | "lifetimeS" | "to" | "sequence">> & {
  as?: Unsigned["sender"]["as"];
  isSigned?: boolean;
};

const DAY_S = 86_400;
const EVERYONE: Destination = { kind: "everyone" };
let written = 0;

/** Somebody, or a box, that writes bundles. Each number is another one. */
export class Writer {
  readonly key: SigningKey;

  constructor(
    seed: number,
    private readonly as: Unsigned["sender"]["as"] = "person",
  ) {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(0, seed);
    this.key = signingKey(bytes);
  }

  get publicKey(): Uint8Array {
    return this.key.publicKey;
  }

  get hex(): string {
    return Buffer.from(this.key.publicKey).toString("hex");
  }

  write<K extends BodyKind>(kind: K, body: Bodies[K], options: Options = {}): Written {
    return this.sign(kind, encodeBody(kind, body), { to: EVERYONE, ...options });
  }

  post(text: string, room = SQUARE, options: Options = {}): Written {
    return this.write("post", { name: "Ana", text }, { to: { kind: "room", room }, ...options });
  }

  checkIn(name: string, options: Options & { place?: string } = {}): Written {
    const { place = "", ...rest } = options;
    return this.write("check-in", { name, state: "safe", text: "", place: { words: place } }, rest);
  }

  sos(text: string, options: Options = {}): Written {
    const body = { text, name: "", place: { words: "" }, people: 0, injured: 0, contact: "" };
    return this.write("sos", body, options);
  }

  notice(text: string, options: Options = {}): Written {
    return this.write("notice", { level: "warning", text }, { as: "box", ...options });
  }

  direct(to: Writer, text: string, options: Options = {}): Written {
    return this.sign("direct", Buffer.from(text), { to: { kind: "person", key: to.publicKey }, ...options });
  }

  receipt(
    state: Bodies["receipt"]["state"],
    of: readonly BundleId[],
    options: Options & { note?: string } = {},
  ) {
    const { note = "", ...rest } = options;
    return this.write("receipt", { state, of, note }, rest);
  }

  removal(of: BundleId, reason = "", options: Options = {}): Written {
    return this.write("removal", { of, reason }, options);
  }

  card(name: string, version: number): Written {
    return this.write("card", { name, prekey: this.publicKey, prekeyNumber: version, version });
  }

  private sign(kind: Unsigned["kind"], body: Uint8Array, options: Options & { to: Destination }): Written {
    const { as = this.as, to, priority = PRIORITY_OF[kind].usual, lifetimeS = 7 * DAY_S } = options;
    written += 1;
    const { sequence = written } = options;
    const sender = { as, key: this.key.publicKey };
    const unsigned: Unsigned = { kind, sender, to, priority, lifetimeS, createdS: 0, sequence, body };
    const bundle =
      options.isSigned === false
        ? leaveUnsigned(unsigned)
        : makeBundle(unsigned, (message) => this.key.sign(message));
    return { id: bundleId(bundle), encoded: encodeBundle(bundle) };
  }
}
