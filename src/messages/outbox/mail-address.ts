import { domainToASCII } from "node:url";

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
/** RFC 5321, section 4.1.2: a Dot-string. */
const LOCAL = new RegExp(`^${ATOM}(\\.${ATOM})*$`);
const DOMAIN = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z]$/;
const MAX_LOCAL = 64;

/**
 * The one mail address of a `mailto:` (RFC 6068), its domain as DNS has it.
 * @returns undefined where there are several, header fields, or what no server would take: it goes into commands and headers
 */
export function mailAddress(uri: string): string | undefined {
  if (!uri.startsWith("mailto:")) return undefined;
  const parts = decoded(uri.slice("mailto:".length))?.split("@") ?? [];
  const [local = "", named = ""] = parts;
  if (parts.length !== 2 || local.length > MAX_LOCAL || !LOCAL.test(local)) return undefined;
  // Characters that are none of a name are dropped or kept by what maps it: none may be there before.
  const domain = /^[\p{L}\p{M}\p{N}.-]+$/u.test(named) ? domainToASCII(named) : "";
  return domain.length <= 253 && DOMAIN.test(domain) ? `${local}@${domain}` : undefined;
}

function decoded(text: string): string | undefined {
  // What follows a question mark would be header fields.
  if (text.includes("?")) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
