import type { Clock } from "../host/clock.ts";
import { Admitting } from "./admitting.ts";
import { keptPeers, readPeers } from "./bootstrap-peers.ts";
import { CertificateError, type Chain, encodeChain } from "./certificate.ts";
import { entriesOf, isSameKey, keysOf, keyText } from "./chain-check.ts";
import { because, chainProblem, memberOf } from "./chain-judgement.ts";
import { CheckedMembers } from "./checked-members.ts";
import { Credentials, type MembershipStore } from "./credentials.ts";
import { expectCredible } from "./founders-clock.ts";
import { standsOn } from "./hearing.ts";
import { heldSharedKeys, withSharedKey } from "./held-shared-keys.ts";
import { type BootstrapPeer, encodeInviteLink, type Invite, InviteError } from "./invite-link.ts";
import { inviteList, type KnownInvite, keptInvites, type MadeInvite, madeInvite } from "./invite-list.ts";
import {
  type Admitted,
  admitChain,
  type InviteRequest,
  inviteChain,
  joinChain,
  mayCertify,
} from "./issuing.ts";
import { KeptStatements } from "./kept-statements.ts";
import type { Member, Passport, Role } from "./member.ts";
import { type MembershipData, toBytes, toText } from "./membership-document.ts";
import { networkId } from "./network-id.ts";
import { OpenedChains } from "./opened-chains.ts";
import { KEY_BYTES, type SigningKey, signingKey } from "./signing-key.ts";
import {
  type Fact,
  MAX_EPOCH,
  type RevocationKind,
  type SharedKey,
  type Signer,
  StatementError,
  signStatement,
} from "./statement.ts";

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
 * This box's membership in one network: its key and certificates there, who else is a member, and the statements that make
 * it so.
 */
