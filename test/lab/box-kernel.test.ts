import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import { Lab, type LabHost } from "./lab.ts";

describeNeeding(LAB_NEEDS, "The box's kernel parameters", () => {
  const lab = new Lab("kernel");
  let box: LabHost;
  let peer: LabHost;

  beforeAll(async () => {
    await lab.open();
    [box, peer] = [await lab.host("box"), await lab.host("peer")];
    await asBox(box);
    await lab.cable(box, "eth0", peer, "eth0");
    await lab.cable(box, "wlan0", peer, "wlan0");
    // A wire and a radio in one network, as behind one access point; the peer is on the radio alone.
    await box.run(["ip", "addr", "add", "10.91.0.1/24", "dev", "eth0"]);
    await box.run(["ip", "addr", "add", "10.91.0.2/24", "dev", "wlan0"]);
    await peer.run(["ip", "addr", "add", "10.91.0.9/24", "dev", "wlan0"]);
    await peer.run(["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"]);
    // A question by ARP is held to the same check: packets are to be sent whether it is answered or not.
    const mac = (await box.run(["cat", "/sys/class/net/wlan0/address"])).trim();
    await peer.run([
      "ip",
      "neigh",
      "replace",
      "10.91.0.2",
      "lladdr",
      mac,
      "nud",
      "permanent",
      "dev",
      "wlan0",
    ]);
  });
  afterAll(() => lab.close());

  /** Packets that the box has taken in with a source that it did not believe. */
  const disbelieved = async () => {
    const counters = await box.run(["cat", "/proc/net/netstat"]);
    const [names = "", values = ""] = counters.split("\n").filter((line) => line.startsWith("TcpExt:"));
    return Number(values.split(" ")[names.split(" ").indexOf("IPReversePathFilter")]);
  };
  const knock = async (from: string) => {
    const before = await disbelieved();
    await peer.tryRun(["ping", "-c", "2", "-i", "0.1", "-W", "1", "-I", from, "10.91.0.2"]);
    return (await disbelieved()) - before;
  };

  test("let in what comes by the radio from a network that the answer would go to by the wire", async () => {
    expect(await knock("10.91.0.9")).toBe(0);
  });

  test("let in nothing whose source is reached nowhere", async () => {
    await peer.run(["ip", "addr", "add", "203.0.113.66/32", "dev", "wlan0"]);
    expect(await knock("203.0.113.66")).toBeGreaterThan(0);
  });
});
