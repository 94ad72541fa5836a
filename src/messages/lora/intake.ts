import { verify } from "../../identity/index.ts";
import type { LinkAddress } from "../../lora/index.ts";
import { type Bundle, BundleError, type BundleId } from "../bundle/bundle.ts";
import { bundleId, encodeBundle, isSigned, verifyBundle } from "../bundle/bundle-codec.ts";
import type { Taken } from "../custody/custody.ts";
import type { Answers } from "./answers.ts";
import { type BundleForm, decodeForm, type KeyHash, rebuild } from "./bundle-form.ts";
import type { FullKeys } from "./bundle-head.ts";
import type { LoraContext } from "./context.ts";
import { type BundleItem, hopTagOf, shortIdOf } from "./items.ts";
import { LoraFormError } from "./octets.ts";

/** How a bundle came that is being taken into custody. */
export interface Arrival {
  from: LinkAddress;
  origin: LinkAddress;
  hops: number;
  /** It is ours to hand on, or its recipient is here. */
  isToUs: boolean;
  isToAll: boolean;
  full: FullKeys;
}

/** A bundle whose keys are not all known here. */
interface Pending {
  from: LinkAddress;
  item: BundleItem;
  sinceMs: number;
}

/** A bundle off the air, whole. */
export interface HeardBundle {
  id: BundleId;
  bundle: Bundle;
  ageMs: number;
  arrival: Arrival;
}

/** Bundles whose keys are asked for, and how long they wait. */
const MAX_PENDING = 32;
const PENDING_MS = 120_000;
const KEY_BYTES = 32;
const KEYS_AT_A_TIME = 4;
/** Bundles whose sender's certificates may still come, and how long they wait. */
const MAX_UNVOUCHED = 16;
const UNVOUCHED_MS = 10 * 60_000;

/** Makes bundles of what is heard, asks for keys that it lacks, and puts into custody what is for this box. */
export class Intake {
  private readonly arrivals = new Map<BundleId, Arrival>();
  private pending: Pending[] = [];
  /** Not taken: by an operator, they say, of whom nothing is known here yet. */
  private unvouched: { heard: HeardBundle; sinceMs: number }[] = [];

  constructor(
    private readonly context: LoraContext,
    private readonly answers: Answers,
    private readonly heard: (heard: HeardBundle) => void,
    private readonly taken: (id: BundleId, arrival: Arrival, taken: Taken) => void,
  ) {}

  onItem(from: LinkAddress, item: BundleItem): void {
    this.read({ from, item, sinceMs: this.context.nowMs }, (hashes) =>
      this.answers.ask({ kind: "want-keys", of: hopTagOf(from), hashes }),
    );
  }

  /** @param lacking told of keys that are not known here; it waits for them then */
  private read(one: Pending, lacking: (hashes: KeyHash[]) => void): void {
    const { from, item } = one;
    const whole = this.rebuilt(one, lacking);
    if (!whole) return;
    const { homes, address } = this.context;
    const { bundle, full } = whole;
    const isOurs = item.hop === hopTagOf(address);
    const isForHere = bundle.to.kind === "person" && homes.of(bundle.to.key) === address;
    const arrival: Arrival = {
      ...{ from, full, origin: item.origin, hops: item.hops },
      isToUs: isOurs || isForHere,
      isToAll: item.hop === undefined,
    };
    this.heard({ id: whole.id, bundle, ageMs: item.ageS * 1000, arrival });
  }

  /** Puts it into custody; told when that is done, or refused. */
  take({ id, bundle, ageMs, arrival }: HeardBundle): void {
    if (this.arrivals.has(id)) return;
    const { homes, nowMs, options } = this.context;
    const { custody, log } = options;
    const encoded = orUndefined(() => encodeBundle(bundle));
    if (!encoded) return;
    this.arrivals.set(id, arrival);
    custody
      .take(encoded, ageMs, { by: "lora", address: arrival.from })
      .then((taken) => {
        // Only now is it sure that its sender has signed it. Without a signature anybody could draw away what is for another.
        if (taken.state !== "refused" && isSigned(bundle))
          homes.noteHeard(bundle.sender.key, arrival.origin, nowMs - ageMs);
        if (taken.state === "refused" && taken.reason === "not-allowed")
          this.keepUnvouched({ id, bundle, ageMs, arrival });
        this.taken(id, arrival, taken);
      })
      .catch((error) => log.debug({ error }, "a bundle from LoRa was not taken"))
      .finally(() => this.arrivals.delete(id));
  }

