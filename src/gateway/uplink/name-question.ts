import { createRequire } from "node:module";
import { onFirstUse } from "../../host/on-first-use.ts";

/** dns-packet 5.6.1, which brings no types: what is used of it here. */
interface DnsMessage {
  id: number;
  type: "query" | "response";
  rcode?: string;
  questions: readonly { type: string; name: string }[];
  answers: readonly { type: string; data: unknown }[];
}
interface DnsPacket {
  encode(message: Partial<DnsMessage> & { flags: number }): Uint8Array;
  decode(bytes: Uint8Array): DnsMessage;
  RECURSION_DESIRED: number;
}
const dnsPacket = onFirstUse(() => createRequire(import.meta.url)("dns-packet") as DnsPacket);

/** RFC 9715: what passes everywhere in one piece. */
export const MAX_NAME_ANSWER_BYTES = 1_400;
const MAX_ADDRESSES = 8;

/** A question for the addresses of a name, by UDP (RFC 1035 section 4.1). */
export function nameQuestion(id: number, name: string, type: "A" | "AAAA"): Uint8Array {
  return dnsPacket().encode({
    ...{ id, type: "query", flags: dnsPacket().RECURSION_DESIRED },
    questions: [{ type, name }],
  });
}

/**
 * The addresses of an answer; none where the server knows of none, undefined for what is no answer to this question.
 */
export function nameAnswer(
  bytes: Uint8Array,
  id: number,
  name: string,
  type: "A" | "AAAA",
): string[] | undefined {
  if (bytes.length > MAX_NAME_ANSWER_BYTES) return undefined;
  const { decode } = dnsPacket();
  try {
    const { id: answered, type: kind, rcode, questions, answers } = decode(Buffer.from(bytes));
    const [question] = questions;
    if (answered !== id || kind !== "response" || question?.type !== type) return undefined;
    if (question.name.toLowerCase() !== name.toLowerCase()) return undefined;
    if (rcode !== "NOERROR") return [];
    return answers
      .flatMap((one) => (one.type === type && typeof one.data === "string" ? [one.data] : []))
      .slice(0, MAX_ADDRESSES);
  } catch {
    // What cannot be read is no answer.
    return undefined;
  }
}
