import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../host/clock.ts";
import { BackupError, openBackup, sealBackup } from "./backup.ts";
import { textProblem } from "./cbor.ts";
import { encodeChain, MAX_NAME_CHARS } from "./certificate.ts";
import { hasExpired } from "./chain-check.ts";
import { type DeviceKey, deviceKeyPem, isPrivateKey, replaceDeviceKey } from "./device-key.ts";
import { decodeInviteLink, type Invite, InviteError } from "./invite-link.ts";
import { foundChain, joinChain } from "./issuing.ts";
import { Membership, type MembershipTools } from "./membership.ts";
import { type MembershipData, toBytes, toText } from "./membership-document.ts";
import { MembershipFile, openMembershipFile } from "./membership-file.ts";
import { isNetworkId, networkId } from "./network-id.ts";
import { decodeOmertaLink, OMERTA_PREFIX, whyNotOmerta } from "./omerta-link.ts";
import { KEY_BYTES, memberKey, signingKey } from "./signing-key.ts";
import { signStatement } from "./statement.ts";

/** What joining has come to: "kept" where this box's certificates were better already. */
export type JoinOutcome = "joined" | "renewed" | "kept";

/** What came of an import, by network id. */
export interface ImportReport {
  added: string[];
  merged: string[];
  /** What could not be taken, and why; the others were. */
  refused: { network: string; why: string }[];
  /** "replaced": this device is the exported one from its next start on. */
  deviceKey: "same" | "kept" | "replaced";
}

export interface MembershipsOptions {
  random?: (bytes: number) => Uint8Array;
  /** log2 of scrypt's N for exports, 16 if not given. */
  scryptWorkFactor?: number;
}

/** All networks that this box is a member of, each in a document of its own under `networks/` in the folder of state. */
export class Memberships {
  private readonly byId = new Map<string, Membership>();

  constructor(
    private readonly stateFolder: string,
    private readonly deviceKey: DeviceKey,
    private readonly clock: Clock,
    /** Of what an operator should know. */
    private readonly told: (message: string) => void,
    private readonly options: MembershipsOptions = {},
  ) {}

  /** Reads what is kept. A network whose document is torn is told of, and costs the others nothing. */
  open(): this {
    for (const id of this.keptIds()) {
      try {
        const { document, data } = openMembershipFile(this.pathOf(id), this.told);
        if (data === undefined) this.told(`network ${id} is lost: this box needs a new invite`);
        else this.hold(id, new MembershipFile(this.pathOf(id), document, data, this.told));
        if (document.origin === "previous") this.rewrite(id, () => document.update(() => {}));
      } catch (error) {
        this.told(`network ${id} is left out: ${messageOf(error)}`);
      }
    }
    return this;
  }

  list(): Membership[] {
    return [...this.byId.values()];
  }

  get(id: string): Membership | undefined {
    return this.byId.get(id);
  }

  /**
   * Founds a network. This box holds its key, and may certify every role.
   * @param name 1 to 60 characters
   * @param boxName what this box is called in its certificate
   * @throws {InviteError} naming what is wrong
   */
  found(name: string, boxName = ""): Membership {
    checkName("name", name);
    if (name === "") throw new InviteError("name", "is empty");
    checkName("boxName", boxName);
    const network = signingKey(this.random(KEY_BYTES));
    const member = memberKey(this.deviceKey, network.publicKey);
    const sharedKey = { epoch: 1, key: this.random(KEY_BYTES) };
    // Stated as well, so that who came by a later one can fall back on it. Its date is none, and moves no clock.
    const stated = signStatement(network.publicKey, { what: "shared-key", ...sharedKey }, 0, {
      key: network,
      chain: new Uint8Array(0),
    });
    return this.keep({
      networkKey: toText(network.publicKey),
      name,
      networkSeed: toText(network.seed),
      memberSeed: toText(member.seed),
      generation: 0,
      chain: toText(encodeChain(foundChain(network, member.publicKey, boxName, this.nowS()))),
      sharedKey: { epoch: sharedKey.epoch, key: toText(sharedKey.key) },
      olderSharedKeys: [],
      statements: [toText(stated)],
      peers: [],
      invites: [],
    });
  }

  /**
   * Joins a network by an invite link; nobody has to be reached for it. In a network that this box is in already it renews
   * the membership and loses nothing.
   * @param boxName what this box calls itself in its certificate
   * @throws {InviteError} naming what is wrong with the link; also for Omerta's own links, saying why
   */
  join(link: string, boxName = ""): { membership: Membership; outcome: JoinOutcome } {
    if (link.trim().startsWith(OMERTA_PREFIX)) {
      throw new InviteError("link", whyNotOmerta(decodeOmertaLink(link)));
    }
    checkName("boxName", boxName);
    const invite = decodeInviteLink(link);
    const known = this.byId.get(networkId(invite.networkKey));
    if (hasExpired(invite, this.nowS())) {
      // The configuration may name the invite that this box came by long after it has ended.
      if (known !== undefined && known.problem === undefined) return { membership: known, outcome: "kept" };
      throw new InviteError("link.expiresAt", `the invite has expired at ${timeText(invite.expiresAt)}`);
    }
    if (known === undefined) return { membership: this.joinNew(invite, boxName), outcome: "joined" };
    const isTaken = known.rejoin(invite, boxName, (generation) =>
      memberKey(this.deviceKey, invite.networkKey, generation),
    );
    return { membership: known, outcome: isTaken ? "renewed" : "kept" };
  }

