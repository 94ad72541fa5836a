import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../src/host/run.ts";
import type { MeshTopology } from "../../lab/mesh-topology.ts";
import type { DaemonKind } from "./reference-daemon.ts";

/**
 * Debian's yggdrasil 0.4: finds its neighbours by multicast on every link and keeps TCP connections to them. It has no
 * intervals to set, so it runs as it comes. Each host's key is new.
 */
export const yggdrasil = (): DaemonKind => ({
  name: "yggdrasil",
  intervals: "its own, none to set",
  async prepare(topology: MeshTopology, host: number, folder: string) {
    const namespace = topology.host(host);
    const generated = JSON.parse(await run(["yggdrasil", "-genconf", "-json"])) as Record<string, unknown>;
    const file = join(folder, `yggdrasil-${host}.json`);
    const config = {
      ...generated,
      AdminListen: "none",
      MulticastInterfaces: [{ Regex: "eth.*", Beacon: true, Listen: true, Port: 0, Priority: 0 }],
      IfName: "ygg0",
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const address = (await namespace.run(["yggdrasil", "-useconffile", file, "-address"])).trim();
    return { address, command: ["yggdrasil", "-useconffile", file] };
  },
});
