import { z } from "zod";
import type { Logger } from "../host/log.ts";
import type { CommandAnswer, LeaseAnswer, LeaseTransport, ProviderNews } from "./lease-transport.ts";

/** A provider by HTTP answers something that it cannot. */
export class LeaseHttpError extends Error {
  override readonly name = "LeaseHttpError";
}

/** Where boxes are asked for virtual machines, TCP. */
export const LEASE_PORT = 24_700;

const TIMEOUT_MS = 15_000;
/** Its beat is 20 s. */
const SILENT_MS = 50_000;
const AGAIN_MS = 2_000;
const MAX_ANSWER_BYTES = 65_536;

/** A line of known_hosts is made of it. */
const HOST_KEY = /^[a-z0-9-]{1,40} [A-Za-z0-9+/]{1,900}={0,2}$/;

const text = z.string().max(2_000);
const tunnel = z.object({
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  endpoint: z
    .object({ address: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65_535) })
    .optional()
    .transform((endpoint) => endpoint ?? undefined),
});
const answer = z.discriminatedUnion("is", [
  z.object({ is: z.literal("admitted"), tunnel }),
  z.object({ is: z.literal("queued"), why: text }),
  z.object({ is: z.literal("refused"), why: text }),
]);
const commandAnswer = z.discriminatedUnion("is", [
  z.object({ is: z.literal("done") }),
  z.object({ is: z.literal("unknown") }),
  z.object({ is: z.literal("refused"), why: text, beyond: z.int().min(0).optional() }),
]);
const news = z.discriminatedUnion("is", [
  z.object({ is: z.enum(["queued", "resumed", "checkpointed"]) }),
  z.object({ is: z.literal("running"), hostKey: z.string().regex(HOST_KEY).optional() }),
  z.object({ is: z.literal("admitted"), tunnel }),
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
 * The way to a provider whose address is known.
 * @param provider "192.0.2.1", "192.0.2.1:24700", "[2001:db8::1]:24700" or a name
 * @throws {LeaseHttpError} when it is none of these
 */
export class LeaseHttp implements LeaseTransport {
  readonly base: URL;

  constructor(
    provider: string,
    private readonly log: Logger,
  ) {
    const isBareIpv6 = (provider.match(/:/g)?.length ?? 0) > 1 && !provider.startsWith("[");
    const url = URL.parse(`http://${isBareIpv6 ? `[${provider}]` : provider}`);
    if (url === null || url.pathname !== "/" || url.username !== "" || url.search !== "" || url.hash !== "")
      throw new LeaseHttpError(`${provider}: is no address and no name`);
    // A URL leaves out the port that is HTTP's own.
    if (url.port === "" && !/:80$/.test(provider)) url.port = String(LEASE_PORT);
    this.base = url;
  }

  async request(bytes: Uint8Array): Promise<LeaseAnswer> {
    return parsed(answer, await this.post("v1/leases", bytes));
  }

  async command(bytes: Uint8Array): Promise<CommandAnswer> {
    const said = parsed(commandAnswer, await this.post("v1/commands", bytes));
    return said.is === "refused" ? { ...said, beyond: said.beyond } : said;
  }

  events(lease: string, told: (news: ProviderNews) => void): () => void {
    const over = new AbortController();
    void this.follow(lease, told, over.signal);
    return () => over.abort();
  }

  private async post(path: string, bytes: Uint8Array): Promise<unknown> {
    const response = await fetch(new URL(path, this.base), {
      method: "POST",
      headers: { "content-type": "application/cbor" },
      body: Uint8Array.from(bytes),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const said = await response.text();
    if (said.length > MAX_ANSWER_BYTES) throw new LeaseHttpError("the answer is too long");
    if (!response.ok && response.status !== 400)
      throw new LeaseHttpError(`the box answers ${response.status}: ${said.slice(0, 200)}`);
    try {
      return JSON.parse(said);
    } catch {
      throw new LeaseHttpError("the answer is no JSON");
    }
  }

  /** Until it is over: a stream that ends is asked for anew, and begins with how the lease stands. */
  private async follow(lease: string, told: (news: ProviderNews) => void, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        await this.followOnce(lease, told, over);
      } catch (error) {
        if (!over.aborted) this.log.debug({ error }, `news of lease ${lease}`);
      }
      if (!over.aborted) await Bun.sleep(AGAIN_MS);
    }
  }

  private async followOnce(
    lease: string,
    told: (news: ProviderNews) => void,
    over: AbortSignal,
  ): Promise<void> {
    const silent = new AbortController();
    const patience = () => setTimeout(() => silent.abort(), SILENT_MS);
    let timer = patience();
    try {
      const signal = AbortSignal.any([over, silent.signal]);
      const response = await fetch(new URL(`v1/leases/${lease}/events`, this.base), {
        redirect: "error",
        signal,
      });
      if (!response.ok || response.body === null)
        throw new LeaseHttpError(`the box answers ${response.status}`);
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of response.body) {
        clearTimeout(timer);
        timer = patience();
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > MAX_ANSWER_BYTES) throw new LeaseHttpError("a line is too long");
        for (const line of lines) if (line !== "" && !over.aborted) told(parsed(news, JSON.parse(line)));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

function parsed<T>(form: z.ZodType<T>, said: unknown): T {
  const result = form.safeParse(said);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new LeaseHttpError(`the answer: ${issue?.path.join(".") || "it"}: ${issue?.message}`);
}
