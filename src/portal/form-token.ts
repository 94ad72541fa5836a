import { timingSafeEqual } from "node:crypto";

const MAX_KEPT = 16_384;
const TOKEN_CHARS = 22;
/** Random bytes that tell a form from others. */
const FORM_BYTES = 9;

/**
 * Tokens that prove that a form came from a page that this process gave to the same address (against cross-site
 * posts; OWASP's HMAC-based token pattern). The secret lives as long as the process: a form from before a restart is
 * shown again, and nothing else is lost.
 */
export class FormTokens {
  private readonly secret = crypto.getRandomValues(new Uint8Array(32));
  private readonly kept = new Map<string, string>();

  /** The token of an address, 22 characters of base64url. */
  of(address: string): string {
    const known = this.kept.get(address);
    if (known !== undefined) return known;
    const token = new Bun.CryptoHasher("sha256", this.secret)
      .update(address)
      .digest("base64url")
      .slice(0, TOKEN_CHARS);
    if (this.kept.size >= MAX_KEPT) this.kept.clear();
    this.kept.set(address, token);
    return token;
  }

  matches(address: string, token: string): boolean {
    const [expected, given] = [Buffer.from(this.of(address)), Buffer.from(token)];
    return expected.length === given.length && timingSafeEqual(expected, given);
  }

  /** The token of an address and the name of a new form: the same form sent twice can be told from two. */
  forForm(address: string): string {
    return this.again(
      address,
      Buffer.from(crypto.getRandomValues(new Uint8Array(FORM_BYTES))).toString("base64url"),
    );
  }

  /** The token of an address for a form that comes back to whoever filled it in. */
  again(address: string, form: string): string {
    return `${this.of(address)}${form}`;
  }

  /** What {@link forForm} gave out, taken apart. @returns undefined where it is not of this address */
  formOf(address: string, given: string): string | undefined {
    const form = given.slice(TOKEN_CHARS);
    const matches = this.matches(address, given.slice(0, TOKEN_CHARS));
    return matches && /^[\w-]{1,24}$/.test(form) ? form : undefined;
  }
}
