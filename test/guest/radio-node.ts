import { type LabProcess, until } from "../lab/lab.ts";
import type { GuestMachine } from "./machine/guest-machine.ts";

const FOLDER = "/run/air";

/** The radios of a box in an emulated machine, without the rest of the box: it is there in seconds. */
export class RadioNode {
  private process: LabProcess | undefined;

  private constructor(
    readonly machine: GuestMachine,
    private readonly config: Record<string, unknown>,
    private readonly withBatman: boolean,
  ) {}

  /** Makes radios of mac80211_hwsim, the first of them the box's, and a bridge for guests, and starts the part. */
  static async start(
    machine: GuestMachine,
    radios: number,
    config: Record<string, unknown> = {},
    options: { withBatman?: boolean } = {},
  ): Promise<RadioNode> {
    await machine.shell(
      `modprobe mac80211_hwsim radios=${radios}
       until [ -e /sys/class/net/wlan${radios - 1} ]; do sleep 0.1; done
       ip link add br-guest type bridge
       ip link set br-guest up`,
      { timeoutMs: 60_000 },
    );
    return new RadioNode(
      machine,
      { country: "DE", ssid: "Omerta Test", ...config },
      options.withBatman === true,
    );
  }

  async launch(): Promise<void> {
    const program = await this.machine.bundle("test/guest/air-node.ts");
    const command = [
      "bun",
      program,
      FOLDER,
      JSON.stringify(this.config),
      ...(this.withBatman ? [] : ["radios"]),
    ];
    this.process = await this.machine.spawn(command);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.process?.stop(signal);
  }

  output(): string {
    return this.process?.output() ?? "";
  }

  /** Waits until a line about the radios is as wanted. @returns the line */
  async says(pattern: RegExp, timeoutMs = 60_000): Promise<string> {
    try {
      return await until(String(pattern), () => this.lastLine(pattern), timeoutMs);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.output().slice(-4_000)}`);
    }
  }

  /**
   * Waits for a line about the radios that is as wanted.
   * @param from the character of its output behind which it stands
   * @param afterMs the time of the machine, in ms since 1970, behind which it was said
   * @returns the time of the machine at which it was
   */
  async saidAt(pattern: RegExp, from: number, timeoutMs: number, afterMs: number): Promise<number> {
    const said = () => {
      const lines = this.output().slice(from).split("\n");
      for (const [index, line] of lines.entries()) {
        const at = Number(/^at (\d+)$/.exec(lines[index + 1] ?? "")?.[1]);
        if (pattern.test(line) && at > afterMs) return at;
      }
      return undefined;
    };
    return until(String(pattern), said, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output().slice(from)}`);
    });
  }

  /** The last line about the radios, if it is as wanted. */
  private lastLine(pattern: RegExp): string | undefined {
    const line = this.output()
      .split("\n")
      .findLast((one) => /^(?:open network|mesh |uplink|nothing|no radio)/.test(one));
    return line !== undefined && pattern.test(line) ? line : undefined;
  }
}
