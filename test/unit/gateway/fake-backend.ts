import type { BackendEvents, GuestBackend, Station } from "../../../src/gateway/backend.ts";
import type { Admitted } from "../../../src/gateway/firewall/index.ts";
import type { Lease } from "../../../src/gateway/leases.ts";

/** A guest network in memory, with the faults that a kernel has. */
export class FakeBackend implements GuestBackend {
  readonly portalListens = [{ address: "127.0.0.1", port: 8080 }];
  readonly portalUrl = "http://omerta.internal";
  readonly portalHosts = ["omerta.internal", "10.20.0.1"];
  uplinkUsable = false;
  /** Whom the kernel lets through now. */
  readonly kernel = new Map<string, Admitted>();
  /** Which station has an address. */
  readonly stations = new Map<string, Station>();
  /** Stations that asked for their address as newcomers. */
  readonly joining = new Set<string>();
  leased: Lease[] = [];
  startFails = 0;
  /** Whether letting a guest through fails. */
  admitFails: (guest: Admitted) => boolean = () => false;
  expelFails = false;
  /** What it tells the operator that is wrong with it. */
  wrong: string | undefined;
  /** What it was asked to take out, request by request. */
  readonly expelled: Station[][] = [];
  /** Called before a guest is let through. */
  beforeAdmit: (guest: Admitted) => void | Promise<void> = () => {};
  /** Called before guests are taken out. */
  beforeExpel: () => void | Promise<void> = () => {};
  private told: BackendEvents | undefined;

  get events(): BackendEvents {
    if (!this.told) throw new Error("the backend was not started");
    return this.told;
  }

  async start(events: BackendEvents, admitted: () => readonly Admitted[]): Promise<void> {
    if (this.startFails > 0) {
      this.startFails -= 1;
      throw new Error("nft: not permitted");
    }
    this.told = events;
    for (const guest of admitted()) this.kernel.set(guest.mac, guest);
  }

  async stop(): Promise<void> {
    this.kernel.clear();
  }

  async admit(guests: readonly Admitted[]): Promise<void> {
    for (const guest of guests) {
      await this.beforeAdmit(guest);
      if (this.admitFails(guest)) throw new Error("nft: no such table");
      this.kernel.set(guest.mac, guest);
    }
  }

  async expel(guests: readonly Station[]): Promise<void> {
    this.expelled.push([...guests]);
    await this.beforeExpel();
    if (this.expelFails) throw new Error("nft: no such table");
    for (const { mac, ipv4 } of guests) if (this.kernel.get(mac)?.ipv4 === ipv4) this.kernel.delete(mac);
  }

  leases(): readonly Lease[] {
    return this.leased;
  }

  async stationAt(address: string): Promise<Station | undefined> {
    return this.stations.get(address);
  }

  async hasJustJoined(mac: string): Promise<boolean> {
    return this.joining.has(mac);
  }

  trouble(): string | undefined {
    return this.wrong;
  }

  detail(): string {
    return "a network in memory";
  }
}
