import { type Entry, keyText } from "./chain-check.ts";
import {
  type Admissions,
  type Admitted,
  admittedBy,
  isHeard,
  type Revocations,
  type Revoked,
  winnerOf,
} from "./hearing.ts";
import type { SharedKey, Statement } from "./statement.ts";

export type Rotated = Statement & SharedKey;

/** What all statements together amount to. */
export interface Standing {
  /** Whatever stands on one of these keys is refused. */
  out: Revocations;
  /** Invites that let nobody new in. */
  closed: Revocations;
  admitted: Admissions;
  /** Newest first. */
  sharedKeys: readonly SharedKey[];
  /** It is later than this: seconds since 1970, by the network's own key alone. */
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
 * invite could still be used, to make statements that are dated back. Who came second by an invite for one is not heard.
 *
 * Time is moved on by the network's own key alone: any operator with a wrong clock would let everybody's certificates expire.
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
  const floorS = newest(final, 0);
  const nowS = Math.max(floorS, wallS);
  const { out, closed } = revoked(all.revocations, all.admissions, nowS);
  const hearing = { out, closed, nowS };
  const { admitted, winners } = admittedBy(all.admissions, hearing);
  const keys = all.sharedKeys.filter(({ chain }) => isHeard(chain, hearing, admitted, winners));
  return {
    out,
    closed,
    admitted,
    sharedKeys: keys.sort((a, b) => b.epoch - a.epoch || compareText(a.id, b.id)),
    floorS,
  };
}

/** Why somebody who came by an invite is not in, or undefined. Who was settled stays, whatever is said later. */
export function entryProblem(
  entry: Entry,
  { closed, admitted }: Pick<Standing, "closed" | "admitted">,
): string | undefined {
  if (entry.isSettled) return undefined;
  const came = admitted.get(keyText(entry.invite));
  if (entry.single && came !== undefined && winnerOf(came) !== keyText(entry.subject)) {
    return "the invite was for one, and somebody else came by it before";
  }
  if (!closed.has(keyText(entry.invite))) return undefined;
  return came?.has(keyText(entry.subject)) ? undefined : "the invite is closed";
}

/** Level by level of the signers' chains, the network's own key first. */
function revoked(all: Revoked[], admissions: Admitted[], nowS: number) {
  const out = new Map<string, Revoked>();
  const closed = new Map<string, Revoked>();
  const levels = [...new Set(all.map(({ chain }) => chain.length))].sort((a, b) => a - b);
  for (const level of levels) {
    const hearing = { out: new Map(out), closed: new Map(closed), nowS };
    const { admitted, winners } = admittedBy(admissions, hearing);
    for (const revocation of all) {
      if (revocation.chain.length !== level) continue;
      if (!isHeard(revocation.chain, hearing, admitted, winners)) continue;
      const kept = revocation.kind === "out" ? out : closed;
      const key = keyText(revocation.key);
      const other = kept.get(key);
      // Which of two is named as the reason must not depend on their order either.
      if (other === undefined || isBefore(revocation, other)) kept.set(key, revocation);
    }
  }
  return { out, closed };
}

function isBefore(a: Revoked, b: Revoked): boolean {
  return a.chain.length < b.chain.length || (a.chain.length === b.chain.length && a.id < b.id);
}

const newest = (statements: readonly Statement[], sinceS: number): number =>
  statements.reduce((latest, { issuedAt }) => Math.max(latest, issuedAt), sinceS);

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
