import { z } from "zod";
import type { CommandAnswer, LeaseAnswer, ProviderNews } from "./lease-transport.ts";

/** What a provider says is none of what it can say. */
export class LeaseAnswerError extends Error {
  override readonly name = "LeaseAnswerError";
}

/** An answer, and a line of news, has at most so many bytes. */
export const MAX_ANSWER_BYTES = 65_536;

/** A line of known_hosts is made of it. */
const HOST_KEY = /^[a-z0-9-]{1,40} [A-Za-z0-9+/]{1,900}={0,2}$/;
const MAX_CERTIFICATES_CHARS = 4_000;

const text = z.string().max(2_000);
const tunnel = z.object({
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  endpoint: z
    .object({ address: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65_535) })
    .optional()
    .transform((endpoint) => endpoint ?? undefined),
});
const certificates = z.base64().max(MAX_CERTIFICATES_CHARS).optional();
const answer = z.discriminatedUnion("is", [
  z.object({ is: z.literal("admitted"), tunnel, certificates }),
  z.object({ is: z.literal("queued"), why: text, certificates }),
  z.object({ is: z.literal("refused"), why: text, certificates }),
]);
const boxAnswer = z.object({ is: z.literal("box"), key: z.string().regex(/^[0-9a-f]{64}$/) });
const commandAnswer = z.discriminatedUnion("is", [
  z.object({ is: z.literal("done") }),
  z.object({ is: z.literal("unknown") }),
  z.object({ is: z.literal("refused"), why: text, beyond: z.int().min(0).optional() }),
]);
const news = z.discriminatedUnion("is", [
  z.object({ is: z.enum(["queued", "resumed", "checkpointed"]) }),
  z.object({ is: z.literal("running"), hostKey: z.string().regex(HOST_KEY).optional() }),
  z.object({ is: z.literal("admitted"), tunnel }),
  z.object({ is: z.literal("waiting"), why: text, place: z.int().min(1) }),
  z.object({ is: z.literal("preparing"), step: z.string().max(32) }),
  z.object({ is: z.enum(["suspended", "notSaved"]), why: text }),
  z.object({
    is: z.literal("ended"),
    outcome: z.enum([
      ...(["released", "expired", "silent", "punished", "displaced"] as const),
      ...(["host", "failed", "swept", "refused"] as const),
    ]),
    why: text,
    hasCheckpoint: z.boolean(),
  }),
]);

/**
 * @param said JSON
 * @returns with it the requester's better certificates, where the provider has made such
 * @throws {LeaseAnswerError}
 */
export function readAnswer(said: string): { answer: LeaseAnswer; certificates: Uint8Array | undefined } {
  const { certificates: encoded, ...rest } = parsed(answer, said);
  const better = encoded === undefined ? undefined : Uint8Array.from(Buffer.from(encoded, "base64"));
  return { answer: rest, certificates: better };
}

/** Which box it is that answers. @param said JSON @throws {LeaseAnswerError} */
export const readBoxKey = (said: string): string => parsed(boxAnswer, said).key;

/** @param said JSON @throws {LeaseAnswerError} */
export function readCommandAnswer(said: string): CommandAnswer {
  const read = parsed(commandAnswer, said);
  return read.is === "refused" ? { ...read, beyond: read.beyond } : read;
}

/** @param line JSON, or "" as a sign of life, which says nothing @throws {LeaseAnswerError} */
export const readNews = (line: string): ProviderNews | undefined =>
  line === "" ? undefined : parsed(news, line);

function parsed<T>(form: z.ZodType<T>, said: string): T {
  if (said.length > MAX_ANSWER_BYTES) throw new LeaseAnswerError("the answer is too long");
  let value: unknown;
  try {
    value = JSON.parse(said);
  } catch {
    throw new LeaseAnswerError("the answer is no JSON");
  }
  const result = form.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new LeaseAnswerError(`the answer: ${issue?.path.join(".") || "it"}: ${issue?.message}`);
}
