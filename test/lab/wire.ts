import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type LabHost, type LabProcess, until } from "./lab.ts";

/** Everything that passes an interface of a lab host, from when it begins. */
export class Wire {
  private constructor(
    private readonly process: LabProcess,
    private readonly path: string,
  ) {}

  static async listen(host: LabHost, interfaceName: string): Promise<Wire> {
    const path = join(host.lab.folder, `${host.name}-${interfaceName}.pcap`);
    const process = host.spawn([
      // Its own user could not write here. Each frame at once: the kernel else hands them over about once a second.
      ...["tcpdump", "-Z", "root", "--immediate-mode", "-i", interfaceName],
      ...["-s", "0", "-U", "-w", path],
    ]);
    await until("tcpdump to listen", () => process.output().includes("listening on"));
    return new Wire(process, path);
  }

  /** @returns the frames with pcap's headers between them */
  async stop(): Promise<Buffer> {
    await Bun.sleep(200);
    await this.process.stop("SIGINT");
    return readFileSync(this.path);
  }
}

/** Something that must not be found, and the forms in which it could be. */
export interface Needle {
  what: string;
  forms: readonly (string | Uint8Array)[];
}

/** A key as bytes, and as hex and base64 as texts would have it. */
export const keyNeedle = (what: string, key: Uint8Array): Needle => {
  const buffer = Buffer.from(key);
  return {
    what,
    forms: [key, buffer.toString("hex"), buffer.toString("base64"), buffer.toString("base64url")],
  };
};

export const textNeedle = (what: string, text: string): Needle => ({ what, forms: [text] });

/** Which of them are in there. */
export const foundIn = (haystack: Buffer, needles: readonly Needle[]): string[] =>
  needles.filter(({ forms }) => forms.some((form) => haystack.includes(form))).map(({ what }) => what);
