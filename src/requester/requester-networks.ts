import type { Clock } from "../host/clock.ts";
import {
  type JoinOutcome,
  type Membership,
  Memberships,
  openDeviceKey,
  type Role,
  type SigningKey,
  signingKey,
} from "../identity/index.ts";
import type { LeasePassport } from "./lease-sealed.ts";

/** A network that a requester belongs to. */
export interface RequesterNetwork {
  id: string;
  name: string;
  /** What its certificate says that it is. */
  role: Role;
  /** Seconds since 1970; 0: never. */
  expiresAt: number;
  /** Why boxes take it for a stranger (expired, put out, as far as it knows), or undefined. */
  problem: string | undefined;
}

/**
 * The networks that a requester belongs to: beside its state in the same folder, each in a document that its owner alone can read
 * (`networks/`, mode 0700 and 0600), as a box has them. It has another key in each, so that nobody who lends to it in two can tell
 * that it is the same.
 */
export class RequesterNetworks {
  private constructor(private readonly memberships: Memberships) {}

  /** @param told of what a person should know */
  static open(folder: string, clock: Clock, told: (message: string) => void): RequesterNetworks {
    return new RequesterNetworks(new Memberships(folder, openDeviceKey(folder, told), clock, told).open());
  }

  /**
   * Joins by an invite; nobody has to be reached for it. Boxes see it with the first request.
   * @param name what it calls itself in its certificate, at most 60 characters
   * @throws {InviteError} naming what is wrong with the link
   */
  join(link: string, name = ""): { network: RequesterNetwork; outcome: JoinOutcome } {
    const { membership, outcome } = this.memberships.join(link, name);
    return { network: viewOf(membership), outcome };
  }

  list(): RequesterNetwork[] {
    return this.memberships.list().map(viewOf);
  }

  /** @param named its id or its name @returns undefined when none, or several, are meant */
  find(named: string): RequesterNetwork | undefined {
    const [only, ...others] = this.list().filter(({ id, name }) => id === named || name === named);
    return others.length === 0 ? only : undefined;
  }

  /** Forgets its key and certificates. @returns whether it was in it */
  leave(id: string): boolean {
    return this.memberships.leave(id);
  }

  /** What it shows to boxes of a network; undefined where it is in none of that id. */
  passport(id: string): LeasePassport | undefined {
    return this.memberships.get(id);
  }

  /** By which it signs what it asks boxes of a network. */
  keyIn(id: string): SigningKey | undefined {
    const membership = this.memberships.get(id);
    return membership && signingKey(membership.seed);
  }
}

const viewOf = ({ id, name, self, problem }: Membership): RequesterNetwork => ({
  ...{ id, name, role: self.role, expiresAt: self.expiresAt },
  problem,
});
