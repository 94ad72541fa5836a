import { join } from "node:path";
import type { MessagesConfig } from "../config/index.ts";
import type { Clock } from "../host/clock.ts";
import { atIntervals } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import {
  type BootstrapPeer,
  type DeviceKey,
  InboxChallenges,
  type Membership,
  type Memberships,
} from "../identity/index.ts";
import type { BootClock, LinkAddress, LoraPart } from "../lora/index.ts";
import { peerIdOf } from "../mesh/index.ts";
import { type Journal, tellFromNewer } from "../store/index.ts";
import { decodeBody } from "./bundle/body-codec.ts";
import { BundleStore } from "./custody/bundle-store.ts";
import type { Held } from "./custody/custody.ts";
import { BundleMaker } from "./desk/bundle-maker.ts";
import { Changes } from "./desk/changes.ts";
import { CredentialsTeller } from "./desk/credentials-teller.ts";
import { Deliveries } from "./desk/deliveries.ts";
import { GuestDesk } from "./desk/guest-desk.ts";
import { GuestForms } from "./desk/guest-forms.ts";
import type { GuestMessages } from "./desk/guest-messages.ts";
import { OperatorDesk } from "./desk/operator-desk.ts";
import type { OperatorMessages } from "./desk/operator-messages.ts";
import { PeopleAdmission } from "./desk/people-admission.ts";
import { PeopleDesk } from "./desk/people-desk.ts";
import { PublicPages } from "./desk/public-pages.ts";
import { Trust } from "./desk/trust.ts";
import { WorkChallenges } from "./desk/work-challenges.ts";
import { WritingGate } from "./desk/writing-gate.ts";
import { WritingLimits } from "./desk/writing-limits.ts";
import { LoraCarrier } from "./lora-carrier.ts";
import { MailCarrier } from "./mail-carrier.ts";
import { SigningKeys } from "./signing-keys.ts";
import { StickCarrier } from "./stick-carrier.ts";
import { MeshCarrier } from "./sync/mesh-carrier.ts";
import type { MeshNetwork, MeshNetworks } from "./sync/mesh-streams.ts";

/** A network of the mesh with the records of its members. */
export interface CarryingNetwork extends MeshNetwork {
  readonly directory: { get(peer: string): { record: { name: string; chain: Uint8Array } } | undefined };
  /** This box first, then those that are best reached: for an invite. */
  bootstrapPeers(most: number): BootstrapPeer[];
}

export interface MessagesPartOptions {
  config: MessagesConfig;
  /** What the box is called, for those who read mail from it. */
  boxName: string;
  stateFolder: string;
  device: DeviceKey;
  memberships: Pick<Memberships, "list" | "get">;
  networks: MeshNetworks<CarryingNetwork>;
  /** undefined where LoRa carries no messages. */
  lora: { part: LoraPart; address: LinkAddress } | undefined;
  /** Told when the way to the internet comes or goes. @returns ends it */
  onUplinkChange: (listener: () => void) => () => void;
  clock: Clock;
  /** Whether the clock was told the time, and whether by somebody to be trusted. Without: it is right. */
  timekeeper?: { isKnown(): boolean; isTrusted(): boolean };
  timers: Timers;
  bootClock: BootClock;
  random: () => number;
  randomBytes: (count: number) => Uint8Array;
  journal: Pick<Journal, "append">;
  log: Logger;
}

const MIB = 1_048_576;
/** How often it is looked whether the others still have this box's certificates. */
const TELL_EVERY_MS = 3_600_000;
const CERTIFICATES_PAGE = 200;
const MAX_INVITE_PEERS = 3;

/** What people write: kept in custody, exchanged with other boxes by whatever carries it, and shown to guests and operators. */
export class MessagesPart implements Part {
  readonly name = "messages";
  readonly guests: GuestMessages;
  readonly operator: OperatorMessages;
  private readonly store: BundleStore;
  private readonly trust: Trust;
  private readonly changes: Changes;
  private readonly teller: CredentialsTeller;
  private readonly mesh: MeshCarrier<CarryingNetwork>;
  private readonly lora: LoraCarrier | undefined;
  private readonly mail: MailCarrier;
  private readonly sticks: StickCarrier;
  private readonly ends: (() => unknown)[] = [];
  private endMembership: () => void = () => {};
  private unkept: string | undefined;

