import type { Logger } from "../host/log.ts";
import { boundedBody, followLines } from "./followed-lines.ts";
import { readAnswer, readCommandAnswer, readNews } from "./lease-answers.ts";
import type { CommandAnswer, LeaseAnswer, LeaseTransport, ProviderNews } from "./lease-transport.ts";

/** A provider by HTTP answers something that it cannot. */
export class LeaseHttpError extends Error {
  override readonly name = "LeaseHttpError";
}

/** Where boxes are asked for virtual machines, TCP. */
export const LEASE_PORT = 24_700;

const TIMEOUT_MS = 15_000;

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
    return readAnswer(await this.post("v1/leases", bytes)).answer;
  }

  async command(bytes: Uint8Array): Promise<CommandAnswer> {
    return readCommandAnswer(await this.post("v1/commands", bytes));
  }

  events(lease: string, told: (news: ProviderNews) => void): () => void {
    return followLines({
      open: async (signal) => {
        const url = new URL(`v1/leases/${lease}/events`, this.base);
        const response = await fetch(url, { redirect: "error", signal });
        if (!response.ok || response.body === null)
          throw new LeaseHttpError(`the box answers ${response.status}`);
        return response.body;
      },
      line: (text) => {
        const news = readNews(text);
        if (news) told(news);
      },
      what: `news of lease ${lease}`,
      log: this.log,
    });
  }

  private async post(path: string, bytes: Uint8Array): Promise<string> {
    const response = await fetch(new URL(path, this.base), {
      method: "POST",
      headers: { "content-type": "application/cbor" },
      body: Uint8Array.from(bytes),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: Error & { code?: unknown }) => {
      throw new LeaseHttpError(
        error.name === "TimeoutError"
          ? `${this.base.host} has not answered within ${TIMEOUT_MS / 1_000} s`
          : `nobody answers at ${this.base.host} (${error.code ?? error.message})`,
      );
    });
    const said = new TextDecoder().decode(await boundedBody(response));
    if (!response.ok && response.status !== 400)
      throw new LeaseHttpError(`the box answers ${response.status}: ${said.slice(0, 200)}`);
    return said;
  }
}
