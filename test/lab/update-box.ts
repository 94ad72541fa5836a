import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleId } from "../../src/update/bundle/bundle-shelf.ts";
import type { UpdateView } from "../../src/update/index.ts";
import type { Lab, LabHost } from "./lab.ts";
import { MeshBox } from "./mesh-box.ts";

/** What the process of one box is told beside its mesh. */
export interface UpdateBoxOptions {
  /** What runs. */
  version: string;
  /** RAUC's configuration, with the keyring. */
  conf: string;
  kbit: number;
}

/** A box of a lab with its mesh and its updates. */
export class UpdateBox {
  readonly mesh: MeshBox;

  constructor(lab: Lab, host: LabHost, name: string, options: UpdateBoxOptions) {
    this.mesh = new MeshBox(lab, host, name, { script: join(import.meta.dir, "update-box-process.ts") });
    mkdirSync(this.mesh.folder, { recursive: true });
    writeFileSync(join(this.mesh.folder, "update-options.json"), JSON.stringify(options));
  }

  private get held(): string {
    return join(this.mesh.folder, "update", "held");
  }

  /** Puts a bundle there as if it had come earlier. @param changedAt a byte of it that is not as it was signed */
  holds(path: string, changedAt?: number): void {
    const bytes = readFileSync(path);
    const id = bundleId(bytes, bytes.length);
    if (changedAt !== undefined) bytes[changedAt] = (bytes[changedAt] ?? 0) ^ 1;
    mkdirSync(this.held, { recursive: true });
    cpSync(path, join(this.held, `${id}.raucb`));
    writeFileSync(join(this.held, `${id}.raucb`), bytes);
  }

  /** Bundles that it has, by their bytes. */
  bundles(): Buffer[] {
    return readdirSync(this.held).map((name) => readFileSync(join(this.held, name)));
  }

  /** What it showed last; undefined before that. */
  view(): UpdateView | undefined {
    try {
      return JSON.parse(readFileSync(join(this.mesh.folder, "update-view.json"), "utf8")) as UpdateView;
    } catch {
      return undefined;
    }
  }
}
