import type {
  BundleId,
  CheckInBody,
  Delivery,
  GuestMessages,
  Joined,
  JoinOffer,
  Kind,
  NotSent,
  Page,
  PostBody,
  Sent,
  ShownCheckIn,
  ShownNotice,
  ShownPost,
  SosBody,
  Writer,
} from "../../../src/messages/index.ts";
import { PAGE_ITEMS, SQUARE, tidyLine, tidyLines, tidyWithdrawalCode } from "../../../src/messages/index.ts";

interface Kept {
  kind: Kind;
  code: string;
  delivery: Delivery;
}

/** What guests may do with messages, over lists in memory: as the daemon does it, with nothing on a medium or on its way. */
export class MemoryMessages implements GuestMessages {
  readonly posted: ShownPost[] = [];
  readonly checkedIn: ShownCheckIn[] = [];
  readonly calls: { body: SosBody; station: string }[] = [];
  readonly told: string[] = [];
  readonly reports: { id: BundleId; reason: string; station: string }[] = [];
  readonly shownNotices: ShownNotice[] = [];
  readonly openRooms = new Set<string>([SQUARE]);
  /** What every form is refused with, where it is. */
  refusal: NotSent | undefined;
  /** What work came along with each form. */
  readonly works: (string | undefined)[] = [];
  /** How often something was read: `posts square`. */
  readonly reads: string[] = [];
  private readonly kept = new Map<string, Kept>();
  private readonly forms = new Map<string, Sent>();
  private readonly listeners = new Set<() => void>();
  private count = 0;

  async sos(writer: Writer, body: SosBody): Promise<Sent | NotSent> {
    return this.once(writer, "sos", (id) => {
      this.calls.push({ body, station: writer.station });
      return id;
    });
  }

  async checkIn(writer: Writer, body: CheckInBody & { tell: string }): Promise<Sent | NotSent> {
    const { tell, ...said } = body;
    return this.once(writer, "check-in", (id) => {
      if (tell !== "") this.told.push(tell);
      this.checkedIn.unshift({ ...said, name: tidyLine(said.name), text: tidyLines(said.text), id, ageS: 0 });
      return id;
    });
  }

  async post(writer: Writer, room: string, body: PostBody): Promise<Sent | NotSent> {
    if (!this.openRooms.has(room)) return { refused: "form", detail: "room: there is no such room" };
    return this.once(writer, "post", (id) => {
      this.posted.unshift({ ...body, text: tidyLines(body.text), room, id, ageS: 0 });
      return id;
    });
  }

  async withdraw(_: Writer, code: string): Promise<{ withdrawn: BundleId } | NotSent> {
    const known = this.kept.get(tidyWithdrawalCode(code) ?? "");
    if (!known) return { refused: "unknown", detail: "" };
    const { id } = known.delivery;
    this.kept.delete(known.code);
    this.remove(this.checkedIn, id);
    const post = this.posted.find((one) => one.id === id);
    if (post) Object.assign(post, { text: "", removed: { by: "sender", reason: "" } });
    this.changed();
    return { withdrawn: id };
  }

  delivery(_: Writer, code: string): Delivery | NotSent {
    const known = this.kept.get(tidyWithdrawalCode(code) ?? "");
    return known ? known.delivery : { refused: "unknown", detail: "" };
  }

  async report(writer: Writer, id: BundleId, reason: string): Promise<{ reported: true } | NotSent> {
    if (this.refusal) return this.refusal;
    if (!this.posted.some((post) => post.id === id)) return { refused: "unknown", detail: "" };
    this.reports.push({ id, reason, station: writer.station });
    return { reported: true };
  }

  posts(room: string, before?: string, most?: number): Page<ShownPost> {
    this.reads.push(`posts ${room}`);
    return paged(
      this.posted.filter((post) => post.room === room),
      before,
      most,
    );
  }

  rooms(): { room: string; posts: number }[] {
    this.reads.push("rooms");
    const posts = (room: string) => this.posted.filter((post) => post.room === room).length;
    return [...this.openRooms].map((room) => ({ room, posts: posts(room) }));
  }

  checkIns(query: string, before?: string, most?: number): Page<ShownCheckIn> {
    this.reads.push(`check-ins ${query}`);
    const found = this.checkedIn.filter(({ name }) => name.toLowerCase().includes(query.toLowerCase()));
    return paged(found, before, most);
  }

  notices(): ShownNotice[] {
    this.reads.push("notices");
    return this.shownNotices;
  }

  onPublicChange(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }

  /** What has become of something is another thing now. */
  moveOn(code: string, further: Partial<Delivery>): void {
    const known = this.kept.get(code);
    if (known) Object.assign(known.delivery, further);
  }

  /** An operator takes a post away, or somebody on another box writes: what is public is another thing now. */
  changed(): void {
    for (const listener of this.listeners) listener();
  }

  // Without a key none of these is asked for.
  submit(): never {
    throw new Error("nobody has a key");
  }
  card(): undefined {}
  cards(): [] {
    return [];
  }
  inboxChallenge(): { box: Uint8Array; challenge: Uint8Array } {
    return { box: new Uint8Array(32), challenge: new Uint8Array(16) };
  }
  inbox(): NotSent {
    return { refused: "unknown", detail: "" };
  }
  deliveries(): [] {
    return [];
  }
  /** What is offered to who wants to belong to the network; undefined: nothing. */
  offer: JoinOffer | undefined;

  joinOffer(): JoinOffer | undefined {
    return this.offer;
  }

  async join(_writer: Writer, key: Uint8Array, _name: string, invite: string): Promise<Joined | NotSent> {
    if (!this.offer) return { refused: "blocked", detail: "nobody becomes a person of a network here" };
    if (this.offer.needsInvite && invite === "")
      return { refused: "form", detail: "join.invite: is missing" };
    return { network: this.offer.network, chain: key };
  }

  async takeAlong(): Promise<{ network: string; link: string } | NotSent> {
    if (!this.offer || this.offer.needsInvite)
      return { refused: "blocked", detail: "this box gives no invites" };
    return { network: this.offer.network, link: "omerta://invite/abc" };
  }

  onChange(): () => void {
    return () => {};
  }

  /** A form that comes twice is answered alike. */
  private once(writer: Writer, kind: Kind, act: (id: BundleId) => BundleId): Sent | NotSent {
    this.works.push(writer.work);
    const form = `${writer.station} ${writer.form}`;
    const known = writer.form ? this.forms.get(form) : undefined;
    if (known) return known;
    if (this.refusal) return this.refusal;
    this.count += 1;
    const delivery: Delivery = { id: act(idOf(this.count)), kind, state: "waiting", note: "" };
    const code = `0000-0000-${String(this.count).padStart(4, "0")}`;
    this.kept.set(code, { kind, code, delivery });
    const sent = { ...delivery, code };
    this.forms.set(form, sent);
    this.changed();
    return sent;
  }

  private remove(list: { id: BundleId }[], id: BundleId): void {
    const index = list.findIndex((one) => one.id === id);
    if (index >= 0) list.splice(index, 1);
  }
}

export const idOf = (number: number): BundleId => number.toString(16).padStart(24, "0");

function paged<T extends { id: BundleId }>(all: readonly T[], before?: string, most = PAGE_ITEMS): Page<T> {
  const start = before === undefined ? 0 : all.findIndex(({ id }) => id === before) + 1;
  const items = all.slice(start, start + most);
  const last = items.at(-1);
  return last === undefined || start + most >= all.length ? { items } : { items, next: last.id };
}
