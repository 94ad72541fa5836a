import { networkInterfaces } from "node:os";
import type { RunOptions, RunResult } from "../host/run.ts";
import type { VpnPlan } from "./vpn-plan.ts";
import type { VpnDns } from "./vpn-ruleset.ts";

/** Where a VPN's interface and rules are made: in the machine's own network, with root, or in a namespace of the user's own, without. */
export interface VpnGround {
  /** Before anything is made; clears away what a killed one left. */
  begin(plan: VpnPlan): Promise<void>;
  /** Runs a program there. */
  tryRun(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** @throws {RunError} */
  run(command: readonly string[], options?: RunOptions): Promise<string>;
  /** Keeps a program running there; nothing happens when it does already. */
  keep(name: string, command: readonly string[], leaves: readonly string[]): Promise<void>;
  /** Why one that is kept running does not; undefined while all do. */
  trouble(): string | undefined;
  /** Networks and addresses of this machine now, whatever the ground. */
  ownNetworks(): string[];
  /** @throws {VpnDnsError} */
  dns(): VpnDns;
  /** Looks again which ways to the internet there are. */
  lookAround(): Promise<void>;
  /** The interfaces that will forward for the VPN's sake alone, as things are now. Called before {@link forward}. */
  guarded(): string[];
  /** Makes packets pass between the VPN's interface and the internet, once the rules stand. */
  forward(): Promise<void>;
  /** Makes a UDP port of the ground reachable at the machine. @returns by which port there */
  publish(port: number): Promise<number>;
  /**
   * A command whose standard input and output are a TCP connection to a virtual machine, as ssh's ProxyCommand wants it
   * (ssh_config(5)); undefined where this machine reaches it by itself.
   */
  proxy(address: string, port: number): readonly string[] | undefined;
  /** Nothing is left, and everything is as it was. */
  end(): Promise<void>;
}

/** Addresses of this machine with their networks. Loopback is nobody's business anyhow. */
export const addressNetworks = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ family, cidr }) => (family === "IPv4" && cidr !== null ? [cidr] : [])),
  );
