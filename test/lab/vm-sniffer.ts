import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type LabHost, type LabProcess, until } from "./lab.ts";

let sniffers = 0;

/** Everything that passes an interface of a lab host, in a file as soon as it has passed. */
export class Sniffer {
  private constructor(
    readonly name: string,
    private readonly process: LabProcess,
    private readonly path: string,
  ) {}

  static async listen(name: string, host: LabHost, device: string): Promise<Sniffer> {
    const path = join(host.lab.folder, `sniffed-${++sniffers}.pcap`);
    // Else the kernel keeps what it has for up to a second, and what it has at the end is lost. Each place for a frame
    // is as long as what is kept of it: with all of it there are few.
    const process = host.spawn([
      "tcpdump",
      "-Z",
      "root",
      "-i",
      device,
      "--immediate-mode",
      "-B",
      "8192",
      "-s",
      "2048",
      "-U",
      "-w",
      path,
    ]);
    await until("tcpdump to listen", () => process.output().includes("listening on"), 30_000);
    return new Sniffer(name, process, path);
  }

  has(text: string): boolean {
    return this.bytes().includes(text);
  }

  /** What it has seen so far: frames with pcap's headers between them. */
  bytes(): Buffer {
    return readFileSync(this.path);
  }

  /**
   * Ends it once it has seen something that was sent last and does pass there: so nothing before it was missed.
   * @returns the frames with pcap's headers between them
   */
  async stopAfter(last: string): Promise<Buffer> {
    await until(`${last} to be seen on ${this.name}`, () => this.has(last), 30_000);
    await this.process.stop("SIGINT");
    return this.bytes();
  }
}
