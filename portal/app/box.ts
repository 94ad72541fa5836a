import { solveWork } from "../guest/work-solver.ts";
import { fromBase64, toBase64 } from "./bytes.ts";

/** The box did not answer. What was asked may be asked again. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** @property work see `NotSent.work` */
export type Refused = { refused: string; detail: string; work?: string };

/** As the box answers; see `Taken` and `NotSent`. */
export type Submitted =
  | { state: "new" | "known"; id: string }
  | { state: "refused"; reason: string; detail: string }
  | Refused;

export interface Delivery {
  id: string;
  state: string;
  etaSeconds?: number;
  /** Of what was removed: the reason. */
  note: string;
  removedBy?: "sender" | "operator";
}

/** Told when work begins, and when it is done. */
export type Working = (isWorking: boolean) => void;

export interface KnownCard {
  bundle: Uint8Array;
  /** What the network is called that vouches for the person, by the word of the box; "" where none does. */
  vouchedBy: string;
}

interface RawCard {
  bundle: string;
  vouchedBy: string;
}

export interface Challenge {
  box: Uint8Array;
  challenge: Uint8Array;
}

export interface InboxItem {
  order: number;
  bundle: Uint8Array;
  ageS: number;
}

export interface Inbox extends Challenge {
  items: InboxItem[];
}

export interface RawChallenge {
  box: string;
  challenge: string;
}

export interface RawInbox extends RawChallenge {
  items: { order: number; bundle: string; ageS: number }[];
}

const TIMEOUT_MS = 20_000;

export const readChallenge = ({ box, challenge }: RawChallenge): Challenge => ({
  box: fromBase64(box),
  challenge: fromBase64(challenge),
});

export const readInbox = (raw: RawInbox): Inbox => ({
  ...readChallenge(raw),
  items: raw.items.map(({ order, bundle, ageS }) => ({ order, bundle: fromBase64(bundle), ageS })),
});

export const isRefused = (answer: object): answer is Refused => "refused" in answer;

/** What the box does for this page. Each throws {@link UnreachableError} where it does not answer. */
export const box = {
  submit: (bundle: Uint8Array, working?: Working): Promise<Submitted> =>
    byWork((query) => ask("submit", query, { method: "POST", body: toBlob(bundle) }), working),

  challenge: async (): Promise<Challenge> => readChallenge(await ask<RawChallenge>("challenge")),

  async inbox(key: Uint8Array, proof: Uint8Array, after: number): Promise<Inbox | Refused> {
    const answer = await ask<RawInbox | Refused>("inbox", inboxQuery(key, proof, after));
    return isRefused(answer) ? answer : readInbox(answer);
  },

  /** @returns a person's newest card */
  async card(key: Uint8Array): Promise<KnownCard | undefined> {
    const { bundle, vouchedBy } = await ask<RawCard>("card", { key: toBase64(key) });
    return bundle === "" ? undefined : { bundle: fromBase64(bundle), vouchedBy };
  },

  async people(name: string): Promise<KnownCard[]> {
    const { people } = await ask<{ people: RawCard[] }>("people", { name });
    return people.map(({ bundle, vouchedBy }) => ({ bundle: fromBase64(bundle), vouchedBy }));
  },

  async deliveries(ids: readonly string[]): Promise<Delivery[]> {
    return (await ask<{ deliveries: Delivery[] }>("deliveries", { ids: ids.join(",") })).deliveries;
  },

  /** The network that people become persons of here; "" where there is none. */
  network: (): Promise<{ network: string; needsInvite: boolean }> => ask("network"),

  /** @returns the person's certificates, base64 */
  join: (
    key: Uint8Array,
    name: string,
    invite: string,
  ): Promise<{ network: string; chain: string } | Refused> =>
    ask("join", {}, json({ key: toBase64(key), name, invite })),

  takeAlong: (): Promise<{ network: string; link: string } | Refused> => ask("take-along", {}, json({})),

  report: (id: string, reason: string): Promise<{ reported: true } | Refused> =>
    byWork((query) => ask("report", query, json({ id, reason }))),
};

/** Where many write more may be asked for while it works, twice as much each time or more. What is not taken then waits in the queue. */
const MAX_ROUNDS = 3;

/** Asks, and where the box asks for work in turn, does it and asks again. @param working told when that begins and ends */
async function byWork<T extends object>(
  asked: (query: Record<string, string>) => Promise<T | Refused>,
  working: Working = () => {},
): Promise<T | Refused> {
  let answer = await asked({});
  for (let round = 0; round < MAX_ROUNDS && isRefused(answer); round += 1) {
    const { work: challenge } = answer;
    if (challenge === undefined) break;
    working(true);
    const work = await new Promise<string>((solved) => solveWork(challenge, solved));
    working(false);
    answer = await asked({ work });
  }
  return answer;
}

const json = (body: object): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

export const inboxQuery = (key: Uint8Array, proof: Uint8Array, after: number): Record<string, string> => ({
  key: toBase64(key),
  proof: toBase64(proof),
  after: String(after),
});

async function ask<T>(path: string, query: Record<string, string> = {}, init: RequestInit = {}): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const answer = await fetch(`/app/${path}?${new URLSearchParams(query)}`, {
      ...init,
      signal: abort.signal,
    });
    if (!answer.ok) throw new UnreachableError(`${path}: status ${answer.status}`);
    // The box that the page came from: its answers have the shapes that this page was made for.
    return (await answer.json()) as T;
  } catch (cause) {
    throw cause instanceof UnreachableError ? cause : new UnreachableError(`${path}: ${String(cause)}`);
  } finally {
    clearTimeout(timer);
  }
}

const toBlob = (bytes: Uint8Array): Blob => new Blob([bytes.slice()], { type: "application/octet-stream" });