  constructor(private readonly options: MessagesPartOptions) {
    const { config, boxName, stateFolder, device, clock, timers, bootClock, random, log } = options;
    const monotonicMs = () => timers.monotonicMs();
    const random32 = () => Buffer.from(options.randomBytes(4)).readUInt32BE();
    const membership = () => this.membership;
    const keys = new SigningKeys(device, membership);
    this.trust = new Trust({
      membership,
      ownKeys: () => keys.all().map(({ publicKey }) => publicKey),
      met: (key) => this.mesh.network?.directory.get(peerIdOf(key))?.record,
      monotonicMs,
    });
    this.store = new BundleStore({
      path: join(stateFolder, "messages.sqlite"),
      maxBytes: config.max_mib * MIB,
      clock,
      timers,
      bootClock,
      log,
      speaksFor: (key) => this.trust.speaksFor(key),
    });
    const { store } = this;
    this.changes = new Changes((id) => store.get(id));
    const handedOver = (id: string, to: Parameters<BundleStore["noteHandedOver"]>[1]) => {
      void store.noteHandedOver(id, to).then(() => this.changes.movedOn(id), this.failed);
    };
    const carried = { custody: store, handedOver, timers, random, log };
    this.mesh = new MeshCarrier({
      ...carried,
      networks: options.networks,
      memberships: () => options.memberships.list(),
      wanted: config.network,
      unconfirmed: () => store.unconfirmed(),
      changed: () => this.networkChanged(),
    });
    this.lora = options.lora && new LoraCarrier({ ...carried, ...options.lora });
    const { timekeeper } = options;
    // A date is for people to read; of how long a stick lay about more is decided.
    const dateMs = () => (timekeeper?.isKnown() === false ? 0 : clock.wallMs());
    const sureMs = () => (timekeeper?.isTrusted() === false ? 0 : clock.wallMs());
    const maker = new BundleMaker({ key: () => keys.current(), wallMs: dateMs, random32 });
    this.mail = new MailCarrier({
      config: config.mail,
      boxName,
      stateFolder,
      store,
      maker,
      timers,
      random,
      journal: options.journal,
      log,
    });
    this.sticks = new StickCarrier({
      beneath: config.sticks,
      custody: store,
      wallMs: sureMs,
      timers,
      told: (kind, subject, detail) => this.tell(kind, subject, detail),
      log,
    });
    this.teller = new CredentialsTeller({ store, maker, membership });
    const pages = new PublicPages(store.queries, this.trust, config.rooms);
    const deliveries = new Deliveries({
      store,
      trust: this.trust,
      boxName,
      onLora: (id) => this.lora?.underWay(id),
    });
    const limits = new WritingLimits(monotonicMs);
    const { randomBytes } = options;
    const challenges = new WorkChallenges({ secret: randomBytes(32), randomBytes, monotonicMs });
    const gate = new WritingGate(limits, challenges, monotonicMs);
    const desk = { store, maker, deliveries, limits, gate, monotonicMs };
    const forms = new GuestForms({
      ...desk,
      keys: () => keys.all(),
      rooms: config.rooms,
      openRooms: config.open_rooms,
      random32,
    });
    const people = new PeopleDesk({
      ...desk,
      boxKey: () => keys.current().publicKey,
      challenges: new InboxChallenges(options.randomBytes(32)),
      trust: this.trust,
      isHere: (key) => this.lora?.personIsHere(key),
    });
    const admission = new PeopleAdmission({
      people: config.people,
      perHour: config.people_per_hour,
      membership,
      bootstrap: () => this.mesh.network?.bootstrapPeers(MAX_INVITE_PEERS) ?? [],
      limits,
      monotonicMs,
      told: (kind, subject, detail) => this.tell(kind, subject, detail),
    });
    this.guests = new GuestDesk(forms, pages, people, admission, this.changes);
    this.operator = new OperatorDesk({
      store,
      pages,
      maker,
      carriers: {
        neighbours: () => this.neighbours(),
        outbox: () => this.mail.entries(),
        outboxStatus: () => this.mail.status(),
        exportTo: (folder) => this.sticks.exportTo(folder),
        importFrom: (folder) => this.sticks.importFrom(folder),
      },
      told: (kind, subject, detail) => this.tell(kind, subject, detail),
    });
  }

