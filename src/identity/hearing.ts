import type { Certificate } from "./certificate.ts";
import { entriesOf, hasExpired, keysOf, keyText } from "./chain-check.ts";
import type { Admission, Revocation, Statement } from "./statement.ts";

export type Revoked = Statement & Revocation;
export type Admitted = Statement & Admission;

/** Revocations by the key that they are of, in hex. */
export type Revocations = ReadonlyMap<string, Revoked>;

/** When somebody was seen to come by an invite, and how far from the network's key who saw it stands. */
export interface Seen {
  /** Certificates in the chain of the nearest who saw it; 0 is the network's own key. */
  distance: number;
  /** Seconds since 1970 by the clock of the first of those. */
  atS: number;
}

/** By invite and subject, both in hex. */
export type Admissions = ReadonlyMap<string, ReadonlyMap<string, Seen>>;

/** What decides who is heard. */
export interface Hearing {
  out: Revocations;
  closed: Revocations;
  nowS: number;
}

/** Who came by each invite first, by invite, in hex. */
type Winners = ReadonlyMap<string, string>;

/** The revocation of a key that a chain stands on, if there is one. */
export function standsOn(chain: readonly Certificate[], out: Revocations): Revoked | undefined {
  if (out.size === 0) return undefined;
  for (const key of textsOf(chain).keys) {
    const found = out.get(key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Who came first: whom somebody nearer to the network's key has seen, since any box may have a wrong clock; of those the earlier;
 * of those who came in the same second the one whose key is the smallest.
 */
export function winnerOf(came: ReadonlyMap<string, Seen>): string | undefined {
  let first: [string, Seen] | undefined;
  for (const [subject, seen] of came) {
    const order = first === undefined ? -1 : compareSeen(seen, first[1]);
    if (first === undefined || order < 0 || (order === 0 && subject < first[0])) first = [subject, seen];
  }
  return first?.[0];
}

const compareSeen = (a: Seen, b: Seen): number => a.distance - b.distance || a.atS - b.atS;

/** Whether what somebody with this chain says counts. */
export function isHeard(
  chain: readonly Certificate[],
  { out, closed, nowS }: Hearing,
  admitted: Admissions,
  winners: Winners,
): boolean {
  const [leaf] = chain;
  if (leaf === undefined) return true;
  if (standsOn(chain, out)) return false;
  return textsOf(chain).entries.every(({ isSettled, single, invite, subject }) => {
    if (isSettled) return true;
    const winner = single ? winners.get(invite) : undefined;
    if (winner !== undefined && winner !== subject) return false;
    return (!closed.has(invite) && !hasExpired(leaf, nowS)) || admitted.get(invite)?.has(subject);
  });
}

/** Nobody is that far from who is heard without admission; it bounds the work that made-up admissions can cause. */
const MAX_ROUNDS = 16;

/**
 * Who was seen to come, by those who are heard, and who came first. Who came second by an invite for one is not heard, so what
 * it has seen does not count: that is found out level by level of the chains of those who saw, the nearest to the network's
 * key first; among equals both count.
 */
export function admittedBy(
  all: readonly Admitted[],
  hearing: Hearing,
): { admitted: Admissions; winners: Winners } {
  let winners = new Map<string, string>();
  let admitted = heardRounds(all, hearing, winners);
  // Where nobody who saw something came by an invite for one, who is heard doesn't hang on who came first.
  const isMutual = all.some(({ chain }) =>
    textsOf(chain).entries.some(
      ({ single, isSettled, invite }) => single && !isSettled && admitted.has(invite),
    ),
  );
  const levels = isMutual ? [...new Set(all.map(({ chain }) => chain.length))].sort((a, b) => a - b) : [];
  for (const level of levels) {
    const meant = new Map([...winnersUpTo(level, admitted), ...winners]);
    admitted = heardRounds(all, hearing, meant);
    winners = new Map([...meant, ...winnersUpTo(level, admitted), ...winners]);
    admitted = heardRounds(all, hearing, winners);
  }
  return { admitted, winners: new Map([...winnersUpTo(Number.POSITIVE_INFINITY, admitted), ...winners]) };
}

function winnersUpTo(level: number, admitted: Admissions): Map<string, string> {
  const winners = new Map<string, string>();
  for (const [invite, came] of admitted) {
    const winner = winnerOf(came);
    if (winner !== undefined && (came.get(winner)?.distance ?? level) <= level) winners.set(invite, winner);
  }
  return winners;
}

/**
 * Round by round: first those whom members have seen that need no admission, then those whom these have seen, and so on. Two
 * that came by closed invites cannot vouch for each other.
 */
function heardRounds(all: readonly Admitted[], hearing: Hearing, winners: Winners): Admissions {
  const admitted = new Map<string, Map<string, Seen>>();
  let waiting = all;
  for (let round = 0; round < MAX_ROUNDS && waiting.length > 0; round += 1) {
    const counting = new Set(waiting.filter(({ chain }) => isHeard(chain, hearing, admitted, winners)));
    if (counting.size === 0) break;
    for (const admission of counting) note(admitted, admission);
    waiting = waiting.filter((admission) => !counting.has(admission));
  }
  return admitted;
}

function note(
  admitted: Map<string, Map<string, Seen>>,
  { invite, certificate, issuedAt, chain }: Admitted,
): void {
  const key = keyText(invite);
  const came = admitted.get(key) ?? new Map<string, Seen>();
  const subject = keyText(certificate.subject);
  const seen = { distance: chain.length, atS: issuedAt };
  const before = came.get(subject);
  if (before === undefined || compareSeen(seen, before) < 0) came.set(subject, seen);
  admitted.set(key, came);
}

interface Texts {
  keys: string[];
  entries: { invite: string; subject: string; single: boolean; isSettled: boolean }[];
}

const texts = new WeakMap<readonly Certificate[], Texts>();

/** A chain is judged again and again, and never changes. */
function textsOf(chain: readonly Certificate[]): Texts {
  let found = texts.get(chain);
  if (found === undefined) {
    const entries = entriesOf(chain).map(({ invite, subject, ...rest }) => {
      return { ...rest, invite: keyText(invite), subject: keyText(subject) };
    });
    found = { keys: keysOf(chain).map(keyText), entries };
    texts.set(chain, found);
  }
  return found;
}