  /**
   * Leaves a network and forgets it. The document of one that this box holds the key of is put aside instead: nobody else has it.
   * @returns whether this box was in it
   */
  leave(id: string): boolean {
    const membership = this.byId.get(id);
    if (membership === undefined) return false;
    const path = this.pathOf(id);
    if (membership.isFounder && existsSync(path)) {
      const aside = `${path}.left`;
      renameSync(path, aside);
      this.told(`network ${membership.name} was left; its own key is kept in ${aside}`);
    } else {
      rmSync(path, { force: true });
    }
    rmSync(`${path}.previous`, { force: true });
    this.byId.delete(id);
    return true;
  }

  /** Writes what is not yet on the medium. */
  flush(): void {
    for (const membership of this.byId.values()) membership.flush();
  }

  /**
   * All memberships and the device key, as an age file.
   * @param passphrase at least 10 characters
   * @throws {BackupError}
   */
  exportTo(passphrase: string): Promise<Uint8Array> {
    const networks = this.list().map((membership) => membership.data());
    const deviceKey = deviceKeyPem(this.deviceKey);
    return sealBackup({ deviceKey, networks }, passphrase, this.options.scryptWorkFactor);
  }

  /**
   * Takes in an export: networks that this box is not in with their keys, so that it is the exported member there; the two
   * should not run at once. In networks that it is in already it keeps its own key and takes what it lacks.
   * @param options.deviceKey whether the device key is to be the exported one from the next start on. Default "keep"
   * @throws {BackupError} when the file can't be read, or its device key is none; then nothing was changed
   */
  async importFrom(
    bytes: Uint8Array,
    passphrase: string,
    options: { deviceKey?: "keep" | "replace" } = {},
  ): Promise<ImportReport> {
    const backup = await openBackup(bytes, passphrase);
    if (!isPrivateKey(backup.deviceKey)) throw new BackupError("export.deviceKey: is no Ed25519 key");
    const report: ImportReport = { added: [], merged: [], refused: [], deviceKey: "kept" };
    for (const data of backup.networks) {
      const id = networkId(toBytes(data.networkKey));
      try {
        this.importOne(id, data, report);
      } catch (error) {
        report.refused.push({ network: id, why: messageOf(error) });
      }
    }
    if (backup.deviceKey === deviceKeyPem(this.deviceKey)) report.deviceKey = "same";
    else if (options.deviceKey === "replace") {
      const aside = replaceDeviceKey(this.stateFolder, backup.deviceKey);
      if (aside !== undefined)
        this.told(`the device key was replaced by an import; the one before is in ${aside}`);
      report.deviceKey = "replaced";
    }
    return report;
  }

  /** That nothing can be written takes no network away that could be read. */
  private rewrite(id: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.told(`network ${id} is not kept: ${messageOf(error)}`);
    }
  }

  private importOne(id: string, data: MembershipData, report: ImportReport): void {
    // Checked as a whole before anything of it is taken.
    new Membership({ data, update: () => {} }, this.tools()).open();
    const known = this.byId.get(id);
    if (known === undefined) {
      this.keep(data);
      report.added.push(id);
    } else {
      known.merge(data);
      report.merged.push(id);
    }
  }

  private joinNew(invite: Invite, boxName: string): Membership {
    const member = memberKey(this.deviceKey, invite.networkKey);
    const membership = this.keep({
      networkKey: toText(invite.networkKey),
      name: invite.networkName,
      networkSeed: null,
      memberSeed: toText(member.seed),
      generation: 0,
      chain: toText(encodeChain(joinChain(invite, member.publicKey, boxName, this.nowS()))),
      sharedKey: { epoch: invite.sharedKey.epoch, key: toText(invite.sharedKey.key) },
      olderSharedKeys: [],
      statements: [],
      peers: [],
      invites: [],
    });
    membership.rememberPeers(invite.peers);
    return membership;
  }

  /** Writes a membership that is new here. What may be in its place is put aside. */
  private keep(data: MembershipData): Membership {
    const id = networkId(toBytes(data.networkKey));
    const path = this.pathOf(id);
    const { document, data: there } = openMembershipFile(path, this.told);
    if (there !== undefined) {
      renameSync(path, `${path}.refused`);
      this.told(`network ${data.name}: what was kept of it and could not be used is in ${path}.refused`);
    }
    const file = new MembershipFile(path, document, data, this.told);
    const membership = this.hold(id, file);
    file.write(2);
    return membership;
  }

  private hold(id: string, file: MembershipFile): Membership {
    const membership = new Membership(file, this.tools()).open();
    if (membership.id !== id) throw new Error(`its document is that of network ${membership.id}`);
    this.byId.set(id, membership);
    return membership;
  }

  private keptIds(): string[] {
    let names: string[] = [];
    try {
      names = readdirSync(this.folder);
    } catch (error) {
      if (!isMissing(error)) this.told(`the networks of this box cannot be read: ${messageOf(error)}`);
    }
    // A document whose only whole copy is the one before it counts as well.
    const ids = names.map((name) => name.replace(/\.json(\.previous)?$/, ""));
    return [...new Set(ids.filter(isNetworkId))].sort();
  }

  private tools(): MembershipTools {
    return { clock: this.clock, random: this.random, told: this.told };
  }

  private readonly random = (bytes: number): Uint8Array =>
    this.options.random?.(bytes) ?? Uint8Array.from(randomBytes(bytes));

  private nowS(): number {
    return Math.max(0, Math.floor(this.clock.wallMs() / 1_000));
  }

  private get folder(): string {
    return join(this.stateFolder, "networks");
  }

  private pathOf(id: string): string {
    return join(this.folder, `${id}.json`);
  }
}

function checkName(field: string, name: string): void {
  const problem = textProblem(name, MAX_NAME_CHARS);
  if (problem !== undefined) throw new InviteError(field, problem);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const timeText = (seconds: number): string => new Date(seconds * 1_000).toISOString();
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";
