import { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import type { Membership, Memberships, Role } from "../../identity/index.ts";
import { type Source, UNKNOWN_REPUTATION } from "../admission/index.ts";
import type { Lender, LenderAnswer, LenderCommandAnswer, LenderNews } from "../lending/index.ts";
import {
  type AnswerSeal,
  decodeLeaseAsk,
  type JudgingMembership,
  type LeaseAsk,
  LeaseCommandError,
  type LeaseRequest,
  LeaseRequestError,
  type MembershipProof,
  openSealedAsk,
  openSignedLeaseRequest,
  proofOf,
} from "../request/index.ts";

/** What of a lender requesters reach. */
export type AskedLender = Pick<Lender, "request" | "command" | "events">;

/** What of a membership of this box the desk needs. */
export type DeskMembership = JudgingMembership & Pick<Membership, "publicKey" | "isPutOut">;

/** By what an ask has come, as far as the way itself proves it. */
export interface AskWay {
  /** What requests are counted by: IPv4 or IPv6, or the peer id of who carries it and has no address that means anything here. */
  address: string;
  /** The network whose key has sealed it, or whose connection carries it; undefined: it came to the open counter. */
  membership: DeskMembership | undefined;
  /** What who is at the other end of a connection has proven to be; undefined: who asks must show it with the request. */
  carrier: Role | undefined;
}

/** @property certificates in base64: better ones than those that were shown, for who came by an invite */
export type DeskAnswer = LenderAnswer & { certificates?: string };

export interface LeaseDeskOptions {
  lender: AskedLender;
  /** The networks of this box. */
  memberships: Pick<Memberships, "list">;
  timers: Timers;
  randomBytes: (count: number) => Uint8Array;
}

/** Each of these costs a signature's check, and a request a decision and a line in the journal. */
const LIMITS = { burst: 20, perSecond: 5, totalPerSecond: 100, maxSources: 4_096 };
/** Streams of events that are open at once; the oldest gives way. */
const MOST_STREAMS = 256;
/** So that neither end, nor a NAT between them, takes a silent stream for a dead one. */
const BEAT_MS = 20_000;

/**
 * Where all ways by which a box is asked for machines come together: how much each may ask, who a requester is by what the way
 * and the certificates prove, and how that is told to the lender.
 */
export class LeaseDesk {
  private readonly limiter: SourceLimiter;
  private readonly streams = new Set<() => void>();

  constructor(private readonly options: LeaseDeskOptions) {
    this.limiter = new SourceLimiter(LIMITS, options.timers.monotonicMs());
  }

  /** Whether one more ask is taken now. @param account an address, or who is at the other end of a connection */
  takes(account: string): boolean {
    return this.limiter.takes(account, this.options.timers.monotonicMs());
  }

  /** Opens what a member of a network of this box has sealed; undefined: none has. @throws {LeaseRequestError} */
  open(sealed: Uint8Array): { ask: LeaseAsk; membership: DeskMembership; answers: AnswerSeal } | undefined {
    const { memberships, randomBytes } = this.options;
    for (const membership of memberships.list()) {
      const opened = openSealedAsk(sealed, membership.sharedKeys(), randomBytes);
      if (opened) return { ask: decodeLeaseAsk(opened.ask), membership, answers: opened.answers };
    }
    return undefined;
  }

  /**
   * @param bytes a signed request
   * @param chain the requester's certificates
   */
  async request(bytes: Uint8Array, chain: Uint8Array | undefined, way: AskWay): Promise<DeskAnswer> {
    const { membership } = way;
    // A request for another box, or for this one by its name in another network, is none here.
    const self = membership && Buffer.from(membership.publicKey).toString("hex");
    let request: LeaseRequest;
    try {
      request = openSignedLeaseRequest(bytes, self);
    } catch (error) {
      if (error instanceof LeaseRequestError) return { is: "refused", why: error.message };
      throw error;
    }
    const proof = proven(request.requester, chain, way);
    const answer = await this.options.lender.request(bytes, sourceOf(proof, way), self);
    if (proof?.is === "member" && proof.settled !== undefined)
      return { ...answer, certificates: Buffer.from(proof.settled).toString("base64") };
    if (answer.is === "refused" && proof?.is === "none")
      return { ...answer, why: `${answer.why} You count as a stranger here: ${proof.why}.` };
    return answer;
  }

  /** Who a requester is, by what the way and the certificates prove. @param requester public key, 64 hexadecimal digits */
  source(requester: string, chain: Uint8Array | undefined, way: AskWay): Source {
    return sourceOf(proven(requester, chain, way), way);
  }

  /** @param bytes a signed command. Nothing but its signature counts */
  async command(bytes: Uint8Array): Promise<LenderCommandAnswer> {
    try {
      return await this.options.lender.command(bytes);
    } catch (error) {
      if (!(error instanceof LeaseCommandError)) throw error;
      return { is: "refused", why: error.message, beyond: undefined };
    }
  }

  /**
   * Tells of a lease from now on, and how it stands: a line of JSON each time, and an empty one as a sign of life.
   * @param giveWay called when it is ended for others
   * @returns a function that ends it
   */
  follow(lease: string, say: (line: string) => void, giveWay: () => void): () => void {
    const { lender, timers } = this.options;
    const [oldest] = this.streams;
    if (this.streams.size >= MOST_STREAMS) oldest?.();
    let callOffBeat = () => {};
    let stopListening = () => {};
    const stop = () => {
      this.streams.delete(end);
      callOffBeat();
      stopListening();
    };
    const end = () => {
      stop();
      giveWay();
    };
    const beat = () => {
      say("");
      if (this.streams.has(end)) callOffBeat = timers.after(BEAT_MS, beat);
    };
    this.streams.add(end);
    stopListening = lender.events(lease, (news: LenderNews) => say(JSON.stringify(news)));
    beat();
    return stop;
  }
}

/** A member that carries a request vouches for who asks; not for one who was put out, or shows what does not hold. */
function proven(
  requester: string,
  chain: Uint8Array | undefined,
  { membership, carrier }: AskWay,
): MembershipProof | undefined {
  if (membership === undefined) return undefined;
  if (chain !== undefined) {
    const proof = proofOf(membership, chain, requester);
    return proof.is === "member" && carrier === "operator" ? { ...proof, role: carrier } : proof;
  }
  if (membership.isPutOut(Uint8Array.from(Buffer.from(requester, "hex"))))
    return { is: "none", why: "your key was put out" };
  if (carrier === undefined) return { is: "none", why: "you show no certificates" };
  return { is: "member", role: carrier, settled: undefined };
}

/** An operator of a network that this box has joined is the box's own. */
const sourceOf = (proof: MembershipProof | undefined, { address, membership }: AskWay): Source => ({
  address,
  local: proof?.is === "member" && proof.role === "operator",
  networks: proof?.is === "member" && membership ? [membership.id] : [],
  reputation: UNKNOWN_REPUTATION,
});