export class Membership implements Passport {
  readonly id: string;
  readonly networkKey: Uint8Array;
  private readonly credentials: Credentials;
  private readonly kept: KeptStatements;
  private readonly admitting: Admitting;
  private readonly checked = new CheckedMembers();
  private readonly opened: OpenedChains;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly store: MembershipStore,
    private readonly tools: MembershipTools,
  ) {
    this.networkKey = toBytes(store.data.networkKey);
    this.id = networkId(this.networkKey);
    this.opened = new OpenedChains(this.networkKey);
    this.credentials = new Credentials(store, this.networkKey);
    this.kept = new KeptStatements({
      network: this.networkKey,
      store,
      clock: tools.clock,
      self: () => this.publicKey,
      changed: () => this.tell(),
    });
    this.admitting = new Admitting(this.networkKey, this.credentials, this.kept, () => this.problem);
  }

  /**
   * Reads what was kept. That this box's certificates have expired, or were revoked, is no error but its `problem`.
   * @throws {CertificateError} when they are none, or somebody else's
   */
  open(): this {
    this.credentials.check();
    this.kept.read((error) =>
      this.tools.told(`network ${this.name}: a kept statement is left out: ${String(error)}`),
    );
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

  /** One that was checked and still is a member; undefined for everybody else. */
  knownMember(publicKey: Uint8Array): Member | undefined {
    const chain = this.isStillMember(publicKey) ? this.checked.get(publicKey) : undefined;
    return chain && memberOf(chain);
  }

  /** Whether somebody's own key was put out, checked or not. Of who came by an invite that was, only the chain tells. */
  isPutOut(publicKey: Uint8Array): boolean {
    return this.kept.standing.out.has(keyText(publicKey));
  }

  proofAgainst(chain: Uint8Array): Uint8Array | undefined {
    const revoked = standsOn(this.opened.open(chain), this.kept.standing.out);
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
    const chain = inviteChain(this.credentials.issuer, key.publicKey, request, this.kept.nowS());
    const [sharedKey] = this.keysByEpoch();
    if (sharedKey === undefined) throw new InviteError("sharedKey", "is not known");
    const parts = { networkName: this.name, sharedKey, key, chain, peers: request.peers };
    const link = encodeInviteLink(parts, this.credentials.issuer.key);
    this.rememberInvites([madeInvite(chain[0]), ...this.madeInvites()]);
    return link;
  }

  /**
   * Certifies somebody who shows their key to this very box.
   * @param publicKey theirs, 32 bytes
   * @returns their certificates, encoded
   * @throws {InviteError} naming what this box may not give, or what is too long
   */
  admit(publicKey: Uint8Array, admitted: Admitted): Uint8Array {
    if (!this.mayIssue) throw new InviteError("role", `this box may not admit${because(this.problem)}`);
    return encodeChain(admitChain(this.credentials.issuer, publicKey, admitted, this.kept.nowS()));
  }

  /**
   * Certifies somebody who shows an invite to this network, as they could by themselves.
   * @throws {InviteError} where it is no invite to this network, or holds no longer
   * @throws {CertificateError} where it has been revoked
   */
  admitBy(invite: Invite, publicKey: Uint8Array, name: string): Uint8Array {
    if (!isSameKey(invite.networkKey, this.networkKey))
      throw new InviteError("link", "is an invite to another network");
    const chain = joinChain(invite, publicKey, name, this.kept.nowS());
    const problem = this.problemOf(chain);
    if (problem !== undefined) throw new InviteError("link", problem);
    return encodeChain(chain);
  }

  /** The invites that this box has made, first those that hold, and those by which others are known to have come. */
  invites(): KnownInvite[] {
    return inviteList(this.madeInvites(), this.kept.book.admitted(), this.kept.standing, this.kept.nowS());
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
    const opened = this.opened.open(chain);
    const entry = entriesOf(opened).find(({ subject }) => isSameKey(subject, opened[0].subject));
    if (entry === undefined || entry.single || this.kept.standing.closed.has(keyText(entry.invite))) {
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
    return this.admitting.note(this.checkedChain(chain));
  }

  /**
   * Certifies a member that came by an invite anew, so that its membership does not end with the invite.
   * @param chain what it has shown; `noteAdmission` has been told of it
   * @returns the chain for it to `take`, or undefined where this box can give it nothing better
   * @throws {CertificateError} when it is no member
   */
  settle(chain: Uint8Array): Uint8Array | undefined {
    const opened = this.checkedChain(chain);
    const settled = this.mayIssue ? this.admitting.settled(opened) : undefined;
    return settled === undefined ? undefined : encodeChain(settled);
  }

  /**
   * Takes certificates that a box has made for this one, if they are no less than those it has.
   * @throws {CertificateError} when they are not this box's, or do not hold
   */
  take(chain: Uint8Array): boolean {
    const opened = this.opened.open(chain);
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
    const isOut = ({ publicKey }: SigningKey) => this.kept.standing.out.has(keyText(publicKey));
    const { key, generation } = this.credentials.nextKey(keyOf, isOut);
    this.rememberSharedKey(invite.sharedKey.epoch, toText(invite.sharedKey.key));
    this.rememberPeers(invite.peers);
    const chain = joinChain(invite, key.publicKey, name, this.kept.nowS());
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
    this.kept.takeAll(other.statements.map(toBytes));
    for (const { epoch, key } of [...other.olderSharedKeys, other.sharedKey])
      this.rememberSharedKey(epoch, key);
    this.rememberPeers([...this.peers(), ...readPeers(other.peers)]);
    this.rememberInvites([...this.madeInvites(), ...readInvites(other.invites)]);
    this.store.update((data) => {
      data.networkSeed ??= other.networkSeed;
    });
    const chain = this.opened.open(toBytes(other.chain));
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
    return this.kept.book.all().map(({ bytes }) => Uint8Array.from(bytes));
  }

  /**
   * Takes in what another has told. The order doesn't matter, nor how often.
   * @returns "known" also for what there is no room or no time for, and for statements of those whom the network's own key
   *   has put out
   * @throws {StatementError}
   */
  accept(statement: Uint8Array): "new" | "known" {
    return this.kept.hear(statement);
  }

  /**
   * Writes what is not yet on the medium; to be called every few seconds, and before the box stops. What others tell is
   * written by this, but for what the network's own key says: else one of them could wear out the medium.
   */
  flush(): void {
    this.kept.flush();
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
    const kept = keptInvites(invites, this.kept.nowS());
    this.store.update((data) => {
      data.invites = kept.map((one) => ({ ...one, key: toText(one.key) }));
    });
  }

  private get mayIssue(): boolean {
    return this.isFounder || this.problem === undefined;
  }

  /** @throws {CertificateError} */
  private checkedChain(bytes: Uint8Array, publicKey?: Uint8Array): Chain {
    const chain = this.opened.open(bytes);
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
    return chainProblem(chain, this.kept.standing, this.kept.nowS());
  }

  private keysByEpoch(): Omit<SharedKey, "what">[] {
    return heldSharedKeys(this.store.data, this.kept.standing.sharedKeys);
  }

  private rememberSharedKey(epoch: number, key: string): void {
    const next = withSharedKey(this.store.data, { epoch, key });
    if (next === undefined) return;
    this.store.update((data) => Object.assign(data, next));
    this.tell();
  }

  private replaceBy(chain: Chain): boolean {
    if (!this.credentials.improveBy(chain, this.problem === undefined)) return false;
    this.tell();
    return true;
  }

  /** @throws {StatementError} where the clock is not to be believed, or there is no room for the statement */
  private state(fact: Fact, signer: Signer): Uint8Array {
    const nowS = this.kept.nowS();
    if (signer.chain.length === 0) expectCredible(nowS, this.kept.standing.floorS);
    const bytes = signStatement(this.networkKey, fact, nowS, signer);
    if (this.kept.take(bytes) === "known" && !this.kept.book.has(bytes)) {
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

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

const readInvites = (invites: MembershipData["invites"]): MadeInvite[] =>
  invites.map((one) => ({ ...one, key: toBytes(one.key) }));
