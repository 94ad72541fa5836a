import { dlopen } from "bun:ffi";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { run } from "../../src/host/run.ts";
import { type Lab, LabHost } from "./lab.ts";

/** The name of a phone's only interface inside its namespace. */
const PHONE_INTERFACE = "wlan0";
const CLONE_NEWNET = 0x4000_0000;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
const EMPTY: Buffer<ArrayBufferLike> = Buffer.alloc(0);

const libc = dlopen("libc.so.6", { setns: { args: ["i32", "i32"], returns: "i32" } });
const home = openSync("/proc/thread-self/ns/net", "r");

/**
 * Runs `action` with the calling thread inside a network namespace. A socket belongs to the namespace in which
 * socket(2) was called for ever, so a socket that `action` makes stays there after the thread has gone home.
 * `action` must make it before it returns: nothing that it leaves to a later turn of the event loop is inside.
 * @param namespace an open file of /run/netns. Source: setns(2).
 */
function inNamespace<T>(namespace: number, action: () => T): T {
  if (libc.symbols.setns(namespace, CLONE_NEWNET) !== 0) throw new Error("setns into a phone failed");
  try {
    return action();
  } finally {
    // Going on in the wrong namespace would send the lab's own traffic from a phone.
    if (libc.symbols.setns(home, CLONE_NEWNET) !== 0) process.abort();
  }
}

/** Runs `action`, which makes its sockets at once (`Bun.listen`, `Bun.connect`), inside `host`'s network namespace. */
export function withNetworkOf<T>(host: LabHost, action: () => T): T {
  const namespace = openSync(`/run/netns/${host.name}`, "r");
  try {
    return inNamespace(namespace, action);
  } finally {
    closeSync(namespace);
  }
}

/** Why a request or a connection of a phone failed. */
export class PhoneError extends Error {
  override readonly name = "PhoneError";
  constructor(
    readonly phone: string,
    readonly reason: "connect" | "timeout" | "closed" | "malformed" | "dhcp",
    detail: string,
  ) {
    super(`${phone}: ${reason}: ${detail}`);
  }
}

export interface PhoneRequest {
  /** IPv4 address to connect to. */
  address: string;
  /** Default 80. */
  port?: number;
  /** Default GET. */
  method?: string;
  /** The Host header; default `address`, with the port where that is not 80. */
  host?: string;
  /** Path with query; default `/`. */
  path?: string;
  /** More headers. `connection: keep-alive` is obeyed in how the end of the body is found; the socket is closed after it. */
  headers?: Record<string, string>;
  /** Sent with its Content-Length. */
  body?: string;
  /** For the whole exchange, connecting included. Default 30,000. */
  timeoutMs?: number;
}

/** An answer, with times in milliseconds since the call. */
export interface PhoneResponse {
  status: number;
  headers: Headers;
  body: string;
  /** When the TCP handshake was over. */
  connectMs: number;
  /** When the first byte of the answer came. */
  firstByteMs: number;
  /** When its last byte came. */
  totalMs: number;
}

/** A document that a phone has opened. */
export interface PhonePage {
  /** The last request, the one that the document answers. */
  request: PhoneRequest;
  response: PhoneResponse;
  /** How many requests it took, redirects included. */
  requests: number;
}

export interface OpenOptions {
  headers?: Record<string, string>;
  /** IPv4 address of a host name; without it only addresses can be opened. */
  resolve?: (name: string) => string | undefined | Promise<string | undefined>;
  /** For each request. Default 30,000. */
  timeoutMs?: number;
}