  /** Certificates of this key have come: what was not taken for want of them is. */
  onCertificates(key: Uint8Array): void {
    const { nowMs } = this.context;
    const isTheirs = ({ heard }: { heard: HeardBundle }) =>
      Buffer.compare(heard.bundle.sender.key, key) === 0;
    const theirs = this.unvouched.filter(isTheirs);
    this.unvouched = this.unvouched.filter((one) => !isTheirs(one));
    for (const { heard, sinceMs } of theirs)
      if (nowMs - sinceMs < UNVOUCHED_MS) this.take({ ...heard, ageMs: heard.ageMs + nowMs - sinceMs });
  }

  private keepUnvouched(heard: HeardBundle): void {
    const others = this.unvouched.filter((other) => other.heard.id !== heard.id);
    this.unvouched = [...others, { heard, sinceMs: this.context.nowMs }].slice(-MAX_UNVOUCHED);
  }

  /** How the bundle came that custody has just told of; undefined: not by LoRa. */
  arrivalOf(id: BundleId): Arrival | undefined {
    return this.arrivals.get(id);
  }

  onKeys(keys: readonly Uint8Array[]): void {
    for (const key of keys) this.context.keys.add(key);
    const { pending } = this;
    this.pending = [];
    // What is still lacking was asked for once: else whoever sends keys of nobody would be asked again by all each time.
    for (const one of pending) if (this.context.nowMs - one.sinceMs < PENDING_MS) this.read(one, () => {});
  }

  onWantKeys(from: LinkAddress, hashes: readonly KeyHash[]): void {
    const keys = hashes.flatMap((hash) => this.context.keys.get(hash));
    for (let at = 0; at < keys.length; at += KEYS_AT_A_TIME) {
      const some = keys.slice(at, at + KEYS_AT_A_TIME);
      if (!this.context.asked.grants(from, some.length * KEY_BYTES)) return;
      this.answers.ask({ kind: "keys", keys: some });
    }
  }

  private rebuilt(
    one: Pending,
    lacking: (hashes: KeyHash[]) => void,
  ): { id: BundleId; bundle: Bundle; full: FullKeys } | undefined {
    const { item } = one;
    const { options, address } = this.context;
    const form = orUndefined(() => decodeForm(item.form, options.code));
    if (!form) return undefined;
    const full = this.noteKeys(form);
    const whole = this.wholeOf(form);
    if ("bundle" in whole) {
      const id = orUndefined(() => bundleId(whole.bundle));
      return id === undefined ? undefined : { id, bundle: whole.bundle, full };
    }
    const { missing } = whole;
    if (missing.length === 0 || (item.hop !== undefined && item.hop !== hopTagOf(address))) return undefined;
    this.pending.push(one);
    if (this.pending.length > MAX_PENDING) this.pending.shift();
    lacking(missing);
    return undefined;
  }

  /** Where more than one key has the same hash, with those whose signature holds, or with which it has the id that it says. */
  private wholeOf(form: BundleForm): ReturnType<typeof rebuild> {
    const { keys } = this.context;
    const likeliest = rebuild(form, (hash) => keys.get(hash)[0]);
    if ("missing" in likeliest) return likeliest;
    const all = (key: Uint8Array | KeyHash) => (typeof key === "number" ? keys.get(key) : [key]);
    const senders = all(form.sender.key);
    const recipients = form.to.kind === "person" ? all(form.to.key) : [];
    if (senders.length <= 1 && recipients.length <= 1 && form.short === undefined) return likeliest;
    for (const sender of senders)
      for (const recipient of recipients.length > 0 ? recipients : [undefined]) {
        const { bundle } = likeliest;
        const to = recipient ? { kind: "person" as const, key: recipient } : bundle.to;
        const one = { ...bundle, sender: { ...bundle.sender, key: sender }, to };
        const isIt = () =>
          form.short === undefined ? verifyBundle(one, verify) : shortIdOf(bundleId(one)) === form.short;
        if (orUndefined(isIt)) return { bundle: one };
      }
    return form.short === undefined ? likeliest : { missing: hashesOf(form) };
  }

  /** Everybody near has heard these too. */
  private noteKeys({ sender, to }: BundleForm): FullKeys {
    const note = (key: Uint8Array | KeyHash) => {
      const { keys } = this.context;
      keys.knownAround(typeof key === "number" ? key : keys.add(key));
      return typeof key !== "number";
    };
    return { sender: note(sender.key), to: to.kind === "person" && note(to.key) };
  }
}

const hashesOf = ({ sender, to }: BundleForm): KeyHash[] =>
  [sender.key, ...(to.kind === "person" ? [to.key] : [])].filter((key) => typeof key === "number");

/** What comes off the air may be anything; what is none is nobody's fault here. */
function orUndefined<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof LoraFormError || error instanceof BundleError) return undefined;
    throw error;
  }
}
