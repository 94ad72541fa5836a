import { timingSafeEqual } from "node:crypto";

const MAX_KEPT = 16_384;

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
      .slice(0, 22);
    if (this.kept.size >= MAX_KEPT) this.kept.clear();
    this.kept.set(address, token);
    return token;
  }

  matches(address: string, token: string): boolean {
    const [expected, given] = [Buffer.from(this.of(address)), Buffer.from(token)];
    return expected.length === given.length && timingSafeEqual(expected, given);
  }
}
