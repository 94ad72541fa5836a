import { RunError, type RunOptions, type RunResult } from "../../../src/host/run.ts";
import type { VpnGround } from "../../../src/requester/vpn-ground.ts";
import type { VpnPlan } from "../../../src/requester/vpn-plan.ts";

/** A ground in memory: it has what was made on it, and keeps what was run. */
export class PlayedGround implements VpnGround {
  readonly ran: string[] = [];
  tables = new Set<string>();
  /** The private key of the interface, "" while it has none; undefined: no interface. */
  device: string | undefined;
  /** Peers of the interface, with what was set for them. */
  readonly peers = new Map<string, string>();
  endpoints = "";
  handshakes = "";
  own = ["192.168.7.2/24"];
  guardedNow: string[] = [];
  ended = 0;
  failing: string | undefined;
  private plan: VpnPlan | undefined;

  begin(plan: VpnPlan): Promise<void> {
    this.ran.push("begin");
    this.plan = plan;
    return Promise.resolve();
  }

  tryRun(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const said = command.join(" ");
    this.ran.push(said);
    const done = (stdout = ""): RunResult => ({ exitCode: 0, stdout, stderr: "" });
    const failed: RunResult = { exitCode: 1, stdout: "", stderr: "no" };
    return Promise.resolve(
      this.failing !== undefined && said.startsWith(this.failing)
        ? failed
        : this.answer(said, command, options, done, failed),
    );
  }

  async run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.tryRun(command, options);
    if (exitCode !== 0) throw new RunError(command, exitCode, stderr);
    return stdout;
  }

  keep(name: string): Promise<void> {
    this.ran.push(`keep ${name}`);
    return Promise.resolve();
  }

  trouble(): undefined {
    return undefined;
  }

  ownNetworks(): string[] {
    return this.own;
  }

  dns() {
    return { by: "forwarder" } as const;
  }

  lookAround(): Promise<void> {
    return Promise.resolve();
  }

  guarded(): string[] {
    return this.guardedNow;
  }

  forward(): Promise<void> {
    this.ran.push("forward");
    return Promise.resolve();
  }

  publish(port: number): Promise<number> {
    return Promise.resolve(port + 1);
  }

  proxy(address: string, port: number): readonly string[] {
    return ["nsenter", "it's 100%", address, String(port)];
  }

  /** Somebody takes away everything that was made. */
  lose(): void {
    this.device = undefined;
    this.tables.clear();
  }

  end(): Promise<void> {
    this.ended += 1;
    this.lose();
    return Promise.resolve();
  }

  private answer(
    said: string,
    command: readonly string[],
    options: RunOptions,
    done: (stdout?: string) => RunResult,
    failed: RunResult,
  ): RunResult {
    const name = this.plan?.interface ?? "";
    if (said === "nft -j -f -") this.tables.add(this.plan?.table ?? "");
    if (said === "nft -j list chains") {
      const chains = [...this.tables].map((table) => ({ chain: { family: "inet", table, name: "beyond" } }));
      return done(JSON.stringify({ nftables: chains }));
    }
    if (said.startsWith("ip link add")) this.device = "";
    if (said === `wg show ${name} private-key`)
      return this.device === undefined ? failed : done(`${this.device}\n`);
    if (said === `wg show ${name} listen-port`) return done("40000\n");
    if (said === `wg show ${name} endpoints`) return done(this.endpoints);
    if (said === `wg show ${name} latest-handshakes`) return done(this.handshakes);
    if (said.startsWith(`wg set ${name} private-key`)) {
      this.device = options.input ?? "";
      this.peers.clear();
    }
    const key = command[command.indexOf("peer") + 1] ?? "";
    if (said.startsWith(`wg set ${name} peer`)) {
      if (said.endsWith(" remove")) this.peers.delete(key);
      else this.peers.set(key, command.slice(5).join(" "));
    }
    return done();
  }
}
