import type { Logger } from "../host/log.ts";
import {
  type AnswerSeal,
  encodeLeaseAsk,
  type LeaseAsk,
  type SealedAsk,
  sealLeaseAsk,
} from "../vm/request/index.ts";
import { boundedBody, followLines } from "./followed-lines.ts";
import { LeaseAnswerError, readAnswer, readBoxKey, readCommandAnswer, readNews } from "./lease-answers.ts";
import type { CommandAnswer, LeaseAnswer, LeaseTransport, ProviderNews } from "./lease-transport.ts";

/** What a requester shows to the boxes of one network, as its membership has it. */
export interface LeasePassport {
  /** The newest first. */
  sharedKeys(): readonly Uint8Array[];
  chain(): Uint8Array;
  /** Certificates that a box has made for it. @throws when they do not hold */
  take(chain: Uint8Array): boolean;
}

export interface LeaseSealedOptions {
  /** Where the box is asked, as `LeaseHttp.base` has it. */
  base: URL;
  passport: LeasePassport;
  randomBytes: (count: number) => Uint8Array;
  log: Logger;
}

const TIMEOUT_MS = 15_000;

/**
 * The way of a network's member to a box of that network whose address is known: what is said and what is answered is sealed
 * with the network's shared key, so that nobody between learns which network it is, or can answer in the box's place.
 */
export class LeaseSealed implements LeaseTransport {
  constructor(private readonly options: LeaseSealedOptions) {}

  get base(): URL {
    return this.options.base;
  }

  async request(bytes: Uint8Array): Promise<LeaseAnswer> {
    const { passport, log } = this.options;
    const said = await this.ask({ kind: "request", bytes, chain: passport.chain() });
    if (said === undefined) return { is: "refused", why: "The box is in another network, or in none." };
    const { answer, certificates } = readAnswer(said);
    try {
      if (certificates !== undefined) passport.take(certificates);
    } catch (error) {
      log.warn({ error }, "a box has sent certificates that do not hold");
    }
    return answer;
  }

  async command(bytes: Uint8Array): Promise<CommandAnswer> {
    const said = await this.ask({ kind: "command", bytes });
    if (said === undefined) throw new LeaseAnswerError("the box is not in this network any more");
    return readCommandAnswer(said);
  }

  events(lease: string, told: (news: ProviderNews) => void): () => void {
    let answers: AnswerSeal | undefined;
    return followLines({
      open: async (signal) => {
        const opened = await this.post({ kind: "events", lease }, signal);
        if (opened?.response.body == null) throw new LeaseAnswerError("the box is not in this network");
        answers = opened.answers;
        return opened.response.body;
      },
      line: (text) => {
        const news = readNews(unsealed(Buffer.from(text, "base64"), answers));
        if (news) told(news);
      },
      what: `news of lease ${lease}`,
      log: this.options.log,
    });
  }

  /**
   * Offers a saved machine.
   * @param bytes as `signCheckpointAsk` makes them
   * @returns what the box answers, JSON as by the open way
   */
  async offer(bytes: Uint8Array): Promise<string> {
    const said = await this.ask({ kind: "offer", bytes, chain: this.options.passport.chain() });
    if (said === undefined) throw new LeaseAnswerError("the box is not in this network");
    return said;
  }

  /**
   * Which box it is, so that a request can be for it alone, whoever records it and shows it to others.
   * @returns its Ed25519 key in the network, 64 hexadecimal digits; undefined: it is not in this network
   * @throws when it does not answer
   */
  async box(): Promise<string | undefined> {
    const said = await this.ask({ kind: "who" });
    return said === undefined ? undefined : readBoxKey(said);
  }

  private async ask(ask: LeaseAsk): Promise<string | undefined> {
    const opened = await this.post(ask, AbortSignal.timeout(TIMEOUT_MS));
    return opened && unsealed(await boundedBody(opened.response), opened.answers);
  }

  /** By the newest shared key that the box knows. @returns undefined when it knows none of them */
  private async post(
    ask: LeaseAsk,
    signal: AbortSignal,
  ): Promise<{ response: Response; answers: AnswerSeal } | undefined> {
    const { passport, randomBytes } = this.options;
    const encoded = encodeLeaseAsk(ask);
    for (const key of passport.sharedKeys()) {
      const { sealed, answers } = sealLeaseAsk(encoded, key, randomBytes);
      const response = await this.send(sealed, signal);
      if (response.ok) return { response, answers };
      const why = new TextDecoder().decode(await boundedBody(response)).slice(0, 200);
      if (response.status !== 403) throw new LeaseAnswerError(`the box answers ${response.status}: ${why}`);
    }
    return undefined;
  }

  private send(sealed: SealedAsk["sealed"], signal: AbortSignal): Promise<Response> {
    return fetch(new URL("v1/sealed", this.options.base), {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: Uint8Array.from(sealed),
      redirect: "error",
      signal,
    });
  }
}

/** @throws {LeaseAnswerError} when nobody of the network has sealed it as the next answer to this very ask */
function unsealed(bytes: Uint8Array, answers: AnswerSeal | undefined): string {
  const piece = answers?.open(Uint8Array.from(bytes));
  if (piece === undefined)
    throw new LeaseAnswerError("the answer is none that a member of the network has sealed");
  return new TextDecoder().decode(piece);
}
