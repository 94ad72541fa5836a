import type { Logger } from "../host/log.ts";
import { LeaseHttp, LeaseHttpError } from "./lease-http.ts";
import type { LeaseTransport } from "./lease-transport.ts";
import type { LeaseWish } from "./requester.ts";

/** No box can be asked by what was named. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
}

/** The box that a lease is asked of. */
export interface ChosenProvider {
  /** As {@link ProviderWays.transportTo} understands it: kept with the lease, so after a restart it is the same box. */
  name: string;
  /** Its Ed25519 key, 64 hexadecimal digits, where it is known: the request then holds for no other box. */
  key?: string;
  /** The network as whose member it is asked, by its id; missing: as a stranger. */
  network?: string;
  /** What people call it, where that is something else. */
  title?: string;
}

/** The ways to boxes that lend. */
export interface ProviderWays {
  /**
   * @param named what a person has named: an address with or without a port, or a name; undefined: nothing
   * @returns one at least; those behind the first are asked when it does not lend
   * @throws {ProviderError}
   */
  choose(
    named: string | undefined,
    wish: Pick<LeaseWish, "resources" | "durationS" | "image">,
  ): Promise<readonly [ChosenProvider, ...ChosenProvider[]]>;
  /** @throws {ProviderError} when `name` is none that `choose` gives */
  transportTo(name: string): LeaseTransport;
}

/** Boxes whose addresses are known, by HTTP. */
export function providerWays({ log }: { log: Logger }): ProviderWays {
  const transportTo = (name: string): LeaseHttp => {
    try {
      return new LeaseHttp(name, log);
    } catch (error) {
      throw error instanceof LeaseHttpError ? new ProviderError(error.message) : error;
    }
  };
  return {
    choose(named) {
      if (named === undefined)
        return Promise.reject(new ProviderError("no box is named: say which one, by its address"));
      return new Promise((resolve) => {
        transportTo(named);
        resolve([{ name: named }]);
      });
    },
    transportTo,
  };
}
