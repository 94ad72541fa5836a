import type { Certificate } from "./certificate.ts";
import { type Entry, entriesOf, keysOf, keyText } from "./chain-check.ts";
import type { Admission, Revocation, SharedKey, Statement } from "./statement.ts";

export type Revoked = Statement & Revocation;
export type Admitted = Statement & Admission;
export type Rotated = Statement & SharedKey;

/** What all statements together amount to. Keys are hex. */
export interface Standing {
  /** Whatever stands on one of these keys is refused. */
  out: ReadonlyMap<string, Revoked>;
  /** Invites that let nobody new in. */
  closed: ReadonlyMap<string, Revoked>;
  /** Who came by an invite, and when at the earliest, in seconds since 1970 by the clock of who saw it. */
  admitted: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Newest first. */
  sharedKeys: readonly SharedKey[];
  /** It is later than this: seconds since 1970. */
  floorS: number;
}

/**
 * What the statements amount to: a function of which there are, never of the order in which they came.
 *
 * Who is nearer to the network's key has the last word: a revocation doesn't count when its signer's chain stands on a key
 * that somebody with a shorter chain has put out. Among equals both count. So nobody can undo their own expulsion, and
 * the network's own key can undo everything.
 */
export function standingOf(
  revocations: Iterable<Revoked>,
  admissions: Iterable<Admitted>,
  sharedKeys: Iterable<Rotated>,
): Standing {
  const { out, closed, counting } = revoked([...revocations]);
  const keys = [...sharedKeys].filter(({ chain }) => !standsOn(chain, out));
  return {
    out,
    closed,
    admitted: admittedBy([...admissions], out, closed),
    sharedKeys: keys.sort((a, b) => b.epoch - a.epoch || compareText(a.id, b.id)),
    // Not from admissions: any box may make one, and one with a wrong clock would let everybody's certificates expire.
    floorS: [...counting, ...keys].reduce((latest, { issuedAt }) => Math.max(latest, issuedAt), 0),
  };
}

/** The revocation of a key that a chain stands on, if there is one. */
export function standsOn(
  chain: readonly Certificate[],
  out: ReadonlyMap<string, Revoked>,
): Revoked | undefined {
  if (out.size === 0) return undefined;
  for (const key of keysOf(chain)) {
    const found = out.get(keyText(key));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Why somebody who came by an invite is not in, or undefined. */
export function entryProblem(
  entry: Entry,
  standing: Pick<Standing, "closed" | "admitted">,
): string | undefined {
  const came = standing.admitted.get(keyText(entry.invite));
  if (entry.single && came !== undefined && winnerOf(came) !== keyText(entry.subject)) {
    return "the invite was for one, and somebody else came by it before";
  }
  if (entry.isSettled || !standing.closed.has(keyText(entry.invite))) return undefined;
  return came?.has(keyText(entry.subject)) ? undefined : "the invite is closed";
}

/** Who came first; of those who came in the same second the one whose key is the smallest. */
function winnerOf(came: ReadonlyMap<string, number>): string | undefined {
  let first: [string, number] | undefined;
  for (const [subject, at] of came) {
    if (first === undefined || at < first[1] || (at === first[1] && subject < first[0])) {
      first = [subject, at];
    }
  }
  return first?.[0];
}

function revoked(all: Revoked[]) {
  const out = new Map<string, Revoked>();
  const closed = new Map<string, Revoked>();
  const counting: Revoked[] = [];
  const levels = [...new Set(all.map(({ chain }) => chain.length))].sort((a, b) => a - b);
  for (const level of levels) {
    const before = new Map(out);
    for (const revocation of all) {
      if (revocation.chain.length !== level || standsOn(revocation.chain, before)) continue;
      counting.push(revocation);
      const kept = revocation.kind === "out" ? out : closed;
      const key = keyText(revocation.key);
      const other = kept.get(key);
      // Which of two is named as the reason must not depend on their order either.
      if (other === undefined || isBefore(revocation, other)) kept.set(key, revocation);
    }
  }
  return { out, closed, counting };
}

function isBefore(a: Revoked, b: Revoked): boolean {
  return a.chain.length - b.chain.length < 0 || (a.chain.length === b.chain.length && a.id < b.id);
}

/**
 * An admission counts when its signer is in without it. Those of boxes that are in by another admission follow, round by
 * round: nobody who came by a closed invite can vouch for itself, nor two of them for each other.
 */
function admittedBy(
  all: Admitted[],
  out: Standing["out"],
  closed: Standing["closed"],
): Map<string, Map<string, number>> {
  const admitted = new Map<string, Map<string, number>>();
  let waiting = all.filter(({ chain }) => !standsOn(chain, out));
  for (;;) {
    const standing = { closed, admitted };
    const isIn = ({ chain }: Admitted) => entriesOf(chain).every((entry) => isLetIn(entry, standing));
    const counting = new Set(waiting.filter(isIn));
    if (counting.size === 0) return admitted;
    for (const admission of counting) note(admitted, admission);
    waiting = waiting.filter((admission) => !counting.has(admission));
  }
}

/** Like {@link entryProblem}, for signers: of two who came by an invite for one, both are heard, or the rounds might never agree. */
function isLetIn(entry: Entry, standing: Pick<Standing, "closed" | "admitted">): boolean {
  return entryProblem({ ...entry, single: false }, standing) === undefined;
}

function note(admitted: Map<string, Map<string, number>>, { invite, certificate, issuedAt }: Admitted): void {
  const came = admitted.get(keyText(invite)) ?? new Map<string, number>();
  const subject = keyText(certificate.subject);
  came.set(subject, Math.min(issuedAt, came.get(subject) ?? issuedAt));
  admitted.set(keyText(invite), came);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
