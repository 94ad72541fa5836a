import { setSysctl, sysctl } from "../../host/proc-net.ts";

/*
 * What the relays of all networks of a box share: IPv4 forwarding of its interfaces, which one must not switch off under
 * another, and the numbers by which their packets are told apart.
 */

const EVERYWHERE = "net/ipv4/conf/all/forwarding";
const forwardingOf = (name: string): string => `net/ipv4/conf/${name}/forwarding`;

/** Kernel parameters, as far as forwarding goes. */
export interface ForwardingSwitch {
  /** "0", "1", or "" where there is no such interface. */
  get(parameter: string): string;
  set(parameter: string, value: 0 | 1): void;
}

/** Forwarding on single interfaces, for as long as a relay needs it. */
export class Forwarding {
  /** Those that were closed before, with who needs them now. */
  private readonly opened = new Map<string, Set<string>>();

  constructor(private readonly kernel: ForwardingSwitch = { get: sysctl, set: setSysctl }) {}

  /**
   * Notes who needs which interfaces, and closes those that he was the last to need.
   * @returns those of them that are open, or will be with {@link open}, only for relays' sake: nothing else may be
   *   forwarded from there
   */
  need(user: string, interfaces: readonly string[]): string[] {
    this.leaveToOthers();
    for (const name of this.opened.keys()) if (!interfaces.includes(name)) this.release(user, name);
    // Where the box forwards as a whole, an interface that does not was closed on purpose.
    if (this.isOpenEverywhere()) return [];
    for (const name of interfaces) {
      if (this.kernel.get(forwardingOf(name)) === "0" && !this.opened.has(name))
        this.opened.set(name, new Set());
      this.opened.get(name)?.add(user);
    }
    return interfaces.filter((name) => this.opened.has(name));
  }

  /** Opens what he needs: once what is to be guarded is. */
  open(user: string): void {
    for (const [name, users] of this.opened) {
      if (users.has(user) && this.kernel.get(forwardingOf(name)) === "0")
        this.kernel.set(forwardingOf(name), 1);
    }
  }

  /** Whether an interface forwards, or would if it were needed. */
  mayForward(name: string): boolean {
    return !this.isOpenEverywhere() || this.kernel.get(forwardingOf(name)) === "1";
  }

  /** Whether it is as it was left: somebody may have closed an interface, or opened all. */
  stands(user: string, interfaces: readonly string[]): boolean {
    const isOurs = [...this.opened.values()].some((users) => users.has(user));
    if (this.isOpenEverywhere()) return !isOurs;
    return interfaces.every((name) => this.kernel.get(forwardingOf(name)) !== "0");
  }

  /** Takes over what a killed daemon had opened for him. */
  adopt(user: string, names: readonly string[]): void {
    for (const name of names) {
      const users = this.opened.get(name) ?? new Set();
      this.opened.set(name, users.add(user));
    }
    this.leaveToOthers();
  }

  private release(user: string, name: string): void {
    const users = this.opened.get(name);
    if (!users?.delete(user) || users.size > 0) return;
    this.opened.delete(name);
    // An interface that has gone took its setting with it.
    if (this.kernel.get(forwardingOf(name)) === "1") this.kernel.set(forwardingOf(name), 0);
  }

  /** Who forwards everywhere, as the gateway for its guests, has opened them for himself meanwhile. */
  private leaveToOthers(): void {
    if (this.isOpenEverywhere()) this.opened.clear();
  }

  /** net.ipv4.ip_forward is the same (Documentation/networking/ip-sysctl.rst). */
  private isOpenEverywhere(): boolean {
    return this.kernel.get(EVERYWHERE) === "1";
  }
}

/** Numbers of flows: no two of a box have the same, as their marks would be. */
export class RelaySlots {
  private readonly taken = new Set<number>();

  take(): number {
    let slot = 0;
    while (this.taken.has(slot)) slot++;
    this.taken.add(slot);
    return slot;
  }

  giveBack(slot: number): void {
    this.taken.delete(slot);
  }
}

export interface RelayGround {
  forwarding: Forwarding;
  slots: RelaySlots;
}

/** This box's: there is one kernel. */
export const boxGround: RelayGround = { forwarding: new Forwarding(), slots: new RelaySlots() };
