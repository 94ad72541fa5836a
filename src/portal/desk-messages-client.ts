import { hc } from "hono/client";
import type {
  BundleId,
  CheckInBody,
  Delivery,
  Page,
  PostBody,
  Sent,
  ShownCheckIn,
  ShownNotice,
  ShownPost,
  SosBody,
} from "../messages/index.ts";
import type { DeskMessagesApi, NotTaken } from "./desk-messages-api.ts";
import { waitedFor } from "./desk-socket.ts";

/** Whose form it is, and which: the same one sent twice is taken once. */
export interface FormSender {
  /** The guest's address. */
  address: string;
  /** Up to 64 letters, digits, "-" and "_". */
  form: string;
  /** The solution of {@link NotTaken.work}. */
  work?: string;
}

/** The daemon did not answer, or failed. What was sent may have been taken: send the same form again. */
export interface Unreachable {
  refused: "unreachable";
  detail: string;
}

export type Refusal = NotTaken | Unreachable;
export type Outcome<T> = T | Refusal;

export const isRefusal = (outcome: object): outcome is Refusal => "refused" in outcome;

/** What the guests' pages ask of the daemon's messages. Nothing of it throws: a refusal is an answer. */
export interface DeskMessages {
  sos(sender: FormSender, body: SosBody): Promise<Outcome<Sent>>;
  checkIn(sender: FormSender, body: CheckInBody & { tell: string }): Promise<Outcome<Sent>>;
  post(sender: FormSender, room: string, body: PostBody): Promise<Outcome<Sent>>;
  report(sender: FormSender, id: BundleId, reason: string): Promise<Outcome<{ reported: true }>>;
  withdraw(address: string, code: string): Promise<Outcome<{ withdrawn: BundleId }>>;
  delivery(address: string, code: string): Promise<Outcome<Delivery>>;
  posts(room: string, before?: string, most?: number): Promise<Outcome<Page<ShownPost>>>;
  checkIns(name: string, before?: string, most?: number): Promise<Outcome<Page<ShownCheckIn>>>;
  rooms(): Promise<Outcome<{ room: string; posts: number }[]>>;
  notices(): Promise<Outcome<ShownNotice[]>>;
}

/** A phone's window closes by itself after a while: better an answer that says that there is none. */

/** The portal's way to the daemon's messages. */
export class DeskMessagesClient implements DeskMessages {
  private readonly client;

  /** @param ask the desk, which has messages below `/messages` */
  constructor(ask: (url: string, init?: RequestInit) => Promise<Response>) {
    // The cast: Hono's client calls it with a URL as text, and does nothing else that the type of `fetch` allows.
    this.client = hc<DeskMessagesApi>("http://desk/messages", { fetch: ask as typeof fetch });
  }

  sos(query: FormSender, json: SosBody): Promise<Outcome<Sent>> {
    return answered(this.client.sos.$post({ query, json }, waitedFor()));
  }

  checkIn(query: FormSender, json: CheckInBody & { tell: string }): Promise<Outcome<Sent>> {
    return answered(this.client["check-in"].$post({ query, json }, waitedFor()));
  }

  post(query: FormSender, room: string, body: PostBody): Promise<Outcome<Sent>> {
    return answered(this.client.post.$post({ query, json: { room, ...body } }, waitedFor()));
  }

  report(query: FormSender, id: BundleId, reason: string): Promise<Outcome<{ reported: true }>> {
    return answered(this.client.report.$post({ query, json: { id, reason } }, waitedFor()));
  }

  withdraw(address: string, code: string): Promise<Outcome<{ withdrawn: BundleId }>> {
    return answered(this.client.withdraw.$post({ query: { address }, json: { code } }, waitedFor()));
  }

  delivery(address: string, code: string): Promise<Outcome<Delivery>> {
    return answered(this.client.delivery.$post({ query: { address }, json: { code } }));
  }

  posts(room: string, before?: string, most?: number): Promise<Outcome<Page<ShownPost>>> {
    return answered(this.client.posts.$get({ query: { room, ...paging(before, most) } }));
  }

  checkIns(name: string, before?: string, most?: number): Promise<Outcome<Page<ShownCheckIn>>> {
    return answered(this.client["check-ins"].$get({ query: { name, ...paging(before, most) } }));
  }

  rooms(): Promise<Outcome<{ room: string; posts: number }[]>> {
    return answered(this.client.rooms.$get());
  }

  notices(): Promise<Outcome<ShownNotice[]>> {
    return answered(this.client.notices.$get());
  }
}

function paging(before: string | undefined, most: number | undefined) {
  return {
    ...(before === undefined ? {} : { before }),
    ...(most === undefined ? {} : { most: String(most) }),
  };
}

interface Answer {
  status: number;
  json(): Promise<unknown>;
}

/** What the daemon said; it is ours, and its socket private to us, so that its words need no second check. */
async function answered<T extends object>(request: Promise<Answer>): Promise<Outcome<T>> {
  try {
    const answer = await request;
    if (answer.status === 200 || answer.status === 400) return (await answer.json()) as Outcome<T>;
    return { refused: "unreachable", detail: `status ${answer.status}` };
  } catch (error) {
    return { refused: "unreachable", detail: error instanceof Error ? error.message : String(error) };
  }
}