/** What a DHCP server gave to a phone. */
export interface PhoneLease {
  address: string;
  prefixLength: number;
  router?: string;
  dns: string[];
  leaseSeconds: number;
  server: string;
  /** Option 114, the captive-portal API's address (RFC 8910), when the server sent it. */
  captivePortalUrl?: string;
  /** From the start of the client to its end, in milliseconds. */
  tookMs: number;
}

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
  async dhcp(options: { tries?: number; hostname?: string } = {}): Promise<PhoneLease> {
    const tries = options.tries ?? 5;
    const started = performance.now();
    const output = await run(
      [
        ...["nsenter", `--net=/run/netns/${this.name}`, "busybox", "udhcpc", "-f", "-q", "-n"],
        ...["-i", PHONE_INTERFACE, "-t", String(tries), "-T", "1", "-s", leaseScript(this.lab), "-O", "114"],
        ...(options.hostname === undefined ? [] : ["-x", `hostname:${options.hostname}`]),
      ],
      { env: { PHONE_RESOLV_CONF: this.resolvConf }, timeoutMs: tries * 1_000 + 10_000 },
    ).catch((error: unknown) => {
      throw new PhoneError(this.name, "dhcp", error instanceof Error ? error.message : String(error));
    });
    const lease = parseLease(this.name, output, performance.now() - started);
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

type PhoneSocket = Bun.Socket<Conversation>;

/** What one TCP connection of a phone is for. It settles once; what comes later is dropped. */
abstract class Conversation {
  readonly started = performance.now();
  protected settled = false;
  protected socket: PhoneSocket | undefined;
  private readonly timer: Timer;

  constructor(
    private readonly phone: string,
    timeoutMs: number,
    private readonly reject: (error: PhoneError) => void,
  ) {
    this.timer = setTimeout(() => this.fail("timeout", `not done after ${timeoutMs} ms`), timeoutMs);
  }

  protected since(): number {
    return performance.now() - this.started;
  }

  protected finish(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.timer);
    this.socket?.end();
    return true;
  }

  fail(reason: PhoneError["reason"], detail: string): void {
    if (this.finish()) this.reject(new PhoneError(this.phone, reason, detail));
  }

  /** The connection stands. */
  opened(socket: PhoneSocket): void {
    this.socket = socket;
    // A connection attempt cannot be called off, so it may still succeed after its time is over.
    if (this.settled) socket.end();
    else this.talk(socket);
  }

  protected abstract talk(socket: PhoneSocket): void;
  abstract received(chunk: Buffer): void;
  /** The other side can take more bytes. */
  abstract drained(socket: PhoneSocket): void;
  /** The other side will send no more. */
  abstract ended(): void;
}

const conversationHandler: Bun.SocketHandler<Conversation> = {
  open: (socket) => socket.data.opened(socket),
  data: (socket, chunk) => socket.data.received(chunk),
  drain: (socket) => socket.data.drained(socket),
  end: (socket) => socket.data.ended(),
  close: (socket) => socket.data.ended(),
  error: (socket, error) => socket.data.fail("closed", error.message),
};

/** A TCP handshake and no more. */
class Knock extends Conversation {
  constructor(
    phone: string,
    timeoutMs: number,
    private readonly resolve: (tookMs: number) => void,
    reject: (error: PhoneError) => void,
  ) {
    super(phone, timeoutMs, reject);
  }

  protected override talk(): void {
    if (this.finish()) this.resolve(this.since());
  }

  override received(): void {}
  override drained(): void {}
  override ended(): void {
    this.fail("closed", "closed at once");
  }
}

/** One HTTP/1.1 request and its answer. */
class Exchange extends Conversation {
  private unsent: Buffer<ArrayBufferLike>;
  private connectMs = 0;
  private firstByteMs = 0;
  private readonly parser: ResponseParser;

  constructor(
    phone: string,
    request: PhoneRequest,
    private readonly resolve: (response: PhoneResponse) => void,
    reject: (error: PhoneError) => void,
  ) {
    super(phone, request.timeoutMs ?? DEFAULT_TIMEOUT_MS, reject);
    this.unsent = Buffer.from(requestText(request));
    this.parser = new ResponseParser(request.method === "HEAD");
  }

  protected override talk(socket: PhoneSocket): void {
    this.connectMs = this.since();
    this.drained(socket);
  }

  override drained(socket: PhoneSocket): void {
    if (this.unsent.length === 0) return;
    const written = socket.write(this.unsent);
    if (written < 0) this.fail("closed", "cannot write the request");
    else this.unsent = this.unsent.subarray(written);
  }

  override received(chunk: Buffer): void {
    if (this.settled) return;
    if (this.firstByteMs === 0) this.firstByteMs = this.since();
    this.read(() => this.parser.push(chunk));
  }

  override ended(): void {
    if (!this.settled) this.read(() => this.parser.end());
  }

  private read(step: () => ParsedResponse | undefined): void {
    try {
      const response = step();
      if (response === undefined || !this.finish()) return;
      const { connectMs, firstByteMs } = this;
      this.resolve({ ...response, connectMs, firstByteMs, totalMs: this.since() });
    } catch (error) {
      this.fail("malformed", error instanceof Error ? error.message : String(error));
    }
  }
}

function requestText(request: PhoneRequest): string {
  const port = request.port ?? 80;
  const headers: Record<string, string> = {
    host: request.host ?? (port === 80 ? request.address : `${request.address}:${port}`),
    connection: "close",
    ...(request.body === undefined ? {} : { "content-length": String(Buffer.byteLength(request.body)) }),
  };
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  // openNDS 9.10 compares header names with case.
  const lines = Object.entries(headers).map(
    ([name, value]) => `${name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())}: ${value}\r\n`,
  );
  return `${request.method ?? "GET"} ${request.path ?? "/"} HTTP/1.1\r\n${lines.join("")}\r\n${request.body ?? ""}`;
}

