import type { Clock } from "../host/clock.ts";
import { AdmissionRate } from "./admission-rate.ts";
import { keptPeers, readPeers } from "./bootstrap-peers.ts";
import { CertificateError, type Chain, encodeChain } from "./certificate.ts";
import { entriesOf, hasExpired, isSameKey, keysOf, keyText, openChain } from "./chain-check.ts";
import { CheckedMembers } from "./checked-members.ts";
import { Credentials, type MembershipStore } from "./credentials.ts";
import { type Seen, standsOn } from "./hearing.ts";
import { type BootstrapPeer, encodeInviteLink, type Invite, InviteError } from "./invite-link.ts";
import { inviteList, type KnownInvite, keptInvites, type MadeInvite, madeInvite } from "./invite-list.ts";
import {
  type InviteRequest,
  inviteChain,
  isNoLess,
  isSameButForTime,
  joinChain,
  mayCertify,
  settledChain,
} from "./issuing.ts";
import type { Member, Passport, Role } from "./member.ts";
import { type MembershipData, toBytes, toText } from "./membership-document.ts";
import { networkId } from "./network-id.ts";
import { KEY_BYTES, type SigningKey, signingKey } from "./signing-key.ts";
import { entryProblem, type Standing } from "./standing.ts";
import {
  type Fact,
  looksLikeAdmission,
  MAX_EPOCH,
  type RevocationKind,
  type SharedKey,
  type Signer,
  StatementError,
  signStatement,
} from "./statement.ts";
import { StatementBook } from "./statement-book.ts";

/** This box may not do that in this network. */
export class NotAllowedError extends Error {
  override readonly name = "NotAllowedError";
}

export interface MembershipTools {
  clock: Clock;
  /** Bytes that nobody can guess. */
  random(bytes: number): Uint8Array;
  /** Of what an operator should know. */
  told(message: string): void;
}

/**
 * How many shared keys of statements hold at a time, the present one and two before it, and as many that came by invites: who
 * was away while an operator was put out, with the keys that it made, finds the others by one of them.
 */
const MAX_SHARED_KEYS = 3;
/** The day before which no box with this program can have run, in seconds since 1970: 2026-07-01. */
const BUILT_S = 1_782_864_000;
/** How far beyond what it knows for certain a founder's clock is believed: 5 years. */
const MAX_LEAP_S = 5 * 366 * 86_400;
/** Who has an invite for many could fill the others' memory with names of its own making. */
const MAX_ADMISSIONS_AN_INVITE = 500;
/** What others tell comes in numbers, and comes again: it need not be on the medium at once. */
const LAZY_WRITE_MS = 5_000;

/**
 * This box's membership in one network: its key and certificates there, who else is a member, and the statements that make
 * it so.
 */
