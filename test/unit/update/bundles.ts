import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBundle } from "../../../image-build/rauc/bundle.ts";
import { makeAuthority, makeSigner, type Signer } from "../../../image-build/rauc/signing.ts";
import { raucSystemConf } from "../../../image-build/rauc/system-conf.ts";
import { seededRandom } from "../../../src/bench/seeded-random.ts";

/** A community that signs bundles, with files of its own in a test's folder. */
export class Signers {
  constructor(readonly folder: string) {}

  private files(name: string): Signer {
    return { certificate: join(this.folder, `${name}.pem`), key: join(this.folder, `${name}.key`) };
  }

  /** @param days how long from now on the signer's certificate holds */
  async make(name: string, days?: string): Promise<{ authority: string; signer: Signer }> {
    const authority = this.files(`${name}-ca`);
    await makeAuthority(name, authority);
    const signer = this.files(name);
    await makeSigner(name, authority, signer, days);
    return { authority: authority.certificate, signer };
  }
}

export interface BundleOptions {
  version?: string;
  board?: "pc-amd64" | "rpi-arm64";
  /** Of what looks like a root; it cannot be compressed. */
  bytes?: number;
  seed?: number;
}

/** A real bundle, made and signed as an image's is, of content that would start nothing. */
export async function smallBundle(
  folder: string,
  name: string,
  signer: Signer,
  { version = "1.1.0", board = "pc-amd64", bytes = 600_000, seed = 1 }: BundleOptions = {},
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const random = seededRandom(seed);
  const noise = Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256));
  const [rootImage, bootImage] = [join(folder, `${name}.root`), join(folder, `${name}.boot`)];
  writeFileSync(rootImage, noise);
  writeFileSync(bootImage, noise.subarray(0, 4_096));
  const path = join(folder, `${name}.raucb`);
  await makeBundle({ board, version, description: "a test", bootImage, rootImage }, signer, path);
  return path;
}

/** A box's own configuration of RAUC, with another keyring. */
export function confWith(folder: string, keyring: string): string {
  const path = join(folder, "system.conf");
  writeFileSync(path, raucSystemConf("pc-amd64").replace(/^path=.*$/m, `path=${keyring}`));
  return path;
}
