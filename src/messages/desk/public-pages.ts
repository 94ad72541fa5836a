import { fingerprint } from "../../identity/index.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import { tidyName } from "../bundle/body-text.ts";
import type { BundleId } from "../bundle/bundle.ts";
import { type BundleQueries, isRemoved, type Listed, type SosEntry } from "../custody/bundle-queries.ts";
import type { Held } from "../custody/custody.ts";
import {
  MAX_PAGE_ITEMS,
  PAGE_ITEMS,
  type Page,
  type Shown,
  type ShownCheckIn,
  type ShownNotice,
  type ShownPost,
  type ShownSos,
} from "./guest-messages.ts";
import type { Trust } from "./trust.ts";

/** Of what is looked at without pages: beyond that nobody reads. */
const MAX_LISTED = 200;
/** Of notices that nobody vouches for. */
const MAX_UNTRUSTED = 20;

/** What everybody may read, in the words and order in which pages show it. */
export class PublicPages {
  constructor(
    private readonly queries: BundleQueries,
    private readonly trust: Pick<Trust, "speaksFor" | "isOwn" | "nameOf" | "vouchedBy">,
    /** Rooms that are there though nobody has written in them yet, beside the town square. */
    private readonly standing: readonly string[],
  ) {}

  posts(room: string, before?: string, most = PAGE_ITEMS): Page<ShownPost> {
    const { items, next } = this.queries.posts(room, before, pageLength(most));
    return page(
      items.map((listed) => this.shownPost(listed)),
      next,
    );
  }

  rooms(): { room: string; posts: number }[] {
    const written = this.queries.rooms();
    const others = this.standing.filter((room) => written.every((one) => one.room !== room));
    return [...written, ...others.map((room) => ({ room, posts: 0 }))];
  }

  checkIns(query: string, before?: string, most = PAGE_ITEMS): Page<ShownCheckIn> {
    const { items, next } = this.queries.checkIns(query, before, pageLength(most));
    const shown = items.map((held) => ({
      ...this.shown(held),
      ...tidilyNamed(decodeBody("check-in", held.bundle.body)),
    }));
    return page(shown, next);
  }

  /** What nobody vouches for is shown last, and takes no place from a word that somebody does. */
  notices(): ShownNotice[] {
    const trusted = this.queries.noticesSpokenFor(MAX_LISTED).map((held) => this.shownNotice(held));
    const others = this.queries
      .notices(undefined, MAX_LISTED)
      .items.map((held) => this.shownNotice(held))
      .filter((notice) => !notice.trusted);
    return [...trusted, ...others.slice(0, MAX_UNTRUSTED)];
  }

  /**
   * Those that nobody has answered first, the longest waiting before the others.
   * @param all also those that an operator has closed, at the end
   */
  sosBoard(all: boolean): ShownSos[] {
    const open = this.queries.openCalls(MAX_LISTED);
    const closed = all
      ? this.queries.sosBoard(true, undefined, MAX_LISTED).items.filter(({ state }) => state === "closed")
      : [];
    return [...open, ...closed].map((entry) => this.shownSos(entry));
  }

  /** What a public bundle says, in one line: for operators that look at what was reported. */
  gist(id: BundleId): string | undefined {
    const held = this.queries.get(id);
    if (held === undefined) return undefined;
    const { kind, body, sender } = held.bundle;
    // By these words an operator can block the person.
    if (kind === "card") return `${tidyName(decodeBody(kind, body).name)} (${fingerprint(sender.key)})`;
    if (kind === "post" || kind === "sos" || kind === "check-in") {
      const { name, text } = tidilyNamed(decodeBody(kind, body));
      return [name, text].filter((part) => part !== "").join(": ");
    }
    return kind === "notice" ? decodeBody(kind, body).text : kind;
  }

  private shownPost(listed: Listed): ShownPost {
    if (isRemoved(listed)) {
      const { id, ageMs, room, removed } = listed;
      return { id, ageS: seconds(ageMs), room, name: "", text: "", removed };
    }
    const { to, body } = listed.bundle;
    const room = to.kind === "room" ? to.room : "";
    return { ...this.shown(listed), ...tidilyNamed(decodeBody("post", body)), room };
  }

  private shownNotice(held: Held): ShownNotice {
    const trusted = this.trust.speaksFor(held.bundle.sender.key);
    return { ...this.shown(held), ...decodeBody("notice", held.bundle.body), trusted };
  }

  private shownSos({ held, state, receipts }: SosEntry): ShownSos {
    return {
      ...this.shown(held),
      ...tidilyNamed(decodeBody("sos", held.bundle.body)),
      state: state ?? "waiting",
      note: receipts.find(({ note }) => note !== "")?.note ?? "",
    };
  }

  private shown({ id, ageMs, bundle: { sender } }: Held): Shown {
    const shown: Shown = { id, ageS: seconds(ageMs) };
    if (sender.as === "person") {
      const vouchedBy = this.trust.vouchedBy(sender.key);
      const person = { ...shown, person: fingerprint(sender.key) };
      return vouchedBy === undefined ? person : { ...person, vouchedBy };
    }
    const box = this.trust.isOwn(sender.key) ? "" : tidyName(this.trust.nameOf(sender.key));
    return box === "" ? shown : { ...shown, box };
  }
}

/** Who makes bundles of their own may call themselves anything: the bundle is taken, and what would look like our marks is not shown. */
const tidilyNamed = <T extends { name: string }>(body: T): T => ({ ...body, name: tidyName(body.name) });

const seconds = (ageMs: number): number => Math.floor(ageMs / 1_000);

const pageLength = (most: number): number => Math.min(MAX_PAGE_ITEMS, Math.max(1, most));

const page = <T>(items: T[], next: string | undefined): Page<T> =>
  next === undefined ? { items } : { items, next };