interface ParsedResponse {
  status: number;
  headers: Headers;
  body: string;
}

/** Reads one HTTP/1.1 response: Content-Length, chunked, or until the end of the connection (RFC 9112, section 6). */
class ResponseParser {
  private pending = EMPTY;
  private head: { status: number; headers: Headers } | undefined;

  constructor(private readonly headOnly: boolean) {}

  /** @returns the response, when `chunk` completes it. @throws when it is no HTTP, or too much. */
  push(chunk: Uint8Array): ParsedResponse | undefined {
    this.pending = Buffer.concat([this.pending, chunk]);
    if (this.pending.length > MAX_RESPONSE_BYTES) throw new Error(`more than ${MAX_RESPONSE_BYTES} bytes`);
    if (this.head === undefined && !this.takeHead()) return undefined;
    return this.complete(false);
  }

  /** The connection has ended. @throws when the response is not complete by that. */
  end(): ParsedResponse {
    const response = this.complete(true);
    if (response === undefined) throw new Error(`cut off after ${this.pending.length} bytes`);
    return response;
  }

  private takeHead(): boolean {
    const end = this.pending.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.pending.length > MAX_HEAD_BYTES)
        throw new Error(`no end of the head in ${MAX_HEAD_BYTES} bytes`);
      return false;
    }
    const [first = "", ...lines] = this.pending.toString("latin1", 0, end).split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
    if (status === undefined) throw new Error(`not HTTP/1.1: ${first.slice(0, 80)}`);
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon < 1) throw new Error(`not a header: ${line.slice(0, 80)}`);
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    this.pending = this.pending.subarray(end + 4);
    this.head = { status: Number(status), headers };
    return true;
  }

  private complete(ended: boolean): ParsedResponse | undefined {
    if (this.head === undefined) return undefined;
    const body = this.body(this.head, ended);
    return body === undefined ? undefined : { ...this.head, body: body.toString("utf8") };
  }

  private body(
    { status, headers }: { status: number; headers: Headers },
    ended: boolean,
  ): Buffer | undefined {
    if (this.headOnly || status === 204 || status === 304) return EMPTY;
    if (/\bchunked\b/i.test(headers.get("transfer-encoding") ?? "")) return dechunk(this.pending);
    const length = headers.get("content-length");
    if (length === null) return ended ? this.pending : undefined;
    if (!/^\d+$/.test(length)) throw new Error(`content-length: ${length}`);
    return this.pending.length >= Number(length) ? this.pending.subarray(0, Number(length)) : undefined;
  }
}

/** @returns the body without its chunk framing (RFC 9112, section 7.1), or undefined while the last chunk is missing. */
function dechunk(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = bytes.toString("latin1", at, lineEnd).split(";")[0]?.trim() ?? "";
    if (!/^[0-9a-f]{1,7}$/i.test(size)) throw new Error(`chunk size: ${size.slice(0, 20)}`);
    const length = Number.parseInt(size, 16);
    const start = lineEnd + 2;
    if (length === 0) return bytes.indexOf("\r\n", start) < 0 ? undefined : Buffer.concat(parts);
    if (bytes.length < start + length + 2) return undefined;
    parts.push(bytes.subarray(start, start + length));
    at = start + length + 2;
  }
}

/** The script that udhcpc calls: it uses what the server gave and prints it, a `name=value` a line. */
const LEASE_SCRIPT = `#!/bin/sh
case "$1" in
deconfig)
  printf 'link set %s up\\naddress flush dev %s\\n' "$interface" "$interface" | ip -4 -batch - ;;
bound | renew)
  {
    echo "address replace $ip/$mask brd + dev $interface"
    for via in $router; do echo "route replace default via $via dev $interface"; break; done
  } | ip -4 -batch - || exit 1
  for server in $dns; do echo "nameserver $server"; done > "$PHONE_RESOLV_CONF"
  printf 'ip=%s\\nmask=%s\\nrouter=%s\\ndns=%s\\n' "$ip" "$mask" "$router" "$dns"
  printf 'lease=%s\\nserverid=%s\\nopt114=%s\\n' "$lease" "$serverid" "$opt114" ;;
esac
`;

function leaseScript(lab: Lab): string {
  return `${lab.folder}/phone-lease.sh`;
}

