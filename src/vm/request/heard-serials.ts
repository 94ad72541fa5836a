/**
 * The serial of a requester's next command, and the time of their next request: the clock's ms since 1970, or one more than the last
 * where the clock stands still or was put back.
 */
export const nextSerial = (last: number, nowMs: number): number => Math.max(last + 1, Math.round(nowMs));

/**
 * Tells a requester's next command from one that was heard before and is shown again. Each requester's serials rise, beginning above
 * the time of their request; so they need to be known only while the requester has a lease, and nothing of them need outlive the
 * daemon: it knows its leases' requests.
 */
export class HeardSerials {
  private readonly last = new Map<string, number>();

  /** A lease has begun. @param createdAt of its request */
  begin(requester: string, createdAt: number): void {
    this.last.set(requester, Math.max(createdAt, this.last.get(requester) ?? 0));
  }

  /** Whether this is not the serial of an earlier command; if so, it is the last from now on. Without a lease none is. */
  hear(requester: string, serial: number): boolean {
    const last = this.last.get(requester);
    if (last === undefined || serial <= last) return false;
    this.last.set(requester, serial);
    return true;
  }

  /** What a refused requester must go beyond; undefined: they have no lease. */
  lastOf(requester: string): number | undefined {
    return this.last.get(requester);
  }

  /** The requester's last lease is over. */
  end(requester: string): void {
    this.last.delete(requester);
  }
}
