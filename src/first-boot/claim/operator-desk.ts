import { createHash, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { SourceLimiter } from "../../host/source-limiter.ts";
import { type Document, openDocument } from "../../store/index.ts";
import { isClaimCode, newClaimCode } from "./claim-code.ts";
import {
  isPassword,
  keepPassword,
  MAX_PASSWORD_CHARS,
  MIN_PASSWORD_CHARS,
  type PasswordCost,
  passwordSchema,
} from "./operator-password.ts";

const FILE = "operator.json";
/** More browsers than an operator has; the oldest session gives way. */
const MAX_SESSIONS = 16;
const TOKEN_BYTES = 32;

const schema = z.looseObject({
  /** What the operator is claimed by; null once it has been used. */
  code: z.string().max(32).nullable(),
  password: passwordSchema.nullable(),
  /** SHA-256 of the sessions' tokens in hex, the newest first: who reads the file has no session by it. */
  sessions: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(MAX_SESSIONS),
});

type OperatorState = z.infer<typeof schema>;

/** Why somebody was not let in. `slow`: too many tries; `claimed` and `unclaimed`: the other form is the right one. */
export type Refusal = "claimed" | "unclaimed" | "code" | "password" | "short" | "long" | "slow";

export type Entry = { session: string } | { refused: Refusal };

export interface OperatorDeskOptions {
  stateFolder: string;
  randomBytes: (count: number) => Uint8Array;
  monotonicMs: () => number;
  /** Told what an operator should know: claims, and what cannot be kept. */
  told: (message: string) => void;
  /** What a new password costs to try; less for tests. */
  passwordCost?: PasswordCost;
}

/** One source has five tries at once and then one in twenty seconds; all together three a second. */
const LIMITS = { burst: 5, perSecond: 1 / 20, totalPerSecond: 3, maxSources: 1_024 };

/**
 * Who operates this box. Until somebody has claimed it there is a code, shown where one has to be beside the box; whoever
 * types it in becomes the operator, with a password of their own, and the code is used up.
 */
export class OperatorDesk {
  private readonly document: Document<OperatorState>;
  private readonly limiter: SourceLimiter;
  /** What holds when the medium cannot be written. */
  private state: OperatorState;

  constructor(private readonly options: OperatorDeskOptions) {
    const { stateFolder, randomBytes, monotonicMs, told } = options;
    this.limiter = new SourceLimiter(LIMITS, monotonicMs());
    this.document = openDocument(join(stateFolder, FILE), schema, () => unclaimed(randomBytes));
    this.state = this.document.data;
    for (const aside of this.document.setAside)
      told(`who operates this box could not be read; what is left of it is in ${aside}`);
    if (this.document.origin !== "current") this.keep((state) => state);
  }

  /** What to claim the box by; undefined once it has been claimed. */
  get claimCode(): string | undefined {
    return this.state.code ?? undefined;
  }

  /**
   * Makes whoever has the code the operator.
   * @param source whose tries are counted together: an address
   */
  async claim(typed: string, password: string, source: string): Promise<Entry> {
    if (!this.limiter.takes(source, this.options.monotonicMs())) return { refused: "slow" };
    const wrong = unfit(password);
    // The code is looked at first: who does not have it learns nothing of passwords, and who does keeps it.
    if (this.state.code === null) return { refused: "claimed" };
    if (!isClaimCode(this.state.code, typed)) return { refused: "code" };
    if (wrong !== undefined) return { refused: wrong };
    const kept = await keepPassword(password, this.options.randomBytes(16), this.options.passwordCost);
    // Somebody else may have been as fast.
    if (this.state.code === null) return { refused: "claimed" };
    const session = this.newToken();
    this.keep(() => ({ code: null, password: kept, sessions: [tokenHash(session)] }));
    this.options.told("somebody with the claim code has become the operator of this box");
    return { session };
  }

  async signIn(password: string, source: string): Promise<Entry> {
    if (!this.limiter.takes(source, this.options.monotonicMs())) return { refused: "slow" };
    const kept = this.state.password;
    if (kept === null) return { refused: "unclaimed" };
    if (!(await isPassword(kept, password))) return { refused: "password" };
    const session = this.newToken();
    this.keep((state) => ({
      ...state,
      sessions: [tokenHash(session), ...state.sessions].slice(0, MAX_SESSIONS),
    }));
    return { session };
  }

  /** Sets another password, and signs all other browsers out. */
  async changePassword(present: string, next: string, source: string): Promise<Entry> {
    const wrong = unfit(next);
    if (wrong !== undefined) return { refused: wrong };
    const entry = await this.signIn(present, source);
    if ("refused" in entry) return entry;
    const password = await keepPassword(next, this.options.randomBytes(16), this.options.passwordCost);
    this.keep((state) => ({ ...state, password, sessions: [tokenHash(entry.session)] }));
    return entry;
  }

  /** Whether a token is one that was given out and not signed out since. */
  isSession(token: string): boolean {
    const hash = Buffer.from(tokenHash(token), "hex");
    return this.state.sessions.some((kept) => timingSafeEqual(Buffer.from(kept, "hex"), hash));
  }

  signOut(token: string): void {
    const gone = tokenHash(token);
    if (!this.state.sessions.includes(gone)) return;
    this.keep((state) => ({ ...state, sessions: state.sessions.filter((kept) => kept !== gone) }));
  }

  /** Makes the box unclaimed again, with a new code: for those who have lost the password and are root on the box. */
  release(): string {
    const fresh = unclaimed(this.options.randomBytes);
    this.keep(() => fresh);
    this.options.told("the box can be claimed again, by a new code");
    return fresh.code ?? "";
  }

  private newToken(): string {
    return Buffer.from(this.options.randomBytes(TOKEN_BYTES)).toString("base64url");
  }

  /** Where the medium cannot be written, it holds until the restart. */
  private keep(change: (state: OperatorState) => OperatorState): void {
    const next = change(this.state);
    this.state = next;
    try {
      // Twice, so that the copy before it is the same: a code that was used must not come back with a torn file.
      for (let copy = 0; copy < 2; copy += 1) this.document.update((data) => void Object.assign(data, next));
    } catch (error) {
      this.options.told(
        `who operates this box is not kept: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

const unclaimed = (randomBytes: (count: number) => Uint8Array): OperatorState => ({
  code: newClaimCode(randomBytes),
  password: null,
  sessions: [],
});

function unfit(password: string): "short" | "long" | undefined {
  const length = [...password].length;
  if (length < MIN_PASSWORD_CHARS) return "short";
  return length > MAX_PASSWORD_CHARS ? "long" : undefined;
}

const tokenHash = (token: string) => createHash("sha256").update(token).digest("hex");
