import type { CheckInBody, PostBody, SosBody } from "../bundle/bodies.ts";
import type { BundleId } from "../bundle/bundle.ts";
import type { Changes } from "./changes.ts";
import type { GuestForms } from "./guest-forms.ts";
import type { GuestMessages, Writer } from "./guest-messages.ts";
import type { PeopleAdmission } from "./people-admission.ts";
import type { PeopleDesk } from "./people-desk.ts";
import type { PublicPages } from "./public-pages.ts";

/** All that guests may do with messages: forms, pages, and what a page with a key does. */
export class GuestDesk implements GuestMessages {
  constructor(
    private readonly forms: GuestForms,
    private readonly pages: PublicPages,
    private readonly people: PeopleDesk,
    private readonly admission: PeopleAdmission,
    private readonly changes: Changes,
  ) {}

  checkIn(writer: Writer, body: CheckInBody & { tell: string }) {
    return this.forms.checkIn(writer, body);
  }

  sos(writer: Writer, body: SosBody) {
    return this.forms.sos(writer, body);
  }

  post(writer: Writer, room: string, body: PostBody) {
    return this.forms.post(writer, room, body);
  }

  withdraw(writer: Writer, code: string) {
    return this.forms.withdraw(writer, code);
  }

  delivery(writer: Writer, code: string) {
    return this.forms.delivery(writer, code);
  }

  report(writer: Writer, id: BundleId, reason: string) {
    return this.forms.report(writer, id, reason);
  }

  posts(room: string, before?: string, most?: number) {
    return this.pages.posts(room, before, most);
  }

  rooms() {
    return this.pages.rooms();
  }

  checkIns(query: string, before?: string, most?: number) {
    return this.pages.checkIns(query, before, most);
  }

  notices() {
    return this.pages.notices();
  }

  submit(writer: Writer, encoded: Uint8Array) {
    return this.people.submit(writer, encoded);
  }

  card(key: Uint8Array) {
    return this.people.card(key);
  }

  cards(name: string) {
    return this.people.cards(name);
  }

  inboxChallenge() {
    return this.people.inboxChallenge();
  }

  inbox(key: Uint8Array, proof: Uint8Array, after: number) {
    return this.people.inbox(key, proof, after);
  }

  deliveries(ids: readonly BundleId[]) {
    return this.people.list(ids);
  }

  joinOffer() {
    return this.admission.offer();
  }

  join(writer: Writer, key: Uint8Array, name: string, invite: string) {
    return this.admission.join(writer, key, name, invite);
  }

  takeAlong(writer: Writer) {
    return this.admission.takeAlong(writer);
  }

  onChange(key: Uint8Array, changed: () => void) {
    return this.changes.onChange(key, changed);
  }

  onPublicChange(changed: () => void) {
    return this.changes.onPublicChange(changed);
  }
}
