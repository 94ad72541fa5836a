import type { Certificate } from "./certificate.ts";
import { type Entry, entriesOf, hasExpired, keysOf, keyText } from "./chain-check.ts";
import type { Admission, Revocation, SharedKey, Statement } from "./statement.ts";

export type Revoked = Statement & Revocation;
export type Admitted = Statement & Admission;
export type Rotated = Statement & SharedKey;

/** Revocations by the key that they are of, in hex. */
type Revocations = ReadonlyMap<string, Revoked>;
/** By invite and subject, both in hex: when each came, in seconds since 1970 by the clock of who saw it first. */
type Admissions = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** What all statements together amount to. */
export interface Standing {
  /** Whatever stands on one of these keys is refused. */
  out: Revocations;
  /** Invites that let nobody new in. */
  closed: Revocations;
  admitted: Admissions;
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
 *
 * Who came by an invite that has expired or was closed is heard only if somebody who is heard has seen it come. Else such an
 * invite could still be used, to make statements that are dated back.
 *
 * @param wallS what the wall clock says, in seconds since 1970
 */
export function standingOf(
  revocations: Iterable<Revoked>,
  admissions: Iterable<Admitted>,
  sharedKeys: Iterable<Rotated>,
  wallS: number,
): Standing {
  const all = { revocations: [...revocations], admissions: [...admissions], sharedKeys: [...sharedKeys] };
  const final = [...all.revocations, ...all.sharedKeys].filter(({ chain }) => chain.length === 0);
  const nowS = newest(final, wallS);
  const { out, closed, counting } = revoked(all.revocations, all.admissions, nowS);
  const admitted = admittedBy(all.admissions, { out, closed, nowS });
  const keys = all.sharedKeys.filter(({ chain }) => isHeard(chain, { out, closed, nowS, admitted }));
  return {
    out,
    closed,
    admitted,
    sharedKeys: keys.sort((a, b) => b.epoch - a.epoch || compareText(a.id, b.id)),
    // Not from admissions: any box may make one, and one with a wrong clock would let everybody's certificates expire.
    floorS: newest([...counting, ...keys], 0),
  };
}

/** The revocation of a key that a chain stands on, if there is one. */
export function standsOn(chain: readonly Certificate[], out: Revocations): Revoked | undefined {
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
  { closed, admitted }: Pick<Standing, "closed" | "admitted">,
): string | undefined {
  const came = admitted.get(keyText(entry.invite));
  if (entry.single && came !== undefined && winnerOf(came) !== keyText(entry.subject)) {
    return "the invite was for one, and somebody else came by it before";
  }
  if (entry.isSettled || !closed.has(keyText(entry.invite))) return undefined;
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

/** What decides who is heard. */
interface Hearing {
  out: Revocations;
  closed: Revocations;
  admitted: Admissions;
  nowS: number;
}

/** Level by level of the signers' chains, the network's own key first. */
function revoked(all: Revoked[], admissions: Admitted[], nowS: number) {
  const out = new Map<string, Revoked>();
  const closed = new Map<string, Revoked>();
  const counting: Revoked[] = [];
  const levels = [...new Set(all.map(({ chain }) => chain.length))].sort((a, b) => a - b);
  for (const level of levels) {
    const before = { out: new Map(out), closed: new Map(closed), nowS };
    const hearing = { ...before, admitted: admittedBy(admissions, before) };
    for (const revocation of all) {
      if (revocation.chain.length !== level || !isHeard(revocation.chain, hearing)) continue;
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
  return a.chain.length < b.chain.length || (a.chain.length === b.chain.length && a.id < b.id);
}

/** Whether what somebody with this chain says counts. */
function isHeard(chain: readonly Certificate[], { out, closed, admitted, nowS }: Hearing): boolean {
  const [leaf] = chain;
  if (leaf === undefined) return true;
  if (standsOn(chain, out)) return false;
  return entriesOf(chain).every(
    ({ isSettled, invite, subject }) =>
      isSettled ||
      (!closed.has(keyText(invite)) && !hasExpired(leaf, nowS)) ||
      admitted.get(keyText(invite))?.has(keyText(subject)),
  );
}

/** Nobody is that far from who is heard without admission; it bounds the work that made-up admissions can cause. */
const MAX_ROUNDS = 16;

/**
 * Round by round: first those whom members have seen that need no admission, then those whom these have seen, and so on. Two
 * that came by closed invites cannot vouch for each other.
 */
function admittedBy(all: Admitted[], hearing: Omit<Hearing, "admitted">): Map<string, Map<string, number>> {
  const admitted = new Map<string, Map<string, number>>();
  let waiting = all;
  for (let round = 0; round < MAX_ROUNDS && waiting.length > 0; round += 1) {
    const counting = new Set(waiting.filter(({ chain }) => isHeard(chain, { ...hearing, admitted })));
    if (counting.size === 0) break;
    for (const admission of counting) note(admitted, admission);
    waiting = waiting.filter((admission) => !counting.has(admission));
  }
  return admitted;
}

function note(admitted: Map<string, Map<string, number>>, { invite, certificate, issuedAt }: Admitted): void {
  const came = admitted.get(keyText(invite)) ?? new Map<string, number>();
  const subject = keyText(certificate.subject);
  came.set(subject, Math.min(issuedAt, came.get(subject) ?? issuedAt));
  admitted.set(keyText(invite), came);
}

const newest = (statements: readonly Statement[], sinceS: number): number =>
  statements.reduce((latest, { issuedAt }) => Math.max(latest, issuedAt), sinceS);

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
