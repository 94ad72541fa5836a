import type { LinkAddress, Priority } from "../../lora/index.ts";
import { PRIORITIES, rankOf } from "../../lora/priority.ts";
import type { Held } from "../custody/custody.ts";
import type { Answers } from "./answers.ts";
import { encodeForm, keyHashOf } from "./bundle-form.ts";
import type { LoraContext } from "./context.ts";
import type { Digests } from "./digests.ts";
import { itemBytes } from "./frame.ts";
import { type BundleItem, type HelloItem, hopTagOf, type Item, type ShortId } from "./items.ts";
import { beside } from "./said.ts";
import type { Carried } from "./stock.ts";

/** A bundle that may go now. */
export interface Due {
  carried: Carried;
  /** undefined: to everyone. */
  hop: LinkAddress | undefined;
}

/** A frame that is to go, or waits for its turn on the air. */
export interface Flight {
  items: Item[];
  bundles: Due[];
  priority: Priority;
  /** Somebody has left the word to us for it. */
  isAnswer: boolean;
}

const MOST_OFFERED = 20;
const FRAME_HEADER_BYTES = 1;
const ID_BYTES = 4;
const TAG_BYTES = 2;
const LEAST_ITEM_BYTES = 6;

/** Puts together what one frame says: bundles, what neighbours wait for, and in what room is left what can wait. */
export class FrameMaker {
  constructor(
    private readonly context: LoraContext,
    private readonly answers: Answers,
    private readonly digests: Digests,
    /** The hello that is due, if one is and there is room for it. */
    private readonly hello: (bytes: number) => HelloItem | undefined,
  ) {}

  /**
   * @param waiting frames that wait for the air: what they say is not said in another
   * @returns undefined where there is nothing to say
   */
  make(due: readonly Due[], frameBytes: number, waiting: readonly Flight[]): Flight | undefined {
    const draft = new Draft(frameBytes - FRAME_HEADER_BYTES, unsaidBy(waiting, this.answers));
    this.addBundles(draft, due);
    const goingOn = new Set(draft.bundles.map(({ carried }) => carried.short));
    const isAwaited = [...goingOn].some((short) => this.answers.hasWord(short));
    const have = this.answers.haves(goingOn, draft.bundles.length > 0 && !isAwaited);
    if (have) draft.add(have, "check-in");
    for (const item of this.answers.others()) draft.add(item, "direct");
    if (!draft.isPressing) this.addWhatCanWait(draft);
    // A few bytes here, or a frame of its own.
    else for (const want of this.digests.wants()) draft.add(want, "room");
    this.addRecent(draft, goingOn);
    if (draft.isEmpty) return undefined;
    const isAnswer = isAwaited || draft.has.some((id) => this.answers.hasWord(id));
    return { items: draft.finished(), bundles: draft.bundles, priority: draft.priority, isAnswer };
  }

  private addBundles(draft: Draft, due: readonly Due[]): void {
    const offers = new Map<LinkAddress, ShortId[]>();
    for (const { carried, hop } of due) {
      const held = this.context.options.custody.get(carried.id);
      if (!held) this.context.stock.remove(carried.id);
      else if (carried.isDoubtful && hop !== undefined) {
        const ids = offers.get(hop) ?? [];
        if (
          ids.length >= MOST_OFFERED ||
          !draft.reserve(ids.length > 0 ? ID_BYTES : ID_BYTES + LEAST_ITEM_BYTES)
        )
          continue;
        offers.set(hop, [...ids, carried.short]);
        draft.note({ carried, hop });
      } else if (draft.addBundle(this.itemOf(held, carried, hop))) draft.note({ carried, hop });
      if (draft.isFull) break;
    }
    for (const [hop, ids] of offers) draft.items.push({ kind: "offer", of: hopTagOf(hop), ids });
  }

