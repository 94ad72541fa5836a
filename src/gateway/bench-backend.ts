import { createHash } from "node:crypto";
import type { GuestBackend, Station } from "./backend.ts";

/** Bench mode: no network beneath the sessions. Whoever opens the page on this machine is the guest. */
export class BenchBackend implements GuestBackend {
  readonly uplinkUsable = false;
  readonly portalUrl: string;
  readonly portalHosts: readonly string[];
  readonly portalListens: readonly { address: string; port: number }[];

  constructor(address: string, port: number) {
    this.portalUrl = `http://${address}:${port}`;
    this.portalHosts = [address, "localhost"];
    this.portalListens = [{ address, port }];
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async admit(): Promise<void> {}
  async expel(): Promise<void> {}

  leases() {
    return [];
  }

  /** A station is made up for every address: locally administered, the same each time. */
  async stationAt(address: string): Promise<Station> {
    const bytes = createHash("sha256").update(address).digest().subarray(0, 5);
    return { mac: `02:${(bytes.toString("hex").match(/../g) ?? []).join(":")}`, ipv4: address };
  }

  async hasJustJoined(): Promise<boolean> {
    return false;
  }

  trouble(): undefined {
    return undefined;
  }

  detail(): string {
    return "bench: no guest network; whoever opens the portal on this machine is a guest";
  }
}
