import {
  CertificateError,
  decodeInviteLink,
  INVITE_PREFIX,
  type KnownInvite,
  type Membership,
  networkId,
  StatementError,
} from "../../identity/index.ts";
import { peerIdOf, publicKeyOf } from "../engine/peer-id.ts";
import type { DeskNaming } from "./desk-naming.ts";
import type { MeshDeskOptions } from "./desk-network.ts";
import { messageOf, refused } from "./desk-refusal.ts";
import {
  type InviteRequest,
  type InviteView,
  type MeshControl,
  MeshError,
  type RevokedInvite,
} from "./mesh-control.ts";

const MAX_INVITE_PEERS = 3;
/** Hex digits by which people tell invites apart. Of two that begin alike neither is taken for the other. */
const ID_CHARS = 12;
/** Shorter ones could mean any. */
const LEAST_ID_CHARS = 4;

const PORTAL_GRANTS = ["person"] as const;

type MemberControl = Pick<MeshControl, "invite" | "invites" | "revoke" | "revokeInvite" | "rotate">;

/** Who is let into a network, and who is put out. */
export class DeskMembers implements MemberControl {
  constructor(
    private readonly options: Pick<MeshDeskOptions, "memberships" | "network" | "told">,
    private readonly naming: DeskNaming,
  ) {}

  invite(
    name: string,
    { role, once, hours }: InviteRequest,
  ): { link: string; bootstrap: number; id: string } {
    const membership = this.naming.membership(name);
    const peers = this.options.network(membership.id)?.bootstrapPeers(MAX_INVITE_PEERS) ?? [];
    // Every box lets people in at its portal, where its operator and whoever invites it allow that.
    const grants = role === "box" ? PORTAL_GRANTS.filter((one) => membership.invitable.includes(one)) : [];
    const link = refused(() =>
      // Rounded up: 0 seconds would be for ever.
      membership.invite({ role, uses: once ? 1 : 0, expiresS: Math.ceil(hours * 3_600), peers, grants }),
    );
    const id = idOf(decodeInviteLink(link).key.publicKey);
    this.options.told("invited", membership.name, { id, role, once, hours });
    return { link, bootstrap: peers.length, id };
  }

  invites(name: string): InviteView[] {
    return this.naming.membership(name).invites().map(inviteView);
  }

  async revoke(name: string, peer: string, why: string): Promise<{ inviteClosed: boolean }> {
    const membership = this.naming.membership(name);
    const network = this.naming.running(membership);
    const id = this.naming.memberIn(network, peer);
    const chain = network.directory.get(id)?.record.chain;
    const out = refused(() => membership.revoke(publicKeyOf(id), "out", why));
    const closing = chain && unlessUnknown(() => membership.closeInviteOf(chain));
    for (const statement of [out, ...(closing ? [closing] : [])]) network.tellStatement(statement);
    this.options.told("revoked", id, { network: membership.name, why });
    return { inviteClosed: closing !== undefined };
  }

  async revokeInvite(
    name: string,
    invite: string,
    { keep, why }: { keep: boolean; why: string },
  ): Promise<RevokedInvite> {
    const { membership, key } = this.inviteMeant(name, invite);
    if (!keep && membership.standsOn(key)) {
      throw new MeshError("invite: this box itself came by it, or whoever let it in; it can only be closed");
    }
    const cameBy = membership.invites().find((one) => isSameKey(one.key, key))?.came.length ?? 0;
    const statement = refused(() => membership.revoke(key, keep ? "no-more" : "out", why));
    // Where the network does not run, its boxes are told when it does.
    this.options.network(membership.id)?.tellStatement(statement);
    const id = idOf(key);
    this.options.told(keep ? "invite-closed" : "invite-revoked", id, { network: membership.name, why });
    return { id, putOut: keep ? 0 : cameBy };
  }

  async rotate(name: string): Promise<void> {
    const membership = this.naming.membership(name);
    const statement = refused(() => membership.rotate());
    this.options.network(membership.id)?.tellStatement(statement);
    this.options.told("shared-key-changed", membership.name);
  }

  /** By its link, which says what network it is of, or by its id or the beginning of it. */
  private inviteMeant(name: string, text: string): { membership: Membership; key: Uint8Array } {
    if (text.trim().startsWith(INVITE_PREFIX)) {
      const { networkKey, key } = refused(() => decodeInviteLink(text));
      const membership = this.options.memberships.get(networkId(networkKey));
      if (!membership) throw new MeshError("invite: is of a network that this box is not in", "unknown");
      if (!["", "-", membership.id, membership.name].includes(name))
        throw new MeshError(`invite: is of ${membership.name}, not of ${name}`);
      return { membership, key: key.publicKey };
    }
    const membership = this.naming.membership(name);
    const id = text.trim().toLowerCase();
    const matching =
      id.length < LEAST_ID_CHARS
        ? []
        : membership.invites().filter(({ key }) => Buffer.from(key).toString("hex").startsWith(id));
    const [only, ...others] = matching;
    if (only && others.length === 0) return { membership, key: only.key };
    throw new MeshError(
      `invite: none, or several, have the id ${text}; "mesh invites" lists those that are known, and the link itself will do`,
      "unknown",
    );
  }
}

const idOf = (key: Uint8Array): string => Buffer.from(key).toString("hex").slice(0, ID_CHARS);

function inviteView({ key, role, made, came, state }: KnownInvite): InviteView {
  return {
    id: idOf(key),
    role,
    state,
    ...(made === undefined
      ? {}
      : { made: { once: made.once, at: made.issuedAt, expiresAt: made.expiresAt } }),
    came: came.map(({ publicKey, name }) => ({ peer: peerIdOf(publicKey), name })),
  };
}

const isSameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);

/** Whoever is put out is out and the others are told, also where the invite that it came by cannot be closed. */
function unlessUnknown<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof CertificateError || error instanceof StatementError) return undefined;
    throw new MeshError(messageOf(error), "wrong");
  }
}
