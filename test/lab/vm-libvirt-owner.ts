// A process of its own that starts a machine, prints READY, and waits to be killed.
// With a link of the lab's machine as the first word it asks that libvirt, otherwise it starts a lab with one.
import { Libvirt } from "../../src/vm/libvirt/libvirt.ts";
import { Lab } from "./lab.ts";
import { startPrivateLibvirtd } from "./private-libvirtd.ts";

/** Paused, with nothing in it. */
const bareXml = (name: string) => `<domain type="qemu"><name>${name}</name><memory unit="MiB">16</memory>
<os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
<devices><memballoon model="none"/></devices></domain>`;

const [where = "", name = "", how = ""] = process.argv.slice(2);
if (where.startsWith("qemu")) {
  const libvirt = await Libvirt.connect({ uri: where });
  await libvirt.create(bareXml(name), { isPaused: true, endsWithConnection: how === "ends" });
} else {
  const daemon = await startPrivateLibvirtd(await (await new Lab(where).open()).host("box"));
  const libvirt = await Libvirt.connect({ uri: daemon.uri });
  await libvirt.create(bareXml(name), { isPaused: false, endsWithConnection: false });
}
process.stdout.write("READY\n");
setInterval(() => undefined, 1_000);
