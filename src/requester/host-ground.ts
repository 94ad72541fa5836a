import { join } from "node:path";
import { readInterfaces } from "../host/interfaces.ts";
import type { Logger } from "../host/log.ts";
import { ipv4NetworksInUse, setSysctl, sysctl } from "../host/proc-net.ts";
import { type RunOptions, run, tryRun } from "../host/run.ts";
import { KeptPrograms, PATH } from "./kept-programs.ts";
import { needPrograms } from "./needed-programs.ts";
import { chooseDns } from "./vpn-dns.ts";
import { addressNetworks, type VpnGround } from "./vpn-ground.ts";
import {
  changesToUndo,
  forwardingChanges,
  openedInterfaces,
  VPN_INTERFACE_PREFIX,
  type VpnPlan,
} from "./vpn-plan.ts";
import { VpnReaper } from "./vpn-reaper.ts";
import { markOf, readRecord, recordPath, removeRecord, type VpnRecord, writeRecord } from "./vpn-record.ts";
import type { VpnDns } from "./vpn-ruleset.ts";
import { sweepVpns, undoVpn } from "./vpn-undo.ts";

/** The machine's own network. Needs root. What is changed is in a record before it is changed. */
export class HostGround implements VpnGround {
  private record: VpnRecord | undefined;
  private reaper: VpnReaper | undefined;
  private readonly programs: KeptPrograms;
  private uplinks: string[] = [];

  /** @param folder of records and process ids, empty after a restart of the machine: below /run */
  constructor(
    private readonly folder: string,
    private readonly log: Logger,
  ) {
    this.programs = new KeptPrograms(folder, log);
  }

  async begin(plan: VpnPlan): Promise<void> {
    needPrograms(["ip", "nft", "wg"]);
    for (const id of await sweepVpns(this.folder))
      this.log.warn(`cleared away what the killed VPN ${id} left`);
    const other = readRecord(recordPath(this.folder, plan.id))?.owner;
    if (other) throw new Error(`${plan.interface}: process ${other.pid} serves this VPN already`);
    const owner = markOf(process.pid);
    if (owner === undefined) throw new Error("/proc: has nothing of this process");
    this.write({
      id: plan.id,
      owner,
      interface: plan.interface,
      table: plan.table,
      sysctls: [],
      programs: [],
      files: [],
    });
    const note = (reaper: VpnRecord["reaper"]) => this.change((record) => ({ ...record, reaper }));
    this.reaper = new VpnReaper(this.folder, plan.id, note, this.log);
    await this.reaper.start();
    await this.lookAround();
  }

  tryRun(command: readonly string[], options?: RunOptions) {
    return tryRun(command, options);
  }

  run(command: readonly string[], options?: RunOptions) {
    return run(command, options);
  }

  async keep(name: string, command: readonly string[], leaves: readonly string[]): Promise<void> {
    if (this.programs.has(name)) return;
    this.change((record) => ({
      ...record,
      programs: [...record.programs, [...command]],
      files: [...record.files, join(this.folder, `${name}.pid`), ...leaves],
    }));
    await this.programs.keep(name, command);
  }

  trouble(): string | undefined {
    return this.programs.trouble();
  }

  ownNetworks(): string[] {
    const own = this.record?.interface ?? "";
    return [...ipv4NetworksInUse(own), ...addressNetworks()];
  }

  dns(): VpnDns {
    return chooseDns(Bun.which("dnsmasq", { PATH }) ?? undefined);
  }

  /** Which interfaces lead to the internet now: a laptop changes from one to another. */
  async lookAround(): Promise<void> {
    const interfaces = await readInterfaces();
    this.uplinks = interfaces
      .filter(({ name, hasWayOut }) => hasWayOut && !name.startsWith(VPN_INTERFACE_PREFIX))
      .map(({ name }) => name);
  }

  guarded(): string[] {
    this.change((record) => {
      const stillOurs = changesToUndo(record.sysctls, sysctl);
      const known = new Set(stillOurs.map(({ name }) => name));
      const more = forwardingChanges(this.uplinks, sysctl).filter(({ name }) => !known.has(name));
      return { ...record, sysctls: [...stillOurs, ...more] };
    });
    return openedInterfaces(this.record?.sysctls ?? []);
  }

  async forward(): Promise<void> {
    const { interface: own = "", sysctls = [] } = this.record ?? {};
    setSysctl(`net/ipv4/conf/${own}/forwarding`, 1);
    for (const { name, after } of sysctls) setSysctl(name, after);
  }

  publish(port: number): Promise<number> {
    return Promise.resolve(port);
  }

  proxy(): undefined {
    return undefined;
  }

  async end(): Promise<void> {
    await this.programs.end();
    const { record } = this;
    if (record === undefined) return;
    await undoVpn(record);
    // From here on there is nothing left to clear away.
    removeRecord(this.folder, record.id);
    this.record = undefined;
    await this.reaper?.stop();
    this.reaper = undefined;
  }

  private write(record: VpnRecord): void {
    writeRecord(this.folder, record);
    this.record = record;
  }

  private change(change: (record: VpnRecord) => VpnRecord): void {
    if (this.record) this.write(change(this.record));
  }
}
