import { plainDigits } from "../messages/index.ts";

/** Nothing that would mean something in a URI or a mail's head (RFC 6068, section 2; RFC 5321, section 4.1.2). */
const MAIL = /^[\p{L}\p{N}._+=!$'*^{|}~-]{1,64}@[\p{L}\p{N}][\p{L}\p{N}.-]{0,178}$/u;
/** What people put between the digits of a telephone number. */
const BETWEEN = /[\s()./\-\u2010-\u2015\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const TELEPHONE = /^\+?[0-9]{3,20}$/;

/**
 * Somebody who has no box, as people type it: a mail address, or a telephone number in the digits of any script.
 * @returns `mailto:…` (RFC 6068) or `tel:…` (RFC 3966); undefined where it is neither
 */
export function outsideUri(typed: string): string | undefined {
  const text = typed.trim().replace(/^(mailto|tel):/i, "");
  if (MAIL.test(text)) return `mailto:${text}`;
  const number = plainDigits(text).replace(BETWEEN, "");
  return TELEPHONE.test(number) ? `tel:${number}` : undefined;
}
