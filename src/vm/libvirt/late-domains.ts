import type { Libvirt } from "./libvirt.ts";
import { LibvirtTimeoutError } from "./libvirt-error.ts";

/** libvirt was asked for a machine and has not answered in time: it is not there, and may still come. */
export class LateDomainError extends Error {
  override readonly name = "LateDomainError";
  constructor(readonly domain: string) {
    super(`libvirt may still be making ${domain}`);
  }
}

/** After the two minutes for which it was waited. */
const LATE_START_MS = 60_000;

/** Machines that libvirt was asked for in vain: they are looked for until they have come and gone, or cannot come any more. */
export class LateDomains {
  /** Until when it may come, by its name. */
  private readonly untilMs = new Map<string, number>();

  constructor(private readonly monotonicMs: () => number) {}

  /** Asks libvirt for the machine of a name. @throws what libvirt says */
  async asked<T>(name: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof LibvirtTimeoutError) this.untilMs.set(name, this.monotonicMs() + LATE_START_MS);
      throw error;
    }
  }

  /**
   * Ends the machine of a name, if there is one.
   * @throws {LateDomainError} while it may still come: it is to be ended again then; and what libvirt says
   */
  async destroy(libvirt: Pick<Libvirt, "destroy">, name: string): Promise<void> {
    const wasThere = await libvirt.destroy(name);
    const untilMs = this.untilMs.get(name);
    if (untilMs === undefined) return;
    if (!wasThere && this.monotonicMs() < untilMs) throw new LateDomainError(name);
    this.untilMs.delete(name);
  }
}

/** Whether something stays for no other reason than that a machine may still come. */
export const isOnlyLate = (error: unknown): boolean =>
  error instanceof LateDomainError || (error instanceof AggregateError && error.errors.every(isOnlyLate));