export class Membership implements Passport {
  readonly id: string;
  readonly networkKey: Uint8Array;
  private readonly credentials: Credentials;
  private readonly book: StatementBook;
  private readonly admissionRate: AdmissionRate;
  private readonly checked = new CheckedMembers();
  private readonly listeners = new Set<() => void>();
  private isDirty = false;
  private writtenMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: MembershipStore,
    private readonly tools: MembershipTools,
  ) {
    this.networkKey = toBytes(store.data.networkKey);
    this.id = networkId(this.networkKey);
    this.credentials = new Credentials(store, this.networkKey);
    const monotonicMs = () => tools.clock.monotonicMs();
    this.book = new StatementBook(this.networkKey, monotonicMs);
    this.admissionRate = new AdmissionRate(monotonicMs);
  }

  /**
   * Reads what was kept. That this box's certificates have expired, or were revoked, is no error but its `problem`.
   * @throws {CertificateError} when they are none, or somebody else's
   */
  open(): this {
    this.credentials.check();
    for (const statement of this.store.data.statements) {
      try {
        this.book.accept(toBytes(statement));
      } catch (error) {
        this.tools.told(`network ${this.name}: a kept statement is left out: ${String(error)}`);
      }
    }
    return this;
  }

  get name(): string {
    return this.store.data.name;
  }

  /** Changes only where this box was put out and has joined anew. */
  get seed(): Uint8Array {
    return this.credentials.key.seed;
  }

  get publicKey(): Uint8Array {
    return this.credentials.key.publicKey;
  }

  /** This box as the others see it. */
  get self(): Member {
    return memberOf(this.credentials.chain);
  }

  /** Why the others refuse this box (revoked, expired), or undefined. */
  get problem(): string | undefined {
    return this.problemOf(this.credentials.chain);
  }

  /** Whether this box holds the network's own key. */
  get isFounder(): boolean {
    return this.store.data.networkSeed !== null;
  }

  /** Roles that this box may invite as. */
  get invitable(): readonly Role[] {
    return this.mayIssue ? mayCertify(this.credentials.issuer, 2) : [];
  }

  get canInvite(): boolean {
    return this.invitable.length > 0;
  }

  get canRevoke(): boolean {
    return this.isFounder || (this.self.role === "operator" && this.problem === undefined);
  }

  /** Whether its certificate outlasts the invite that it came by; otherwise a box that may certify can `settle` it. */
  get isSettled(): boolean {
    return this.credentials.chain[1]?.role !== "invite";
  }

  chain(): Uint8Array {
    return encodeChain(this.credentials.chain);
  }

  check(chain: Uint8Array, publicKey: Uint8Array): Member {
    return memberOf(this.checkedChain(chain, publicKey));
  }

  isStillMember(publicKey: Uint8Array): boolean {
    const chain = this.checked.get(publicKey);
    return chain !== undefined && this.problemOf(chain) === undefined;
  }

  proofAgainst(chain: Uint8Array): Uint8Array | undefined {
    const revoked = standsOn(openChain(chain, this.networkKey), this.standing.out);
    return revoked && Uint8Array.from(revoked.bytes);
  }

  sharedKeys(): readonly Uint8Array[] {
    return this.keysByEpoch().map(({ key }) => Uint8Array.from(key));
  }

  /**
   * Makes an invite with a fresh key, which is in the link and nowhere else.
   * @throws {InviteError} naming what this box may not give, or what is too long
   */
  invite(request: InviteRequest): string {
    if (!this.mayIssue) throw new InviteError("role", `this box may not invite${because(this.problem)}`);
    const key = signingKey(this.tools.random(KEY_BYTES));
    const chain = inviteChain(this.credentials.issuer, key.publicKey, request, this.nowS());
    const [sharedKey] = this.keysByEpoch();
    if (sharedKey === undefined) throw new InviteError("sharedKey", "is not known");
    const parts = { networkName: this.name, sharedKey, key, chain, peers: request.peers };
    const link = encodeInviteLink(parts, this.credentials.issuer.key);
    this.rememberInvites([madeInvite(chain[0]), ...this.madeInvites()]);
    return link;
  }

  /** The invites that this box has made, first those that hold, and those by which others are known to have come. */
  invites(): KnownInvite[] {
    return inviteList(this.madeInvites(), this.book.admitted(), this.standing, this.nowS());
  }

  /** Whether this box's own certificates stand on a key: putting that out would put out this box as well. */
  standsOn(key: Uint8Array): boolean {
    return keysOf(this.credentials.chain).some((own) => isSameKey(own, key));
  }

  /**
   * Puts somebody out, or an invite with all who came by it and whom these have let in; or closes an invite.
   * @returns the statement, which is accepted here and to be told to the others
   * @throws {NotAllowedError}
   * @throws {StatementError} where the key is none, the words are too long, there is no room for it, or this is the founder's
   *   box and its clock is not to be believed
   */
  revoke(publicKey: Uint8Array, kind: RevocationKind, why = ""): Uint8Array {
    return this.state({ what: "revocation", key: publicKey, kind, why }, this.authority());
  }

  /**
   * Closes the invite by which a member came, where others, or the same box with another key, could come by it still.
   * Whoever was seen to come stays.
   * @param chain the member's
   * @returns the statement, as `revoke` does; undefined where there is nothing to be closed
   * @throws {NotAllowedError}
   * @throws {CertificateError} when the chain is none of this network
   */
  closeInviteOf(chain: Uint8Array): Uint8Array | undefined {
    const opened = openChain(chain, this.networkKey);
    const entry = entriesOf(opened).find(({ subject }) => isSameKey(subject, opened[0].subject));
    if (entry === undefined || entry.single || this.standing.closed.has(keyText(entry.invite))) {
      return undefined;
    }
    return this.revoke(entry.invite, "no-more");
  }

  /**
   * Makes a new shared key; the two before it still hold.
   * @returns the statement, which is accepted here and to be told to the others
   * @throws {NotAllowedError}
   */
  rotate(): Uint8Array {
    const signer = this.authority();
    const epoch = (this.keysByEpoch()[0]?.epoch ?? 0) + 1;
    if (epoch > MAX_EPOCH) throw new NotAllowedError("the epochs are used up: put out who has used them up");
    return this.state({ what: "shared-key", epoch, key: this.tools.random(KEY_BYTES) }, signer);
  }

  /**
   * To be told of every member that was met, by the chain that it has shown. Whoever came by an invite is written down once:
   * of two who use an invite for one the first counts, closing an invite leaves in who was there before, and only who was
   * seen to come is heard.
   * @returns a new statement, accepted here and to be told to the others
   * @throws {CertificateError} when it is no member
   */
  noteAdmission(chain: Uint8Array): Uint8Array | undefined {
    const opened = this.checkedChain(chain);
    const [certificate, invite] = opened;
    if (invite?.role !== "invite" || !this.mayAdmitBy(invite.subject)) return undefined;
    const heard = this.standing.admitted.get(keyText(invite.subject))?.size ?? 0;
    const seen = this.seenToCome(opened);
    // Of two who come by an invite for one those count first who were seen nearer to the network's key.
    const isNearer = invite.uses === 1 && seen !== undefined && seen.distance > this.credentials.chain.length;
    if (this.hasNoted(opened) || (seen !== undefined && !isNearer)) return undefined;
    if (heard >= MAX_ADMISSIONS_AN_INVITE) return undefined;
    const fact: Fact = { what: "admission", invite: invite.subject, certificate };
    const admission = signStatement(this.networkKey, fact, this.nowS(), this.credentials.member);
    if (this.takeIn(admission) === "known") return undefined;
    if (invite.uses === 1) {
      // Nobody else may be let in by it meanwhile, nor after a power cut.
      this.book.countNow();
      this.flush();
    }
    return admission;
  }

  /**
   * Certifies a member that came by an invite anew, so that its membership does not end with the invite.
   * @param chain what it has shown; `noteAdmission` has been told of it
   * @returns the chain for it to `take`, or undefined where this box can give it nothing better
   * @throws {CertificateError} when it is no member
   */
  settle(chain: Uint8Array): Uint8Array | undefined {
    const opened = this.checkedChain(chain);
    if (!this.mayIssue || !this.hasCome(opened)) return undefined;
    const settled = settledChain(this.credentials.issuer, opened, this.nowS());
    return settled === undefined ? undefined : encodeChain(settled);
  }

  /**
   * Takes certificates that a box has made for this one, if they are no less than those it has.
   * @throws {CertificateError} when they are not this box's, or do not hold
   */
  take(chain: Uint8Array): boolean {
    const opened = openChain(chain, this.networkKey);
    if (!isSameKey(opened[0].subject, this.publicKey)) {
      throw new CertificateError("chain.0.subject", "is not this box");
    }
    const problem = this.problemOf(opened);
    if (problem !== undefined) throw new CertificateError("chain", problem);
    return this.replaceBy(opened);
  }

  /**
   * Joins the network once more by another invite: takes its certificates where they are no less than the present ones, or
   * these no longer hold; its shared key and its boxes in any case.
   * @param keyOf this device's keys in the network: the next that was not put out is used
   * @returns whether the certificates were taken
   */
  rejoin(invite: Invite, name: string, keyOf: (generation: number) => SigningKey): boolean {
    const { key, generation } = this.nextKey(keyOf);
    this.rememberSharedKey(invite.sharedKey.epoch, toText(invite.sharedKey.key));
    this.rememberPeers(invite.peers);
    const chain = joinChain(invite, key.publicKey, name, this.nowS());
    if (this.problemOf(chain) !== undefined) return false;
    if (isSameKey(key.publicKey, this.publicKey)) return this.replaceBy(chain);
    this.credentials.replace(chain, key, generation);
    this.tell();
    return true;
  }

  /**
   * Takes in what an export knows of the same network and this box does not: the network's own key, statements, shared key,
   * peers; the export's key and certificates where this box's no longer hold.
   */
  merge(other: MembershipData): void {
    this.acceptAll(other.statements.map(toBytes));
    for (const { epoch, key } of [...other.olderSharedKeys, other.sharedKey])
      this.rememberSharedKey(epoch, key);
    this.rememberPeers([...this.peers(), ...readPeers(other.peers)]);
    this.rememberInvites([...this.madeInvites(), ...readInvites(other.invites)]);
    this.store.update((data) => {
      data.networkSeed ??= other.networkSeed;
    });
    const chain = openChain(toBytes(other.chain), this.networkKey);
    if (isSameKey(chain[0].subject, this.publicKey)) this.replaceBy(chain);
    else if (this.problem !== undefined && this.problemOf(chain) === undefined) {
      this.credentials.replace(chain, signingKey(toBytes(other.memberSeed)), other.generation);
    }
    this.tell();
  }

  /** Everything that is kept of it, secrets included: for an export. */
  data(): MembershipData {
    this.flush();
    return structuredClone(this.store.data);
  }

  /** Encoded, in the order in which they are best told: who takes them one by one expels nobody on the way. */
  statements(): Uint8Array[] {
    return this.book.all().map(({ bytes }) => Uint8Array.from(bytes));
  }

  /**
   * Takes in what another has told. The order doesn't matter, nor how often.
   * @returns "known" also for what there is no room or no time for, and for statements of those whom the network's own key
   *   has put out
   * @throws {StatementError}
   */
  accept(statement: Uint8Array): "new" | "known" {
    if (looksLikeAdmission(statement)) {
      if (this.book.has(statement) || !this.admissionRate.take()) return "known";
    }
    return this.takeIn(statement);
  }

  private takeIn(statement: Uint8Array): "new" | "known" {
    const accepted = this.book.accept(statement);
    if (accepted === undefined) return "known";
    const isUrgent =
      accepted.what !== "admission" &&
      (accepted.chain.length === 0 || isSameKey(accepted.signer, this.publicKey));
    this.accepted(isUrgent);
    return "new";
  }

  /**
   * Takes in many at once, with one write and one change.
   * @returns those that were new, and what was wrong with others
   */
  acceptAll(statements: readonly Uint8Array[]): { news: Uint8Array[]; errors: StatementError[] } {
    const errors: StatementError[] = [];
    let isUrgent = false;
    const news = statements.filter((statement) => {
      try {
        const accepted = this.book.accept(statement);
        isUrgent ||= accepted?.what === "revocation" && accepted.chain.length === 0;
        return accepted !== undefined;
      } catch (error) {
        if (!(error instanceof StatementError)) throw error;
        errors.push(error);
        return false;
      }
    });
    if (news.length > 0) this.accepted(isUrgent);
    return { news, errors };
  }

  /**
   * Writes what is not yet on the medium; to be called every few seconds, and before the box stops. What others tell is
   * written by this, but for what the network's own key says: else one of them could wear out the medium.
   */
  flush(): void {
    if (!this.isDirty) return;
    this.isDirty = false;
    this.writtenMs = this.tools.clock.monotonicMs();
    this.store.update((data) => {
      data.statements = this.book.all().map(({ bytes }) => toText(bytes));
    });
  }

  /** Called after every change of members, shared keys or this box's own certificates. @returns a function that ends it */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Boxes that were found before, the last one first: to begin with after a restart. */
  peers(): BootstrapPeer[] {
    return readPeers(this.store.data.peers);
  }

  /** @param peers where members were just reached, the best one first; at most 32 are remembered, 8 addresses each */
  rememberPeers(peers: readonly BootstrapPeer[]): void {
    const next = keptPeers([...peers, ...this.peers()], this.publicKey);
    if (JSON.stringify(next) === JSON.stringify(this.store.data.peers)) return;
    this.store.update((data) => {
      data.peers = next;
    });
  }

  private madeInvites(): MadeInvite[] {
    return readInvites(this.store.data.invites);
  }

  private rememberInvites(invites: readonly MadeInvite[]): void {
    const kept = keptInvites(invites, this.nowS());
    this.store.update((data) => {
      data.invites = kept.map((one) => ({ ...one, key: toText(one.key) }));
    });
  }

  private get mayIssue(): boolean {
    return this.isFounder || this.problem === undefined;
  }

  /** What the wall clock says, unless the network has proof that it is later: a Pi begins at some day in the past. */
  private nowS(): number {
    return Math.max(this.wallS(), this.standing.floorS);
  }

  private wallS(): number {
    return Math.max(0, Math.floor(this.tools.clock.wallMs() / 1_000));
  }

  private get standing(): Standing {
    return this.book.standingAt(this.wallS());
  }

  /** @throws {CertificateError} */
  private checkedChain(bytes: Uint8Array, publicKey?: Uint8Array): Chain {
    const chain = openChain(bytes, this.networkKey);
    if (publicKey !== undefined && !isSameKey(chain[0].subject, publicKey)) {
      throw new CertificateError("chain.0.subject", "is somebody else");
    }
    memberOf(chain);
    const problem = this.problemOf(chain);
    if (problem !== undefined) throw new CertificateError("chain", problem);
    this.checked.add(chain);
    return chain;
  }

  private problemOf(chain: Chain): string | undefined {
    const { standing } = this;
    const revoked = standsOn(chain, standing.out);
    if (revoked !== undefined) return `revoked${because(revoked.why)}`;
    // Attenuation sees to it that nothing in a chain ends before its leaf.
    if (hasExpired(chain[0], this.nowS())) {
      return `expired at ${new Date(chain[0].expiresAt * 1_000).toISOString()}`;
    }
    for (const entry of entriesOf(chain)) {
      const problem = entryProblem(entry, standing);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** Whether somebody who is heard, or this box, has seen a chain's leaf come by its invite. */
  private hasCome(chain: Chain): boolean {
    return this.seenToCome(chain) !== undefined || this.hasNoted(chain);
  }

  private hasNoted([{ subject: who }, invite]: Chain): boolean {
    const noted = invite === undefined ? [] : this.book.admissionsOf(invite.subject);
    return noted.some(
      ({ certificate: { subject }, signer }) => isSameKey(subject, who) && isSameKey(signer, this.publicKey),
    );
  }

  private seenToCome([{ subject }, invite]: Chain): Seen | undefined {
    if (invite?.role !== "invite") return undefined;
    return this.standing.admitted.get(keyText(invite.subject))?.get(keyText(subject));
  }

  private mayAdmitBy(invite: Uint8Array): boolean {
    const { role } = this.self;
    const isOwnToo = entriesOf(this.credentials.chain).some((entry) => isSameKey(entry.invite, invite));
    return (role === "box" || role === "operator") && !isOwnToo && this.problem === undefined;
  }

  private nextKey(keyOf: (generation: number) => SigningKey): { key: SigningKey; generation: number } {
    let { generation } = this.store.data;
    let { key } = this.credentials;
    while (this.standing.out.has(keyText(key.publicKey))) {
      generation += 1;
      key = keyOf(generation);
    }
    return { key, generation };
  }

  private keysByEpoch(): Omit<SharedKey, "what">[] {
    const { sharedKey, olderSharedKeys } = this.store.data;
    const stated = distinct(this.standing.sharedKeys).slice(0, MAX_SHARED_KEYS);
    // The founder's own key has stated its first one.
    const came = this.isFounder && stated.length > 0 ? [] : [sharedKey, ...olderSharedKeys];
    const read = came.map(({ epoch, key }) => ({ epoch, key: toBytes(key) }));
    return distinct([...stated, ...read]).sort((a, b) => b.epoch - a.epoch);
  }

  private rememberSharedKey(epoch: number, key: string): void {
    const { sharedKey, olderSharedKeys } = this.store.data;
    if (this.isFounder || sharedKey.key === key) return;
    const before = [sharedKey, ...olderSharedKeys].filter((known) => known.key !== key);
    this.store.update((data) => {
      data.sharedKey = { epoch, key };
      data.olderSharedKeys = before.slice(0, MAX_SHARED_KEYS - 1);
    });
    this.tell();
  }

  private replaceBy(chain: Chain): boolean {
    const present = this.credentials.chain;
    const isBetter =
      this.problem !== undefined || (isNoLess(chain, present) && !isSameButForTime(chain, present));
    if (!isBetter || toText(encodeChain(chain)) === this.store.data.chain) return false;
    this.credentials.replace(chain);
    this.tell();
    return true;
  }

  /**
   * What the network's own key signs moves every box's time on, for good: with a clock far ahead of all that is known this
   * box doesn't sign by it.
   * @throws {StatementError} where the clock is not to be believed, or there is no room for the statement
   */
  private state(fact: Fact, signer: Signer): Uint8Array {
    const nowS = this.nowS();
    const knownS = Math.max(BUILT_S, this.standing.floorS);
    if (signer.chain.length === 0 && nowS > knownS + MAX_LEAP_S) {
      const [clock, known] = [nowS, knownS].map((at) => new Date(at * 1_000).toISOString());
      throw new StatementError(
        "statement.issuedAt",
        `this box's clock says ${clock}, more than five years after ${known}, the last time that is certain; set the clock, or update the box's program`,
      );
    }
    const bytes = signStatement(this.networkKey, fact, nowS, signer);
    if (this.takeIn(bytes) === "known" && !this.book.has(bytes)) {
      throw new StatementError("statement", "there is no room for it: this network has too many of its kind");
    }
    return bytes;
  }

  /** @throws {NotAllowedError} */
  private authority(): Signer {
    const { founderKey, member } = this.credentials;
    if (founderKey !== undefined) return { key: founderKey, chain: new Uint8Array(0) };
    if (this.canRevoke) return member;
    throw new NotAllowedError(
      `only the network's founder and its operators may do that; this box is a ${this.self.role} there${because(this.problem)}`,
    );
  }

  private accepted(isUrgent: boolean): void {
    this.isDirty = true;
    if (isUrgent || this.tools.clock.monotonicMs() - this.writtenMs >= LAZY_WRITE_MS) this.flush();
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

const because = (why: string | undefined): string => (why === undefined || why === "" ? "" : `: ${why}`);

const readInvites = (invites: MembershipData["invites"]): MadeInvite[] =>
  invites.map((one) => ({ ...one, key: toBytes(one.key) }));

function distinct(keys: readonly Omit<SharedKey, "what">[]): Omit<SharedKey, "what">[] {
  const kept = new Map<string, Omit<SharedKey, "what">>();
  for (const known of keys) if (!kept.has(keyText(known.key))) kept.set(keyText(known.key), known);
  return [...kept.values()];
}

/** @throws {CertificateError} when the chain is an invite's */
function memberOf([{ subject, role, name, grants, expiresAt }]: Chain): Member {
  if (role === "invite") throw new CertificateError("chain.0.role", "an invite is no member");
  return { publicKey: subject, role, name, grants, expiresAt };
}
