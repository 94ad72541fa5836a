import { randomBytes } from "node:crypto";
import type { Clock } from "../host/clock.ts";
import type { Logger } from "../host/log.ts";
import type { SigningKey } from "../identity/index.ts";
import { type LeaseRequest, signLeaseRequest } from "../vm/request/index.ts";
import { LeaseClient, type LeaseStep } from "./lease-client.ts";
import type { LeaseTransport } from "./lease-transport.ts";
import type { KeptLease, RequesterState } from "./requester-state.ts";
import { sshBanner } from "./ssh-banner.ts";
import type { VpnEnds, VpnServer } from "./vpn-server.ts";

/** What a person asks for; everything else of a {@link LeaseRequest} the requester knows. */
export interface LeaseWish {
  resources: LeaseRequest["resources"];
  durationS: number;
  image: string;
  activity: string;
  sshKey: string;
  network: string | undefined;
  acceptsInspection: boolean;
  /** Of the provider as a box, where it is known: the request then holds for no other. 64 hexadecimal digits. */
  providerKey?: string;
  /** See {@link KeptLease}. */
  providerTitle?: string;
  /** Where this machine is heard by the provider; undefined: the requester comes to the provider. */
  heardAt: string | undefined;
  /** Of {@link newLeaseId}; undefined: a new one. */
  id?: string;
  /** See {@link KeptLease}. */
  identity?: string;
  /** The machine is one that was saved, which the provider has by now; undefined: a new one. */
  restoreFrom?: LeaseRequest["restoreFrom"];
}

/** A requester's own choice, 128 random bits: who does not know it is told nothing of the lease. */
export const newLeaseId = (): string => randomBytes(16).toString("hex");

export interface RequesterOptions {
  state: RequesterState;
  vpn: VpnServer;
  /** @param provider as in {@link Requester.request} */
  transportTo: (provider: string) => LeaseTransport;
  /** The requester's key in a network that it belongs to by itself. */
  keyIn?: (network: string) => SigningKey | undefined;
  log: Logger;
  clock: Clock;
  onStep?: (lease: string, step: LeaseStep) => void;
}

const SSH_PORT = 22;
const BANNER_TIMEOUT_MS = 3_000;
/** Where each try is a process of its own. */
const PROXY_SEEK_MS = 700;

/** A requester with all its leases and the VPN that they share. */
export class Requester {
  private readonly clients = new Map<string, LeaseClient>();
  private ends: VpnEnds | undefined;

  constructor(private readonly options: RequesterOptions) {}

  /** Serves the VPN, and goes on with the leases that were kept. */
  async start(): Promise<void> {
    const { state, vpn } = this.options;
    this.ends = await vpn.start();
    if (state.vpn.listenPort !== vpn.port) state.keepPort(vpn.port);
    for (const lease of state.leases) this.take(lease);
  }

  /** @param provider a name that `transportTo` understands @throws {LeaseRequestError} naming the field that is wrong */
  request(provider: string, wish: LeaseWish): LeaseClient {
    const { state, vpn, clock } = this.options;
    if (!this.ends) throw new Error("the requester does not run");
    const { heardAt, providerKey, providerTitle, identity, ...asked } = wish;
    const address = vpn.freeAddress(state.leases.map((lease) => lease.address));
    const memberKey = wish.network === undefined ? undefined : this.options.keyIn?.(wish.network);
    const key = memberKey ?? state.key;
    const request: LeaseRequest = {
      ...asked,
      id: wish.id ?? newLeaseId(),
      requester: Buffer.from(key.publicKey).toString("hex"),
      tunnel: {
        publicKey: this.ends.publicKey,
        endpoint: heardAt === undefined ? undefined : { address: heardAt, port: this.ends.listenPort },
        address,
        dns: this.ends.dns,
      },
      createdAt: state.nextSerial(clock.wallMs()),
    };
    return this.take({
      id: request.id,
      provider,
      ...(providerTitle === undefined ? {} : { providerTitle }),
      address,
      ...(memberKey && wish.network !== undefined ? { signedIn: wish.network } : {}),
      request: Buffer.from(signLeaseRequest(request, key, providerKey)).toString("base64"),
      askedAt: clock.wallMs(),
      durationS: request.durationS,
      activity: request.activity,
      ...(identity === undefined ? {} : { identity }),
      phase: "asking",
    });
  }

  /** Those that are not over. */
  leases(): readonly LeaseClient[] {
    return [...this.clients.values()];
  }

  lease(id: string): LeaseClient | undefined {
    return this.clients.get(id);
  }

  /** See `VpnGround.proxy`. */
  proxy(address: string, port: number): readonly string[] | undefined {
    return this.options.vpn.proxy(address, port);
  }

  /** What keeps the virtual machines from the internet, as far as it can be told. */
  trouble(): string | undefined {
    return this.options.vpn.trouble();
  }

  /** Releases all leases, then puts everything back. */
  async stop(): Promise<void> {
    await Promise.all(this.leases().map((client) => client.release()));
    await this.options.vpn.stop();
    this.ends = undefined;
  }

  /** Puts everything back and leaves the leases for the next start, which must come within 15 s. */
  async leave(): Promise<void> {
    await Promise.all(this.leases().map((client) => client.leave()));
    this.clients.clear();
    await this.options.vpn.stop();
    this.ends = undefined;
  }

  private take(lease: KeptLease): LeaseClient {
    const { state, vpn, clock, log, onStep, transportTo, keyIn } = this.options;
    const isStraight = vpn.proxy(lease.address, SSH_PORT) === undefined;
    const client = new LeaseClient(lease, {
      ...{ state, vpn, clock, log },
      // Who has left the network meanwhile is obeyed no more, and its provider ends what is not kept alive.
      key: (lease.signedIn === undefined ? undefined : keyIn?.(lease.signedIn)) ?? state.key,
      transport: transportTo(lease.provider),
      askSsh: (address, one) =>
        sshBanner(address, SSH_PORT, vpn.proxy(address, SSH_PORT), BANNER_TIMEOUT_MS, one),
      ...(isStraight ? {} : { seekEveryMs: PROXY_SEEK_MS }),
      ...(onStep ? { onStep: (step) => onStep(lease.id, step) } : {}),
    });
    this.clients.set(lease.id, client);
    void client.ended().then(() => this.clients.delete(lease.id));
    client.start();
    return client;
  }
}