  async start(): Promise<void> {
    const { log, timers, journal, onUplinkChange } = this.options;
    const found = this.store.open();
    const { setAside, volatile } = found;
    if (setAside) log.error(`messages could not be read; they are in ${setAside}, and new ones are kept`);
    if (volatile) log.error(`messages are not kept through a restart: ${volatile}`);
    this.unkept = volatile;
    tellFromNewer(found, { part: this.name, what: "the messages", journal, log });
    this.takeCertificates();
    this.ends.push(this.store.onNew((held) => this.came(held)));
    this.ends.push(this.store.onGone(() => this.changes.publicChanged()));
    await this.mail.start();
    this.mesh.start();
    this.lora?.start();
    this.sticks.start();
    this.ends.push(
      atIntervals(TELL_EVERY_MS, () => this.teller.tell(), this.failed, timers),
      onUplinkChange(() => this.mail.tryNow()),
    );
    this.networkChanged();
  }

  async stop(): Promise<void> {
    for (const end of this.ends.splice(0)) await end();
    this.endMembership();
    this.endMembership = () => {};
    await this.sticks.stop();
    this.lora?.stop();
    await this.mesh.stop();
    await this.mail.stop();
    this.store.close();
  }

  detail(): string {
    const { held } = this.store.usage();
    const count = Object.values(held).reduce((sum, one) => sum + one, 0);
    const neighbours = this.neighbours().length;
    return `${count === 1 ? "1 message" : `${count} messages`} kept, exchanged with ${neighbours === 1 ? "1 box" : `${neighbours} boxes`}`;
  }

  trouble(): string | undefined {
    if (this.unkept !== undefined) return `messages are not kept: ${this.unkept}`;
    return this.store.trouble() ?? this.mail.trouble();
  }

  /** This box's place in the network that carries its messages. */
  private get membership(): Membership | undefined {
    const id = this.mesh.wantedId;
    return id === undefined ? undefined : this.options.memberships.get(id);
  }

  private neighbours() {
    const byMesh = this.mesh.neighbours().map(({ peer, toHandOver, toCome }) => {
      const name = this.mesh.network?.directory.get(peer)?.record.name ?? peer;
      const waiting = toHandOver + toCome;
      return { name, by: "mesh" as const, inSync: waiting === 0, waiting };
    });
    return [...byMesh, ...(this.lora?.neighbours() ?? [])];
  }

  private came(held: Held): void {
    if (held.bundle.kind === "credentials" && this.trust.take(held.bundle)) this.membersChanged();
    if (held.bundle.kind === "receipt") {
      const { state, of } = decodeBody("receipt", held.bundle.body);
      if (state === "delivered" && this.trust.speaksFor(held.bundle.sender.key)) this.mail.sentElsewhere(of);
    }
    this.changes.came(held);
  }

  /** Another network, or none, carries messages now; or members of it have come or gone. */
  private networkChanged(): void {
    this.endMembership();
    const { membership } = this;
    this.endMembership = membership?.onChange(() => this.membersChanged()) ?? (() => {});
    this.takeCertificates();
    this.membersChanged();
  }

  private membersChanged(): void {
    void this.teller.tell().catch(this.failed);
    void this.store.membersChanged().catch(this.failed);
    this.changes.publicChanged();
  }

  /** Those that came before this box was started, or belonged to the network. */
  private takeCertificates(): void {
    let before: string | undefined;
    do {
      const page = this.store.queries.ofKind("credentials", before, CERTIFICATES_PAGE);
      for (const { bundle } of page.items) this.trust.take(bundle);
      before = page.next;
    } while (before !== undefined);
  }

  private tell(kind: string, subject: string, detail: Record<string, unknown> = {}): void {
    this.options.log.info(`${kind}: ${subject}`);
    this.options.journal.append(this.name, kind, subject, detail).catch(this.failed);
  }

  private readonly failed = (error: unknown): void => {
    this.options.log.error({ error }, "messages");
  };
}
