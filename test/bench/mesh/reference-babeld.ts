import { join } from "node:path";
import type { MeshTopology } from "../../lab/mesh-topology.ts";
import type { DaemonKind } from "./reference-daemon.ts";

/**
 * Debian's babeld (RFC 8966).
 *
 * Its default is a hello every 4 s, made for lasting networks. With `helloSeconds` 1 it looks at its neighbours about
 * as often as the box looks at its ways: whoever notices a black hole sooner by asking more often is not better, so
 * the comparison is fair only there, and its idle traffic is that of this pace. Updates stay at four hellos, its own
 * default. Links are taken for wired (two of three hellos missed: down), and their carrier is watched (`-l`).
 */
export const babeld = (helloSeconds: number): DaemonKind => ({
  name: "babeld",
  intervals: `hello every ${helloSeconds} s, update every ${4 * helloSeconds} s`,
  async prepare(topology: MeshTopology, host: number, folder: string) {
    const address = `fd42::${(host + 1).toString(16)}`;
    const namespace = topology.host(host);
    await namespace.run([
      "sh",
      "-ec",
      `ip -6 addr replace ${address}/128 dev lo; sysctl -qw net.ipv6.conf.all.forwarding=1`,
    ]);
    const interfaces = topology.portsOf(host).map((port) => port.interface);
    const statements = [
      "redistribute local ip fd42::/16",
      "redistribute local deny",
      `default type wired hello-interval ${helloSeconds} update-interval ${4 * helloSeconds}`,
    ];
    const file = (kind: string) => join(folder, `babeld-${host}.${kind}`);
    return {
      address,
      command: [
        "babeld",
        "-l",
        ...["-I", file("pid"), "-S", file("state")],
        ...statements.flatMap((statement) => ["-C", statement]),
        ...interfaces,
      ],
    };
  },
});
