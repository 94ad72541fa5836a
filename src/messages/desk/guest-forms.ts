import type { SigningKey } from "../../identity/index.ts";
import type { CheckInBody, PostBody, SosBody } from "../bundle/bodies.ts";
import { type Bundle, BundleError, type BundleId, SQUARE } from "../bundle/bundle.ts";
import { bundleId, encodeBundle, isOutsideUri, roomProblem } from "../bundle/bundle-codec.ts";
import type { BundleStore } from "../custody/bundle-store.ts";
import type { Source, Taken } from "../custody/custody.ts";
import type { BundleMaker } from "./bundle-maker.ts";
import type { Deliveries } from "./deliveries.ts";
import { FormsOnce } from "./forms-once.ts";
import type { Delivery, NotSent, Sent, Writer } from "./guest-messages.ts";
import { newWithdrawalCode, tidyWithdrawalCode } from "./withdrawal-code.ts";
import type { Workable, WritingGate } from "./writing-gate.ts";
import type { WritingLimits } from "./writing-limits.ts";

export interface GuestFormsOptions {
  store: BundleStore;
  maker: BundleMaker;
  deliveries: Deliveries;
  limits: WritingLimits;
  gate: WritingGate;
  /** Keys that this box signs by, or has signed by: what it has made it can take back. */
  keys: () => readonly SigningKey[];
  /** Rooms that are there beside the town square. */
  rooms: readonly string[];
  /** Whether guests may begin further ones. */
  openRooms: boolean;
  random32: () => number;
  monotonicMs: () => number;
}

/** A code's second bundle: what goes to somebody outside. */
const outsideCode = (code: string): string => `${code} outside`;

/** What guests without a key write: the box signs for them, and gives out a code by which they see and take back what they wrote. */
export class GuestForms {
  private readonly once: FormsOnce<Sent | NotSent>;

  constructor(private readonly options: GuestFormsOptions) {
    this.once = new FormsOnce(options.monotonicMs);
  }

  checkIn(writer: Writer, { tell, ...body }: CheckInBody & { tell: string }): Promise<Sent | NotSent> {
    return this.form("check-in", writer, () => {
      if (tell !== "" && !isOutsideUri(tell))
        throw new BundleError("check-in.tell", "is no mail address or telephone number");
      const { maker } = this.options;
      const made = maker.make("check-in", body, { as: "guest", to: { kind: "everyone" } });
      if (tell === "") return [made];
      return [made, maker.make("check-in", body, { as: "guest", to: { kind: "outside", uri: tell } })];
    });
  }

  sos(writer: Writer, body: SosBody): Promise<Sent | NotSent> {
    return this.form("sos", writer, () => [
      this.options.maker.make("sos", body, { as: "guest", to: { kind: "everyone" } }),
    ]);
  }

  post(writer: Writer, room: string, body: PostBody): Promise<Sent | NotSent> {
    return this.form("post", writer, () => {
      const problem = this.roomProblem(room);
      if (problem !== undefined) throw new BundleError("post.room", problem);
      return [this.options.maker.make("post", body, { as: "guest", to: { kind: "room", room } })];
    });
  }

  async withdraw({ station }: Writer, typed: string): Promise<{ withdrawn: BundleId } | NotSent> {
    const { store, maker } = this.options;
    const found = this.find(station, typed);
    if (typeof found !== "string") return found;
    const [id, outside] = [store.moderation.idOfCode(found), store.moderation.idOfCode(outsideCode(found))];
    if (id === undefined) return unknown();
    for (const of of [id, ...(outside === undefined ? [] : [outside])]) {
      const held = store.get(of);
      // Gone already, by whatever way.
      if (held === undefined) continue;
      const key = this.options
        .keys()
        .find((one) => Buffer.from(one.publicKey).equals(held.bundle.sender.key));
      if (key === undefined) return unknown();
      const removal = maker.make(
        "removal",
        { of, reason: "" },
        { as: "guest", to: { kind: "everyone" } },
        key,
      );
      const taken = await this.take(removal, { by: "self" });
      if (taken.state === "refused") return notSent(taken);
    }
    return { withdrawn: id };
  }

  delivery({ station }: Writer, typed: string): Delivery | NotSent {
    const found = this.find(station, typed);
    if (typeof found !== "string") return found;
    const id = this.options.store.moderation.idOfCode(found);
    return (id === undefined ? undefined : this.options.deliveries.of(id)) ?? unknown();
  }

  async report(writer: Writer, id: BundleId, reason: string): Promise<{ reported: true } | NotSent> {
    const { store } = this.options;
    const refused = this.gateRefusal("report", writer);
    if (refused) return refused;
    const isHere = await store.moderation.report(id, writer.station, reason.slice(0, 200));
    return isHere ? { reported: true } : unknown();
  }

  /** @param bundles makes what is taken into custody: all of them, and the first is what the code is for */
  private form(
    what: Workable,
    writer: Writer,
    bundles: () => [Bundle, ...Bundle[]],
  ): Promise<Sent | NotSent> {
    return this.once.take(writer.station, writer.form, async () => {
      let made: [Bundle, ...Bundle[]];
      try {
        made = bundles();
      } catch (error) {
        if (error instanceof BundleError) return { refused: "form", detail: error.message };
        throw error;
      }
      // What is wrong does not count against a person who tries to get it right.
      const refused = this.gateRefusal(what, writer);
      if (refused) return refused;
      const { store, random32, deliveries } = this.options;
      const [first, ...others] = made;
      const taken = await this.take(first, { by: "guest", station: writer.station });
      if (taken.state === "refused") return notSent(taken);
      const code = newWithdrawalCode(random32);
      await store.moderation.keepCode(code, taken.id);
      for (const other of others) {
        const also = await this.take(other, { by: "guest", station: writer.station });
        if (also.state !== "refused") await store.moderation.keepCode(outsideCode(code), also.id);
      }
      const delivery = deliveries.of(taken.id) ?? {
        id: bundleId(first),
        kind: first.kind,
        state: "waiting",
        note: "",
      };
      return { ...delivery, code };
    });
  }

  private gateRefusal(what: Workable, { station, form = "", work }: Writer): NotSent | undefined {
    return this.options.gate.refusal({ what, station, message: form }, { work });
  }

  private find(station: string, typed: string): string | NotSent {
    if (!this.options.limits.takes("code", station)) return slowDown();
    return tidyWithdrawalCode(typed) ?? unknown();
  }

  private take(bundle: Bundle, source: Source): Promise<Taken> {
    return this.options.store.take(encodeBundle(bundle), 0, source);
  }

  private roomProblem(room: string): string | undefined {
    const { rooms, openRooms } = this.options;
    if (room === SQUARE || rooms.includes(room)) return undefined;
    return openRooms ? roomProblem(room) : "is no room of this box";
  }
}

/** Why custody was refused, as a form's sender is told. */
export function notSent({ reason, detail }: Extract<Taken, { state: "refused" }>): NotSent {
  switch (reason) {
    case "quota":
    case "full":
    case "blocked":
      return { refused: reason, detail };
    default:
      return { refused: "form", detail };
  }
}

/** @param work a challenge by whose solution it is taken all the same */
export const slowDown = (work?: string): NotSent => ({
  refused: "slow-down",
  detail: "too many in a short time",
  ...(work === undefined ? {} : { work }),
});
export const unknown = (): NotSent => ({ refused: "unknown", detail: "there is none of this code" });
