import { join } from "node:path";
import type { LabHost } from "./lab.ts";

const PARAMETERS = join(import.meta.dir, "../../rootfs-overlay/etc/sysctl.d/60-omerta-box.conf");

/** Sets a host's kernel as the box's is set (sysctl.d(5)). What belongs to the whole machine and not to a namespace is left out. */
export async function asBox(host: LabHost): Promise<void> {
  await host.run(["sysctl", "-e", "-q", "-p", PARAMETERS]);
}
