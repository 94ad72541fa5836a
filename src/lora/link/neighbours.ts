import type { Received } from "../radio.ts";
import type { LinkAddress } from "./address.ts";
import { RoundTrip } from "./round-trip.ts";

/** More are forgotten, the longest unheard first: addresses cost an attacker nothing. */
const MAX_NEIGHBOURS = 256;
/** So many questions without an answer, and a box is taken to be out of reach until it is heard. */
export const SILENT_AFTER = 4;

export interface Neighbour {
  readonly address: LinkAddress;
  /** On the monotonic clock; undefined: never. */
  heardAtMs: number | undefined;
  rssiDbm: number | undefined;
  snrDb: number | undefined;
  framesHeard: number;
  /** Share of our frames that did not arrive, a moving average; undefined: not known yet. */
  lossShare: number | undefined;
  /** Questions in a row that were not answered. */
  unanswered: number;
  readonly roundTrip: RoundTrip;
}

/** The boxes that were heard here, or written to. */
export class Neighbours {
  private readonly byAddress = new Map<LinkAddress, Neighbour>();

  all(): readonly Neighbour[] {
    return [...this.byAddress.values()];
  }

  /** The entry of an address, made when there is none. */
  at(address: LinkAddress): Neighbour {
    const known = this.byAddress.get(address);
    if (known) return known;
    if (this.byAddress.size >= MAX_NEIGHBOURS) this.forgetOne();
    const made: Neighbour = {
      address,
      heardAtMs: undefined,
      rssiDbm: undefined,
      snrDb: undefined,
      framesHeard: 0,
      lossShare: undefined,
      unanswered: 0,
      roundTrip: new RoundTrip(),
    };
    this.byAddress.set(address, made);
    return made;
  }

  /** @returns whether it had been out of reach until now */
  heard(address: LinkAddress, { rssiDbm, snrDb }: Received, nowMs: number): boolean {
    const neighbour = this.at(address);
    const wasSilent = this.isSilent(address);
    neighbour.heardAtMs = nowMs;
    neighbour.rssiDbm = rssiDbm;
    neighbour.snrDb = snrDb;
    neighbour.framesHeard += 1;
    neighbour.unanswered = 0;
    return wasSilent;
  }

  isSilent(address: LinkAddress): boolean {
    return (this.byAddress.get(address)?.unanswered ?? 0) >= SILENT_AFTER;
  }

  private forgetOne(): void {
    let oldest: Neighbour | undefined;
    for (const neighbour of this.byAddress.values()) {
      if (!oldest || (neighbour.heardAtMs ?? -1) < (oldest.heardAtMs ?? -1)) oldest = neighbour;
    }
    if (oldest) this.byAddress.delete(oldest.address);
  }
}
