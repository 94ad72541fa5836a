import type { Certificate } from "./certificate.ts";
import { hasExpired, keyText } from "./chain-check.ts";
import type { Admitted } from "./hearing.ts";
import type { Role } from "./member.ts";
import type { Standing } from "./standing.ts";

/** What a box keeps of an invite that it has made; its secret is in the link alone. */
export interface MadeInvite {
  /** Public key, 32 bytes. */
  key: Uint8Array;
  role: Role;
  once: boolean;
  /** Seconds since 1970. */
  issuedAt: number;
  /** Seconds since 1970; 0: never. */
  expiresAt: number;
}

/** An invite of a network, as far as this box knows of it. */
export interface KnownInvite {
  /** Public key, 32 bytes. */
  key: Uint8Array;
  /** What who joins by it is. */
  role: Role;
  /** What else the link says: known of those that this box has made. */
  made: MadeInvite | undefined;
  /** Who came by it, and was not put out. */
  came: { publicKey: Uint8Array; name: string }[];
  /** "out": who came by it was put out with it; "used": it was for one, who has come. */
  state: "open" | "used" | "expired" | "closed" | "out";
}

/** Beyond that the one that has ended, or the oldest, is forgotten. */
const MAX_MADE = 100;

export function madeInvite({ subject, admits, uses, issuedAt, expiresAt }: Certificate): MadeInvite {
  return { key: subject, role: admits ?? "box", once: uses === 1, issuedAt, expiresAt };
}

/** Which of the invites that a box has made it goes on knowing, each once: those that hold first, of these the last one. */
export function keptInvites(made: readonly MadeInvite[], nowS: number): MadeInvite[] {
  return [...new Map(made.map((one) => [keyText(one.key), one])).values()]
    .sort((a, b) => Number(hasExpired(a, nowS)) - Number(hasExpired(b, nowS)) || b.issuedAt - a.issuedAt)
    .slice(0, MAX_MADE);
}

/** Those that this box has made, in their order, and then by key those that others are known to have come by. Pure. */
export function inviteList(
  made: readonly MadeInvite[],
  admissions: Iterable<Admitted>,
  { out, closed, admitted }: Pick<Standing, "out" | "closed" | "admitted">,
  nowS: number,
): KnownInvite[] {
  const found = new Map<string, KnownInvite>();
  for (const one of made) {
    found.set(keyText(one.key), { key: one.key, role: one.role, made: one, came: [], state: "open" });
  }
  const noted = new Set<string>();
  for (const { invite, certificate } of admissions) {
    const { subject, name, role } = certificate;
    // An invite's certificate is none of a member, and who isn't heard has seen nobody come.
    if (role === "invite" || !admitted.get(keyText(invite))?.has(keyText(subject))) continue;
    const known = found.get(keyText(invite)) ?? {
      key: invite,
      role,
      made: undefined,
      came: [],
      state: "open",
    };
    found.set(keyText(invite), known);
    const who = `${keyText(invite)} ${keyText(subject)}`;
    if (noted.has(who) || out.has(keyText(subject))) continue;
    noted.add(who);
    known.came.push({ publicKey: subject, name });
  }
  for (const [key, invite] of found) {
    invite.came.sort((a, b) => a.name.localeCompare(b.name) || Buffer.compare(a.publicKey, b.publicKey));
    if (out.has(key)) Object.assign(invite, { state: "out", came: [] });
    else if (closed.has(key)) invite.state = "closed";
    else if (invite.made?.once && admitted.has(key)) invite.state = "used";
    else if (invite.made && hasExpired(invite.made, nowS)) invite.state = "expired";
  }
  const all = [...found.values()];
  const others = all.filter((invite) => invite.made === undefined);
  return [
    ...all.filter((invite) => invite.made !== undefined),
    ...others.sort((a, b) => Buffer.compare(a.key, b.key)),
  ];
}