  private addWhatCanWait(draft: Draft): void {
    const hello = this.hello(draft.left);
    if (hello) draft.add(hello, "direct");
    for (const want of this.digests.wants()) draft.add(want, "room");
    for (const part of this.digests.parts()) draft.add(part, "background");
  }

  private addRecent(draft: Draft, goingOn: ReadonlySet<ShortId>): void {
    const isToAll = draft.bundles.some(({ hop }) => hop === undefined);
    if (draft.isPressing && !isToAll) return;
    const most = Math.floor((draft.left - LEAST_ITEM_BYTES) / TAG_BYTES);
    const recent = this.digests.recent(draft.isEmpty, goingOn, most);
    if (recent) draft.add(recent, "room");
  }

  private itemOf({ bundle, ageMs }: Held, carried: Carried, hop: LinkAddress | undefined): BundleItem {
    const { keys, options } = this.context;
    // What is most urgent is not to be asked about: those beyond whoever told of a key have not heard it.
    carried.full ??= {
      sender: bundle.priority === "sos" || !keys.isKnownAround(keyHashOf(bundle.sender.key)),
      to: bundle.to.kind === "person" && !keys.isKnownAround(keyHashOf(bundle.to.key)),
    };
    // Coding takes a millisecond or some, and what waits for room in a frame is looked at again and again.
    carried.form ??= encodeForm(bundle, carried.full, options.code);
    return {
      kind: "bundle",
      hop: hop === undefined ? undefined : hopTagOf(hop),
      hops: Math.min(254, carried.hops + 1),
      origin: carried.origin,
      ageS: ageMs / 1000,
      form: carried.form,
    };
  }
}

/** What of an item no frame says that waits for the air; what somebody has left us the word for is said at once all the same. */
function unsaidBy(waiting: readonly Flight[], answers: Answers): (item: Item) => Item | undefined {
  return (item) => {
    let rest: Item | undefined = item;
    for (const { items, isAnswer } of waiting)
      for (const said of items) rest &&= beside(rest, said, (id) => isAnswer || !answers.hasWord(id));
    return rest;
  };
}

/** A frame that is being filled. */
class Draft {
  readonly items: Item[] = [];
  readonly bundles: Due[] = [];
  isFull = false;
  private readonly last: BundleItem[] = [];
  private rank = PRIORITIES.length - 1;

  /** @param unsaid what of an item no frame says that waits for the air */
  constructor(
    public left: number,
    private readonly unsaid: (item: Item) => Item | undefined,
  ) {}

  /** What it says to be here. */
  get has(): ShortId[] {
    return this.items.flatMap((item) => (item.kind === "have" ? item.held.map(({ id }) => id) : []));
  }

  get isEmpty(): boolean {
    return this.items.length + this.last.length === 0;
  }

  /** Whether there is a bundle in it that should not wait for what can. */
  get isPressing(): boolean {
    return this.bundles.length > 0 && this.rank <= rankOf("direct");
  }

  get priority(): Priority {
    return PRIORITIES[this.rank] ?? "background";
  }

  /** Where there is room for it. */
  add(whole: Item, priority: Priority): void {
    const item = this.unsaid(whole);
    if (!item || !this.reserve(itemBytes(item))) return;
    this.items.push(item);
    this.rank = Math.min(this.rank, rankOf(priority));
  }

  /** One that is longer than a frame goes alone, in pieces. */
  addBundle(item: BundleItem): boolean {
    const bytes = itemBytes(item);
    if (this.isEmpty && bytes > this.left) {
      this.left = 0;
      this.isFull = true;
    } else if (!this.reserve(bytes)) return false;
    this.last.push(item);
    return true;
  }

  reserve(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }

  note(due: Due): void {
    this.bundles.push(due);
    this.rank = Math.min(this.rank, rankOf(due.carried.priority));
  }

  /** Bundles at the end: the last of a frame needs no length. */
  finished(): Item[] {
    return [...this.items, ...this.last];
  }
}
