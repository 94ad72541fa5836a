import type {
  ConnectionEncrypter,
  MessageStream,
  SecureConnectionOptions,
  SecuredConnection,
} from "@libp2p/interface";
import { type NoiseComponents, noise } from "@libp2p/noise";
import type { Timers } from "../../host/timers.ts";
import type { Passport } from "../../identity/index.ts";
import { type ChainExchange, MembershipError, type Shown, showFirst, showSecond } from "./chain-exchange.ts";
import type { CheckedMembers } from "./checked-members.ts";
import { noiseCrypto } from "./noise-crypto.ts";
import { abortAfter } from "./patient-timers.ts";

/** Noise and certificates together take at most this long. */
const WITHIN_MS = 8_000;

export interface MembershipEncrypterOptions {
  passport: Pick<Passport, "chain" | "check" | "proofAgainst" | "accept">;
  members: CheckedMembers;
  timers: Timers;
  /** Somebody knew a shared key and is no member, or does not take us for one. */
  refused(connection: MessageStream, why: string): void;
}

/**
 * libp2p's connection encryption of a network of members: noise, and inside it, before anything else is said, both
 * sides' certificates. A connection that is up is one between members; identify, gossip and the rest never meet others.
 */
export function membershipEncrypter(
  options: MembershipEncrypterOptions,
): (components: NoiseComponents) => ConnectionEncrypter {
  return (components) => new MembershipEncrypter(noise({ crypto: noiseCrypto })(components), options);
}

class MembershipEncrypter implements ConnectionEncrypter {
  readonly protocol = "/omerta/noise/1";

  constructor(
    private readonly inner: ConnectionEncrypter,
    private readonly options: MembershipEncrypterOptions,
  ) {}

  async secureOutbound(
    connection: MessageStream,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return this.within(options, async (bounded) => {
      const secured = await this.inner.secureOutbound(connection, bounded);
      return this.exchange(connection, secured, showFirst, bounded.signal);
    });
  }

  async secureInbound(
    connection: MessageStream,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return this.within(options, async (bounded) => {
      const secured = await this.inner.secureInbound(connection, bounded);
      return this.exchange(connection, secured, showSecond, bounded.signal);
    });
  }

  private async within(
    options: SecureConnectionOptions | undefined,
    secure: (bounded: SecureConnectionOptions & { signal: AbortSignal }) => Promise<SecuredConnection>,
  ): Promise<SecuredConnection> {
    const { signal: deadline, callOff } = abortAfter(
      this.options.timers,
      WITHIN_MS,
      "the handshakes took too long",
    );
    const signal = options?.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    try {
      return await secure({ ...options, signal });
    } finally {
      callOff();
    }
  }

  private async exchange(
    connection: MessageStream,
    secured: SecuredConnection,
    show: (exchange: ChainExchange) => Promise<Shown>,
    signal: AbortSignal,
  ): Promise<SecuredConnection> {
    const { passport, members, refused } = this.options;
    try {
      const key = secured.remotePeer.publicKey;
      if (key?.type !== "Ed25519") throw new MembershipError("its key is not an Ed25519 key");
      const { member, chain } = await show({
        stream: secured.connection,
        publicKey: key.raw,
        passport,
        signal,
      });
      members.remember(secured.remotePeer.toString(), member, chain);
      return secured;
    } catch (error) {
      refused(connection, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
}
