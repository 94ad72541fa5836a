/** What an answer to a request for a page with status 204 says of the way that it came by. */
export type ReachVerdict = { kind: "reached" } | { kind: "captive"; portalUrl: string } | { kind: "broken" };

const HEAD_END = "\r\n\r\n";
const MAX_URL = 500;
/** An answer's head of a server that means well is far shorter. */
export const MAX_ANSWER_BYTES = 4_096;

/** A request that says nothing of who sends it. */
export function reachRequest(target: URL): Uint8Array {
  const lines = [
    `GET ${target.pathname}${target.search} HTTP/1.1`,
    `Host: ${target.host}`,
    "Connection: close",
  ];
  return Buffer.from(`${lines.join("\r\n")}${HEAD_END}`, "latin1");
}

export const isWholeHead = (answer: Uint8Array): boolean => Buffer.from(answer).includes(HEAD_END);

/**
 * Only the status that was expected, or 200 with nothing, which some proxies make of it, came from the target. A
 * redirect, or another page in its place, is a captive portal's (RFC 8952 section 2.1, RFC 6585 section 6); an error is
 * neither. Whatever came is text of a stranger: it is bounded, and the address must be one of the web.
 */
export function reachVerdict(answer: Uint8Array, target: URL): ReachVerdict {
  const text = Buffer.from(answer.subarray(0, MAX_ANSWER_BYTES)).toString("latin1");
  const [head = ""] = text.split(HEAD_END);
  const [first = "", ...fields] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})( |$)/.exec(first)?.[1] ?? 0);
  const field = (name: string) =>
    fields
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  if (status === 204 || (status === 200 && field("content-length") === "0")) return { kind: "reached" };
  if (status >= 300 && status < 400) {
    const to = webAddress(field("location") ?? "", target);
    // Its own server may send it from http to https: that is no portal, and does not say that all is well either.
    if (to === undefined || to.hostname === target.hostname) return { kind: "broken" };
    return { kind: "captive", portalUrl: to.href };
  }
  return status === 200 || status === 511 ? { kind: "captive", portalUrl: target.href } : { kind: "broken" };
}

function webAddress(text: string, base: URL): URL | undefined {
  if (text === "" || text.length > MAX_URL || !URL.canParse(text, base.href)) return undefined;
  const url = new URL(text, base.href);
  return ["http:", "https:"].includes(url.protocol) && url.href.length <= MAX_URL ? url : undefined;
}
