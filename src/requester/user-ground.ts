import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../host/log.ts";
import { bunCommand } from "../host/own-program.ts";
import { ipv4NetworksInUse } from "../host/proc-net.ts";
import { type RunOptions, run, tryRun } from "../host/run.ts";
import { KeptPrograms, PATH } from "./kept-programs.ts";
import { needPrograms } from "./needed-programs.ts";
import { SLIRP, Slirp, SlirpError } from "./slirp.ts";
import { addressNetworks, type VpnGround } from "./vpn-ground.ts";
import type { VpnPlan } from "./vpn-plan.ts";
import type { VpnDns } from "./vpn-ruleset.ts";

/** A user may not have a network of their own here. */
export class UserGroundError extends Error {
  override readonly name = "UserGroundError";
}

/**
 * Holds the namespaces until its standard input ends, then takes everything in them along, as it is their first process
 * (pid_namespaces(7)). Below /run there is room for wireguard-go's socket. It tells its number as the machine sees it.
 */
const HOLDER = "mount -t tmpfs tmpfs /run && read -r pid rest < /proc/self/stat && echo $pid && read -r end";

const WAIT_TRIES = 250;
const WAIT_MS = 20;
/** How many ports of the machine are tried before it is given up. */
const PORT_TRIES = 20;

/**
 * A network namespace of the user's own, where they may do what else is root's (user_namespaces(7)); slirp4netns is its way
 * to the internet. Needs no rights, where the kernel lets users make namespaces. It is gone with this process, however that
 * ends. The virtual machines' ends are heard by IPv4 alone.
 */
export class UserGround implements VpnGround {
  private holder: Bun.Subprocess<"pipe", "pipe", "pipe"> | undefined;
  private pid = 0;
  private slirp: Slirp | undefined;
  private readonly programs: KeptPrograms;

  /** @param folder of process ids and a socket, the user's own: $XDG_RUNTIME_DIR/omerta-box */
  constructor(
    private readonly folder: string,
    log: Logger,
  ) {
    this.programs = new KeptPrograms(folder, log);
  }

  async begin(plan: VpnPlan): Promise<void> {
    needPrograms(["ip", "nft", "wg", "unshare", "nsenter", "slirp4netns"]);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const flags = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"];
    const holder: typeof this.holder = Bun.spawn(["unshare", ...flags, "sh", "-c", HOLDER], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, PATH },
      detached: true,
    });
    this.holder = holder;
    const { value } = await holder.stdout.getReader().read();
    this.pid = Number(
      Buffer.from(value ?? [])
        .toString()
        .trim(),
    );
    if (value === undefined || !Number.isInteger(this.pid) || this.pid < 2) {
      const reason = (await new Response(holder.stderr).text()).trim().slice(0, 500);
      throw new UserGroundError(`this machine lets no user make a network of their own: ${reason}`);
    }
    this.slirp = new Slirp(join(this.folder, `${plan.interface}.slirp`));
    this.slirp.start(this.pid, { PATH });
    await this.untilConnected();
  }

  tryRun(command: readonly string[], options: RunOptions = {}) {
    return tryRun(this.inside(command), { ...options, env: { ...options.env, PATH } });
  }

  run(command: readonly string[], options: RunOptions = {}) {
    return run(this.inside(command), { ...options, env: { ...options.env, PATH } });
  }

  async keep(name: string, command: readonly string[]): Promise<void> {
    await this.programs.keep(name, this.inside(command));
  }

  trouble(): string | undefined {
    const { holder } = this;
    if (holder && (holder.exitCode !== null || holder.signalCode !== null))
      return "the VPN's namespace has gone with who held it";
    return this.slirp?.trouble() ?? this.programs.trouble();
  }

  ownNetworks(): string[] {
    return [...ipv4NetworksInUse(""), ...addressNetworks()];
  }

  dns(): VpnDns {
    return { by: "resolver", address: SLIRP.dns };
  }

  /** slirp4netns follows the machine's ways by itself. */
  lookAround(): Promise<void> {
    return Promise.resolve();
  }

  /** The machine itself forwards nothing. */
  guarded(): string[] {
    return [];
  }

  async forward(): Promise<void> {
    await this.run(["tee", "/proc/sys/net/ipv4/ip_forward"], { input: "1" });
  }

  async publish(port: number): Promise<number> {
    if (!this.slirp) throw new SlirpError("slirp4netns does not run");
    for (let outside = port; ; outside += 1) {
      try {
        await this.slirp.forwardUdp(outside, port);
        return outside;
      } catch (error) {
        // Somebody has this one: perhaps not the next.
        if (outside - port >= PORT_TRIES || outside >= 65_535) throw error;
      }
    }
  }

  proxy(address: string, port: number): readonly string[] {
    return this.inside([...bunCommand(join(import.meta.dir, "tcp-pipe.ts")), address, String(port)]);
  }

  async end(): Promise<void> {
    await this.programs.end();
    await this.slirp?.stop();
    this.slirp = undefined;
    const { holder } = this;
    this.holder = undefined;
    if (!holder) return;
    await holder.stdin.end();
    await holder.exited;
  }

  private async untilConnected(): Promise<void> {
    for (let tries = 0; tries < WAIT_TRIES; tries += 1) {
      const { stdout } = await this.tryRun(["ip", "-o", "-4", "address", "show", "dev", SLIRP.tap]);
      if (stdout.includes(SLIRP.address)) return;
      const trouble = this.slirp?.trouble();
      if (trouble !== undefined) throw new SlirpError(trouble);
      await Bun.sleep(WAIT_MS);
    }
    throw new SlirpError("slirp4netns does not connect the namespace");
  }

  private inside(command: readonly string[]): string[] {
    const namespaces = ["--user", "--net", "--mount", "--pid", "--preserve-credentials"];
    return ["nsenter", `--target=${this.pid}`, ...namespaces, "--", ...command];
  }
}
