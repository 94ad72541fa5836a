import { closeSync, openSync, writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { run } from "../../src/host/run.ts";
import { Exchange } from "./http-exchange.ts";
import { type Lab, LabHost } from "./lab.ts";
import { inNamespace } from "./network-namespace.ts";
import { type Conversation, conversationHandler, DEFAULT_TIMEOUT_MS, Knock } from "./phone-conversation.ts";
import { type LeaseOptions, type PhoneLease, requestLease } from "./phone-lease.ts";
import {
  type OpenOptions,
  PhoneError,
  type PhonePage,
  type PhoneRequest,
  type PhoneResponse,
} from "./phone-request.ts";

/** The name of a phone's only interface inside its namespace. */
export const PHONE_INTERFACE = "wlan0";

/** One phone: a network namespace with one interface in the gateway's bridge. */
export class Phone extends LabHost {
  private readonly namespace: number;
  /** The address that `configure` or `dhcp` gave. */
  address: string | undefined;

  constructor(
    lab: Lab,
    name: string,
    readonly mac: string,
  ) {
    super(lab, name);
    this.namespace = openSync(`/run/netns/${name}`, "r");
  }

  /** Gives the phone a fixed address, a default route and, if `dns` is there, a resolver, for gateways without DHCP. */
  async configure(address: string, prefixLength: number, gateway: string, dns?: string): Promise<void> {
    await run(["ip", "-n", this.name, "-batch", "-"], {
      input: [
        `address replace ${address}/${prefixLength} brd + dev ${PHONE_INTERFACE}`,
        `route replace default via ${gateway}`,
        "",
      ].join("\n"),
    });
    writeFileSync(this.resolvConf, dns === undefined ? "" : `nameserver ${dns}\n`);
    this.address = address;
  }

  /**
   * Gets a lease with busybox udhcpc, as a phone does when it joins, and uses it: address, default route, resolver.
   * @throws {PhoneError} with reason `dhcp` when no server answers within about `tries` seconds.
   */
  async dhcp(options: LeaseOptions = {}): Promise<PhoneLease> {
    const lease = await requestLease(this, PHONE_INTERFACE, options);
    this.address = lease.address;
    return lease;
  }

  /**
   * Sends one HTTP/1.1 request over a TCP connection of its own and reads the whole answer.
   * @throws {PhoneError} when it cannot connect, is cut off, gets no HTTP or is not done within `timeoutMs`.
   */
  request(request: PhoneRequest): Promise<PhoneResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<PhoneResponse>();
    const exchange = new Exchange(this.name, request, resolve, reject);
    this.open(request.address, request.port ?? 80, exchange);
    return promise;
  }

  /**
   * Opens an http address as a browser that has nothing cached: follows up to 5 redirects, each request over a new
   * connection.
   * @throws {PhoneError} as `request`, and with reason `malformed` for a redirect that cannot be followed.
   */
  async openPage(url: string, options: OpenOptions = {}): Promise<PhonePage> {
    let target = new URL(url);
    for (let requests = 1; ; requests++) {
      const request = await requestFor(this.name, target, options);
      const response = await this.request(request);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null)
        return { request, response, requests };
      if (requests > 5)
        throw new PhoneError(this.name, "malformed", `redirected on and on, at last to ${location}`);
      target = new URL(location, target);
    }
  }

  /**
   * Opens a TCP connection and closes it.
   * @returns how long the handshake took, in milliseconds.
   * @throws {PhoneError} with reason `connect` when refused, `timeout` when nothing answers.
   */
  connect(address: string, port: number, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.open(address, port, new Knock(this.name, timeoutMs, resolve, reject));
    return promise;
  }

  /** Runs `action` inside the phone; a socket that it makes before it returns is the phone's. */
  inside<T>(action: () => T): T {
    return inNamespace(this.namespace, action);
  }

  private open(hostname: string, port: number, conversation: Conversation): void {
    // A name would be looked up by another thread, outside the phone.
    if (!isIPv4(hostname)) throw new TypeError(`${hostname} is not an IPv4 address`);
    this.inside(() => Bun.connect({ hostname, port, data: conversation, socket: conversationHandler })).catch(
      (error: unknown) => {
        conversation.fail("connect", error instanceof Error ? error.message : String(error));
      },
    );
  }

  /** Lets go of the namespace; the lab removes it. */
  close(): void {
    closeSync(this.namespace);
  }
}

async function requestFor(phone: string, url: URL, options: OpenOptions): Promise<PhoneRequest> {
  const address = isIPv4(url.hostname) ? url.hostname : await options.resolve?.(url.hostname);
  if (url.protocol !== "http:" || address === undefined)
    throw new PhoneError(phone, "malformed", `cannot open ${url.href}`);
  return {
    address,
    port: Number(url.port || 80),
    host: url.host,
    path: url.pathname + url.search,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}
