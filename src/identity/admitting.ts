import type { Chain } from "./certificate.ts";
import { entriesOf, isSameKey, keyText } from "./chain-check.ts";
import type { Credentials } from "./credentials.ts";
import type { Seen } from "./hearing.ts";
import { settledChain } from "./issuing.ts";
import type { KeptStatements } from "./kept-statements.ts";
import { type Fact, signStatement } from "./statement.ts";

/** Who has an invite for many could fill the others' memory with names of its own making. */
const MAX_ADMISSIONS_AN_INVITE = 500;

/** Writes down who came by an invite, and lets those stay whose invite ends. */
export class Admitting {
  constructor(
    private readonly network: Uint8Array,
    private readonly credentials: Credentials,
    private readonly statements: KeptStatements,
    /** Why the others refuse this box. */
    private readonly problem: () => string | undefined,
  ) {}

  /**
   * Whoever came by an invite is written down once: of two who use an invite for one the first counts, closing an invite leaves
   * in who was there before, and only who was seen to come is heard.
   * @param chain a member's
   * @returns a new statement, which is taken in
   */
  note(chain: Chain): Uint8Array | undefined {
    const [certificate, invite] = chain;
    if (invite?.role !== "invite" || !this.mayAdmitBy(invite.subject)) return undefined;
    const heard = this.statements.standing.admitted.get(keyText(invite.subject))?.size ?? 0;
    const seen = this.seenToCome(chain);
    // Of two who come by an invite for one those count first who were seen nearer to the network's key.
    const isNearer = invite.uses === 1 && seen !== undefined && seen.distance > this.credentials.chain.length;
    if (this.hasNoted(chain) || (seen !== undefined && !isNearer)) return undefined;
    if (heard >= MAX_ADMISSIONS_AN_INVITE) return undefined;
    const fact: Fact = { what: "admission", invite: invite.subject, certificate };
    const admission = signStatement(this.network, fact, this.statements.nowS(), this.credentials.member);
    if (this.statements.take(admission) === "known") return undefined;
    if (invite.uses === 1) {
      // Nobody else may be let in by it meanwhile, nor after a power cut.
      this.statements.book.countNow();
      this.statements.flush();
    }
    return admission;
  }

  /**
   * Certificates for a member that came by an invite, which do not end with that.
   * @returns undefined where nobody has seen it come, or this box can give it nothing better
   */
  settled(chain: Chain): Chain | undefined {
    // That somebody who is heard has seen it, or this box, to which it may not count yet.
    if (this.seenToCome(chain) === undefined && !this.hasNoted(chain)) return undefined;
    return settledChain(this.credentials.issuer, chain, this.statements.nowS());
  }

  private hasNoted([{ subject: who }, invite]: Chain): boolean {
    const noted = invite === undefined ? [] : this.statements.book.admissionsOf(invite.subject);
    const own = this.credentials.key.publicKey;
    return noted.some(
      ({ certificate: { subject }, signer }) => isSameKey(subject, who) && isSameKey(signer, own),
    );
  }

  private seenToCome([{ subject }, invite]: Chain): Seen | undefined {
    if (invite?.role !== "invite") return undefined;
    return this.statements.standing.admitted.get(keyText(invite.subject))?.get(keyText(subject));
  }

  private mayAdmitBy(invite: Uint8Array): boolean {
    const { chain } = this.credentials;
    const isOwnToo = entriesOf(chain).some((entry) => isSameKey(entry.invite, invite));
    const mayBe = chain[0].role === "box" || chain[0].role === "operator";
    return mayBe && !isOwnToo && this.problem() === undefined;
  }
}
