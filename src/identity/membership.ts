import type { Clock } from "../host/clock.ts";
import { CertificateError, type Chain, encodeChain } from "./certificate.ts";
import { entriesOf, hasExpired, isSameKey, keyText, openChain } from "./chain-check.ts";
import {
  type BootstrapPeer,
  encodeInviteLink,
  type Invite,
  InviteError,
  MAX_PEER_ADDRESSES,
} from "./invite-link.ts";
import { type Issuer, inviteChain, isNoLess, joinChain, mayCertify, settledChain } from "./issuing.ts";
import type { Member, Passport, Role } from "./member.ts";
import { type MembershipData, toBytes, toText } from "./membership-document.ts";
import { networkId } from "./network-id.ts";
import { KEY_BYTES, type SigningKey, signingKey } from "./signing-key.ts";
import { entryProblem, standsOn } from "./standing.ts";
import {
  type Fact,
  MAX_EPOCH,
  type RevocationKind,
  type SharedKey,
  type Signer,
  signStatement,
} from "./statement.ts";
import { StatementBook } from "./statement-book.ts";

/** This box may not do that in this network. */
export class NotAllowedError extends Error {
  override readonly name = "NotAllowedError";
}

export interface InviteRequest {
  /** What who joins will be. */
  role: Role;
  /** 0: any number may join by it; 1: one. */
  uses: 0 | 1;
  /** Seconds from now until which it can be used; 0: for as long as this box may invite. */
  expiresS: number;
  /** Boxes to begin with, at most 8; usually this one first. */
  peers: readonly BootstrapPeer[];
  /** Roles that who joins may certify in turn. Default none. */
  grants?: readonly Role[];
  /** What the invite is called in certificates; at most 60 characters. Default none. */
  name?: string;
}

/** Where a membership is kept: what cannot be written holds until the restart. */
export interface MembershipStore {
  readonly data: MembershipData;
  update(change: (data: MembershipData) => void): void;
}

export interface MembershipTools {
  clock: Clock;
  /** Bytes that nobody can guess. */
  random(bytes: number): Uint8Array;
  /** Of what an operator should know. */
  told(message: string): void;
}

/** How many shared keys hold at a time: the present one and two before it. */
const MAX_SHARED_KEYS = 3;
const MAX_PEERS = 32;
const MAX_CHECKED = 4_096;
/** Who has an invite for many could fill the others' memory with names of its own making. */
const MAX_ADMISSIONS_AN_INVITE = 500;
/** Others' admissions come in numbers, and come again from others: they need not be on the medium at once. */
const LAZY_WRITE_MS = 2_000;

/**
 * This box's membership in one network: its key and certificates there, who else is a member, and the statements that make
 * it so.
 */
