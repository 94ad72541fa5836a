import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** What the work lets through, and nothing else. */
export interface Asked {
  /** What is written: a form's kind. */
  what: string;
  /** The device. */
  station: string;
  /** The very message: a form's name, a bundle's digest. */
  message: string;
}

/**
 * Why a solution lets nothing through. `form`: it has not the form of one. `easy`: its challenge was given when less was asked for.
 * `unsolved`: a guess is wrong.
 */
export type WorkProblem = "form" | "forged" | "expired" | "easy" | "replayed" | "unsolved";

export interface WorkChallengesOptions {
  /** This box's alone, and only until it starts again: 32 bytes. */
  secret: Uint8Array;
  randomBytes: (count: number) => Uint8Array;
  monotonicMs: () => number;
}

const PARTS = 16;
/** Age, tries and a random number, 16 bytes, and as many of the code. */
const SAID_BYTES = 16;
const CHALLENGE_BYTES = 32;
/** From the answer to the form that comes back: somebody on an old phone may read it through first. */
const VALID_S = 10 * 60;
/** More than the limits of `WritingGate` let through while a challenge holds. */
const MAX_SPENT = 20_480;
const SOLUTION = new RegExp(`^([0-9a-f]{${CHALLENGE_BYTES * 2}})\\.([0-9a-f]{${PARTS * 8}})$`);
export const SOLUTION_CHARS = CHALLENGE_BYTES * 2 + 1 + PARTS * 8;

/**
 * Proof of work by SHA-256, as in hashcash (A. Back, 2002), cut into 16 parts (as in Juels and Brainard, Client Puzzles, NDSS 1999) so
 * that luck matters little. SHA-256, as it needs no memory, and is the one thing that a ten-year-old browser does at the speed of
 * the machine: what takes memory to solve would cost old phones more than those who flood.
 *
 * A challenge is 32 bytes in hex: the second in which it was given by the monotonic clock, tries for each part, 8 random bytes, and 16
 * of an HMAC over these and what is asked for. Nothing is kept of it until it was solved. A part is solved by a number with which
 * SHA-256(challenge, part, number) begins with 32 bits that are below 2^32 / tries. A solution is the challenge, a point, and the 16
 * numbers in hex, 8 digits each.
 */
export class WorkChallenges {
  /** Challenges whose work has let something through, and until which second they would hold. */
  private readonly spent = new Map<string, number>();

  constructor(private readonly options: WorkChallengesOptions) {}

  /** @param tries for each part, on average */
  give(asked: Asked, tries: number): string {
    const said = Buffer.alloc(SAID_BYTES);
    said.writeUInt32BE(this.nowS(), 0);
    said.writeUInt32BE(tries, 4);
    said.set(this.options.randomBytes(8), 8);
    return Buffer.concat([said, this.codeOf(asked, said)]).toString("hex");
  }

  /**
   * undefined where the solution holds. Costs an HMAC and 16 hashes at most.
   * @param leastTries for each part: a challenge of fewer holds no more
   */
  problemOf(asked: Asked, solution: string, leastTries: number): WorkProblem | undefined {
    const [, text, guesses] = SOLUTION.exec(solution) ?? [];
    if (text === undefined || guesses === undefined) return "form";
    const challenge = Buffer.from(text, "hex");
    const said = challenge.subarray(0, SAID_BYTES);
    if (!timingSafeEqual(this.codeOf(asked, said), challenge.subarray(SAID_BYTES))) return "forged";
    if (this.nowS() > said.readUInt32BE(0) + VALID_S) return "expired";
    const tries = said.readUInt32BE(4);
    if (tries < leastTries) return "easy";
    if (this.spent.has(text)) return "replayed";
    return isSolved(challenge, tries, Buffer.from(guesses, "hex")) ? undefined : "unsolved";
  }

  /** Something was let through by a solution that holds. @returns false where no more can be remembered: then nothing is let through */
  spend(solution: string): boolean {
    const nowS = this.nowS();
    for (const [challenge, untilS] of this.spent) {
      if (untilS >= nowS) break;
      this.spent.delete(challenge);
    }
    if (this.spent.size >= MAX_SPENT) return false;
    // Later than it would hold: so they are in the order in which they are forgotten.
    this.spent.set(solution.slice(0, CHALLENGE_BYTES * 2), nowS + VALID_S);
    return true;
  }

  private codeOf({ what, station, message }: Asked, said: Uint8Array): Buffer {
    // As JSON: no two questions give the same bytes.
    return createHmac("sha256", this.options.secret)
      .update(said)
      .update(JSON.stringify([what, station, message]))
      .digest()
      .subarray(0, CHALLENGE_BYTES - SAID_BYTES);
  }

  private nowS(): number {
    return Math.floor(this.options.monotonicMs() / 1_000);
  }
}

function isSolved(challenge: Uint8Array, tries: number, guesses: Buffer): boolean {
  const most = 2 ** 32 / tries;
  const message = Buffer.alloc(CHALLENGE_BYTES + 8);
  message.set(challenge);
  for (let part = 0; part < PARTS; part += 1) {
    message.writeUInt32BE(part, CHALLENGE_BYTES);
    message.set(guesses.subarray(part * 4, part * 4 + 4), CHALLENGE_BYTES + 4);
    if (createHash("sha256").update(message).digest().readUInt32BE() >= most) return false;
  }
  return true;
}