function parseLease(phone: string, output: string, tookMs: number): PhoneLease {
  const field = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(output)?.[1]?.trim() ?? "";
  const list = (name: string): string[] => field(name).split(" ").filter(Boolean);
  const address = field("ip");
  if (!isIPv4(address)) throw new PhoneError(phone, "dhcp", `no address in: ${output.slice(0, 200)}`);
  const router = list("router")[0];
  const option114 = Buffer.from(field("opt114"), "hex").toString("latin1");
  return {
    address,
    prefixLength: Number(field("mask")),
    dns: list("dns"),
    leaseSeconds: Number(field("lease")),
    server: field("serverid"),
    tookMs,
    ...(router === undefined ? {} : { router }),
    ...(option114 === "" ? {} : { captivePortalUrl: option114 }),
  };
}

/** Phones in the bridge of one gateway, all driven by this process. */
export class Swarm {
  readonly phones: Phone[] = [];

  constructor(
    private readonly lab: Lab,
    private readonly bridgeHost: LabHost,
    /** The bridge's interface in `bridgeHost`. */
    private readonly bridge: string,
  ) {
    writeFileSync(leaseScript(lab), LEASE_SCRIPT, { mode: 0o755 });
  }

  /** Makes `count` more phones, plugged in and up, with distinct MAC addresses and no IP address yet. */
  async addPhones(count: number): Promise<Phone[]> {
    const first = this.phones.length;
    const swarm = Bun.hash.crc32(this.bridgeHost.name) & 0xffff;
    const plans = Array.from({ length: count }, (_, offset) => {
      const number = first + offset;
      return {
        name: `${this.bridgeHost.name}-p${number}`,
        port: `phone${number}`,
        // Locally administered, as the random addresses that phones use.
        mac: [0x02, swarm >> 8, swarm & 0xff, 0, number >> 8, number & 0xff].map(hexByte).join(":"),
      };
    });
    for (const { name } of plans) {
      mkdirSync(`/etc/netns/${name}`, { recursive: true });
      writeFileSync(`/etc/netns/${name}/resolv.conf`, "");
    }
    makeRoomForNeighbours(4 * this.phones.length + 4 * count);
    const { name: gateway } = this.bridgeHost;
    const batch = (lines: string[], namespace?: string) =>
      run(["ip", ...(namespace === undefined ? [] : ["-n", namespace]), "-batch", "-"], {
        input: `${lines.join("\n")}\n`,
        timeoutMs: 60_000,
      });
    await batch(plans.map(({ name }) => `netns add ${name}`));
    await batch(
      plans.map(
        ({ name, port, mac }) =>
          `link add ${PHONE_INTERFACE} address ${mac} netns ${name} type veth peer name ${port} netns ${gateway}`,
      ),
    );
    await batch(
      plans.map(({ port }) => `link set ${port} master ${this.bridge} up`),
      gateway,
    );
    const made = plans.map(({ name, mac }) => new Phone(this.lab, name, mac));
    this.phones.push(...made);
    for (const phone of made) {
      withNetworkOf(phone, tuneForLoad);
      await batch(["link set lo up", `link set ${PHONE_INTERFACE} up`], phone.name);
    }
    return made;
  }

  /** Calls `action` for every phone, at most `atOnce` at a time. */
  async each(action: (phone: Phone, index: number) => Promise<unknown>, atOnce = 16): Promise<void> {
    const queue = this.phones.entries();
    const worker = async () => {
      for (const [index, phone] of queue) await action(phone, index);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** Lets go of the phones' namespaces; the lab removes them. */
  close(): void {
    for (const phone of this.phones.splice(0)) phone.close();
  }
}

/** Settings of the calling thread's network namespace, without which hundreds of phones measure the lab and not the gateway. */
function tuneForLoad(): void {
  // A phone opens more connections in a minute here than the port range and TIME_WAIT let it.
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
  writeFileSync("/proc/sys/net/ipv4/tcp_tw_reuse", "1");
  // With IPv6, each phone's neighbour discovery would be flooded to all the others.
  const ipv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
  if (existsSync(ipv6)) for (const scope of [ipv6, ipv6.replace("default", "all")]) writeFileSync(scope, "1");
}

/**
 * The kernel counts the neighbours of all network namespaces together against three limits of the whole machine, 128, 512
 * and 1024 by default; above the second it forgets neighbours in use, above the third phones cannot send. They are raised,
 * never lowered. Source: arp(7), gc_thresh1 to gc_thresh3.
 */
function makeRoomForNeighbours(count: number): void {
  if (count <= 128) return;
  for (const limit of [3, 2, 1]) {
    const path = `/proc/sys/net/ipv4/neigh/default/gc_thresh${limit}`;
    const wanted = 4_096 * limit;
    if (Number(readFileSync(path, "utf8")) < wanted) writeFileSync(path, String(wanted));
  }
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