export class Membership implements Passport {
  readonly id: string;
  readonly networkKey: Uint8Array;
  private readonly book: StatementBook;
  /** Chains of members that were checked, the last one last. */
  private readonly checked = new Map<string, Chain>();
  private readonly listeners = new Set<() => void>();
  private own: { text: string; chain: Chain } | undefined;
  private isDirty = false;
  private writtenMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: MembershipStore,
    private readonly tools: MembershipTools,
  ) {
    this.networkKey = toBytes(store.data.networkKey);
    this.id = networkId(this.networkKey);
    this.book = new StatementBook(this.networkKey);
  }

  /**
   * Reads what was kept. That this box's certificates have expired, or were revoked, is no error but its `problem`.
   * @throws {CertificateError} when they are none, or somebody else's
   */
  open(): this {
    const { networkSeed } = this.store.data;
    if (networkSeed !== null && !isSameKey(signingKey(toBytes(networkSeed)).publicKey, this.networkKey)) {
      throw new CertificateError("networkSeed", "is not the network's");
    }
    const own = this.ownChain();
    if (!isSameKey(own[0].subject, this.memberKey().publicKey)) {
      throw new CertificateError("chain.0.subject", "is not this box");
    }
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
    return toBytes(this.store.data.memberSeed);
  }

  get publicKey(): Uint8Array {
    return this.memberKey().publicKey;
  }

  /** This box as the others see it. */
  get self(): Member {
    return memberOf(this.ownChain());
  }

  /** Why the others refuse this box (revoked, expired), or undefined. */
  get problem(): string | undefined {
    return this.problemOf(this.ownChain());
  }

  /** Whether this box holds the network's own key. */
  get isFounder(): boolean {
    return this.store.data.networkSeed !== null;
  }

  /** Roles that this box may invite as. */
  get invitable(): readonly Role[] {
    return this.problem === undefined || this.isFounder ? mayCertify(this.issuer(), 2) : [];
  }

  get canInvite(): boolean {
    return this.invitable.length > 0;
  }

  get canRevoke(): boolean {
    return this.isFounder || (this.self.role === "operator" && this.problem === undefined);
  }

  /** Whether its certificate outlasts the invite that it came by; otherwise a box that may certify can `settle` it. */
  get isSettled(): boolean {
    return this.ownChain()[1]?.role !== "invite";
  }

  chain(): Uint8Array {
    return toBytes(this.store.data.chain);
  }

  check(chain: Uint8Array, publicKey: Uint8Array): Member {
    const opened = openChain(chain, this.networkKey);
    const [leaf] = opened;
    if (leaf.role === "invite") throw new CertificateError("chain.0.role", "an invite is no member");
    if (!isSameKey(leaf.subject, publicKey))
      throw new CertificateError("chain.0.subject", "is somebody else");
    const problem = this.problemOf(opened);
    if (problem !== undefined) throw new CertificateError("chain", problem);
    const key = keyText(publicKey);
    this.checked.delete(key);
    this.checked.set(key, opened);
    for (const oldest of this.checked.keys()) {
      if (this.checked.size <= MAX_CHECKED) break;
      this.checked.delete(oldest);
    }
    return memberOf(opened);
  }

  isStillMember(publicKey: Uint8Array): boolean {
    const chain = this.checked.get(keyText(publicKey));
    return chain !== undefined && this.problemOf(chain) === undefined;
  }

  sharedKeys(): readonly Uint8Array[] {
    return this.keysByEpoch().map(({ key }) => Uint8Array.from(key));
  }

  /**
   * Makes an invite with a fresh key, which is in the link and nowhere else.
   * @throws {InviteError} naming what this box may not give, or what is too long
   */
  invite({ role, uses, expiresS, peers, grants = [], name = "" }: InviteRequest): string {
    if (!this.canInvite) throw new InviteError("role", `this box may not invite${because(this.problem)}`);
    const key = signingKey(this.tools.random(KEY_BYTES));
    const request = { role, uses, expiresS, grants, name };
    const chain = asInvite(() => inviteChain(this.issuer(), key.publicKey, request, this.nowS()));
    const [sharedKey] = this.keysByEpoch();
    if (sharedKey === undefined) throw new InviteError("sharedKey", "is not known");
    return encodeInviteLink({ networkName: this.name, sharedKey, key, chain, peers });
  }

  /**
   * Puts somebody out, or closes an invite.
   * @returns the statement, which is accepted here and to be told to the others
   * @throws {NotAllowedError}
   * @throws {StatementError} where the key is none, or the words are too long
   */
  revoke(publicKey: Uint8Array, kind: RevocationKind, why = ""): Uint8Array {
    return this.state({ what: "revocation", key: publicKey, kind, why }, this.authority());
  }

  /**
   * Makes a new shared key; the two before it still hold.
   * @returns the statement, which is accepted here and to be told to the others
   * @throws {NotAllowedError}
   */
  rotate(): Uint8Array {
    const epoch = (this.keysByEpoch()[0]?.epoch ?? 0) + 1;
    if (epoch > MAX_EPOCH)
      throw new NotAllowedError("no shared key can follow: put out who has used up the epochs");
    return this.state({ what: "shared-key", epoch, key: this.tools.random(KEY_BYTES) }, this.authority());
  }

  /**
   * To be told of every member that was met, by the chain that it has shown. Whoever came by an invite is written down once:
   * of two who use an invite for one the first counts, and closing an invite leaves in who was there before.
   * @returns a new statement, accepted here and to be told to the others
   * @throws {CertificateError} when it is no member
   */
  noteAdmission(chain: Uint8Array): Uint8Array | undefined {
    const opened = openChain(chain, this.networkKey);
    this.check(chain, opened[0].subject);
    const [certificate, invite] = opened;
    const [entry] = entriesOf(opened);
    if (entry === undefined || entry.isSettled || invite?.role !== "invite") return undefined;
    const came = this.book.standing.admitted.get(keyText(entry.invite));
    if (came?.has(keyText(entry.subject)) || (came?.size ?? 0) >= MAX_ADMISSIONS_AN_INVITE) return undefined;
    const own = this.ownChain();
    const isOwnToo = entriesOf(own).some((other) => isSameKey(other.invite, entry.invite));
    const mayAdmit = own[0].role === "box" || own[0].role === "operator";
    if (!mayAdmit || isOwnToo || this.problem !== undefined) return undefined;
    const fact: Fact = { what: "admission", invite: entry.invite, certificate };
    return this.state(fact, { key: this.memberKey(), chain: this.chain() });
  }

  /**
   * Certifies a member that came by an invite anew, so that its membership does not end with the invite.
   * @param chain what it has shown; `noteAdmission` has been told of it
   * @returns the chain for it to take, or undefined where this box can give it nothing better
   * @throws {CertificateError} when it is no member
   */
  settle(chain: Uint8Array): Uint8Array | undefined {
    const opened = openChain(chain, this.networkKey);
    this.check(chain, opened[0].subject);
    const [entry] = entriesOf(opened);
    if (entry === undefined || entry.isSettled) return undefined;
    const came = this.book.standing.admitted.get(keyText(entry.invite));
    if (!came?.has(keyText(entry.subject)) || (this.problem !== undefined && !this.isFounder))
      return undefined;
    const settled = settledChain(this.issuer(), opened, this.nowS());
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
   * @param keyOf this device's keys in the network, of which the first that was not put out is used
   * @returns whether the certificates were taken
   */
  rejoin(invite: Invite, name: string, keyOf: (generation: number) => SigningKey): boolean {
    let { generation } = this.store.data;
    let member = this.memberKey();
    while (this.book.standing.out.has(keyText(member.publicKey))) {
      generation += 1;
      member = keyOf(generation);
    }
    const isAnother = generation !== this.store.data.generation;
    const chain = joinChain(invite, member.publicKey, name, this.nowS());
    const problem = this.problemOf(chain);
    this.store.update((data) => {
      if (invite.sharedKey.epoch > data.sharedKey.epoch) {
        data.sharedKey = { epoch: invite.sharedKey.epoch, key: toText(invite.sharedKey.key) };
      }
      if (!isAnother || problem !== undefined) return;
      data.generation = generation;
      data.memberSeed = toText(member.seed);
      data.chain = toText(encodeChain(chain));
    });
    this.rememberPeers(invite.peers);
    const isTaken = problem === undefined && (isAnother || this.replaceBy(chain));
    this.tell();
    return isTaken;
  }

  /**
   * Takes in what an export knows of the same network and this box does not: the network's own key, statements, shared key,
   * peers; the export's key and certificates where this box's no longer hold.
   */
  merge(other: MembershipData): void {
    for (const statement of other.statements) this.book.accept(toBytes(statement));
    const isOut = this.problem !== undefined;
    this.store.update((data) => {
      data.statements = this.book.all().map(({ bytes }) => toText(bytes));
      data.networkSeed ??= other.networkSeed;
      if (other.sharedKey.epoch > data.sharedKey.epoch) data.sharedKey = other.sharedKey;
      if (!isOut || this.problemOf(openChain(toBytes(other.chain), this.networkKey)) !== undefined) return;
      data.memberSeed = other.memberSeed;
      data.generation = other.generation;
      data.chain = other.chain;
    });
    const isSameMember = this.store.data.memberSeed === other.memberSeed;
    if (isSameMember) this.replaceBy(openChain(toBytes(other.chain), this.networkKey));
    this.rememberPeers([...this.peers(), ...other.peers.map(readPeer)]);
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

  /** 32 bytes, the same on boxes that know the same statements. */
  digest(): Uint8Array {
    return this.book.digest();
  }

  /** 16 bytes for each statement, one after the other: for another box to find out what is missing. */
  statementIds(): Uint8Array {
    return Buffer.concat(this.book.all().map(({ id }) => Buffer.from(id.slice(0, 2 * ID_BYTES), "hex")));
  }

  /** The statements that another box does not have, given its {@link statementIds}. */
  statementsMissingIn(ids: Uint8Array): Uint8Array[] {
    const theirs = new Set<string>();
    for (let at = 0; at + ID_BYTES <= ids.length; at += ID_BYTES) {
      theirs.add(keyText(ids.subarray(at, at + ID_BYTES)));
    }
    const missing = this.book.all().filter(({ id }) => !theirs.has(id.slice(0, 2 * ID_BYTES)));
    return missing.map(({ bytes }) => Uint8Array.from(bytes));
  }

  /**
   * Takes in what another has told. The order doesn't matter, nor how often.
   * @returns "known" also for what there is no room for, and for statements of those whom the network's own key has put out
   * @throws {StatementError}
   */
  accept(statement: Uint8Array): "new" | "known" {
    const accepted = this.book.accept(statement);
    if (accepted === undefined) return "known";
    this.isDirty = true;
    const monotonicMs = this.tools.clock.monotonicMs();
    if (accepted.what !== "admission" || monotonicMs - this.writtenMs >= LAZY_WRITE_MS) this.flush();
    this.tell();
    return "new";
  }

  /** Writes what is not yet on the medium; to be called now and then, and before the box stops. */
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
    return () => this.listeners.delete(listener);
  }

  /** Boxes that were found before, the last one first: to begin with after a restart. */
  peers(): BootstrapPeer[] {
    return this.store.data.peers.map(readPeer);
  }

  /** @param peers where members were just reached, the best one first; at most 32 are remembered, 8 addresses each */
  rememberPeers(peers: readonly BootstrapPeer[]): void {
    const kept = new Map<string, string[]>();
    for (const { publicKey, addresses } of [...peers, ...this.peers()]) {
      const key = toText(publicKey);
      const isOther = publicKey.length === KEY_BYTES && !isSameKey(publicKey, this.publicKey);
      if (!isOther || kept.has(key) || kept.size >= MAX_PEERS || addresses.length === 0) continue;
      kept.set(key, addresses.filter(({ length }) => length <= 512).slice(0, MAX_PEER_ADDRESSES));
    }
    const next = [...kept].map(([publicKey, addresses]) => ({ publicKey, addresses }));
    if (JSON.stringify(next) === JSON.stringify(this.store.data.peers)) return;
    this.store.update((data) => {
      data.peers = next;
    });
  }

  /** What the wall clock says, unless the network has proof that it is later: a Pi begins at some day in the past. */
  private nowS(): number {
    return Math.max(0, Math.floor(this.tools.clock.wallMs() / 1_000), this.book.standing.floorS);
  }

  private problemOf(chain: Chain): string | undefined {
    const { standing } = this.book;
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

  private keysByEpoch(): Omit<SharedKey, "what">[] {
    const { epoch, key } = this.store.data.sharedKey;
    const kept = new Map<string, Omit<SharedKey, "what">>();
    for (const known of [...this.book.standing.sharedKeys, { epoch, key: toBytes(key) }]) {
      if (!kept.has(keyText(known.key))) kept.set(keyText(known.key), known);
    }
    return [...kept.values()].sort((a, b) => b.epoch - a.epoch).slice(0, MAX_SHARED_KEYS);
  }

  private replaceBy(chain: Chain): boolean {
    const own = this.ownChain();
    const text = toText(encodeChain(chain));
    const isBetter = isNoLess(chain, own) || this.problemOf(own) !== undefined;
    if (!isBetter || text === this.store.data.chain) return false;
    this.store.update((data) => {
      data.chain = text;
    });
    this.tell();
    return true;
  }

  private state(fact: Fact, signer: Signer): Uint8Array {
    const bytes = signStatement(this.networkKey, fact, this.nowS(), signer);
    this.accept(bytes);
    return bytes;
  }

  /** @throws {NotAllowedError} */
  private authority(): Signer {
    const { networkSeed } = this.store.data;
    if (networkSeed !== null) return { key: signingKey(toBytes(networkSeed)), chain: new Uint8Array(0) };
    if (this.canRevoke) return { key: this.memberKey(), chain: this.chain() };
    throw new NotAllowedError(
      `only the network's founder and its operators may do that; this box is a ${this.self.role} there${because(this.problem)}`,
    );
  }

  private issuer(): Issuer {
    const { networkSeed } = this.store.data;
    return networkSeed === null
      ? { network: this.networkKey, key: this.memberKey(), chain: this.ownChain() }
      : { network: this.networkKey, key: signingKey(toBytes(networkSeed)), chain: [] };
  }

  private memberKey(): SigningKey {
    return signingKey(this.seed);
  }

  private ownChain(): Chain {
    const text = this.store.data.chain;
    if (this.own?.text !== text) this.own = { text, chain: openChain(toBytes(text), this.networkKey) };
    return this.own.chain;
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

const ID_BYTES = 16;

const readPeer = ({ publicKey, addresses }: MembershipData["peers"][number]): BootstrapPeer => ({
  publicKey: toBytes(publicKey),
  addresses,
});

const because = (why: string | undefined): string => (why === undefined || why === "" ? "" : `: ${why}`);

function memberOf([{ subject, role, name, grants, expiresAt }]: Chain): Member {
  if (role === "invite") throw new CertificateError("chain.0.role", "an invite is no member");
  return { publicKey: subject, role, name, grants, expiresAt };
}

/** What an operator asked for is named as the invite's. */
function asInvite<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof CertificateError) {
      throw new InviteError(error.field.replace(/^certificate\./, ""), error.message);
    }
    throw error;
  }
}
