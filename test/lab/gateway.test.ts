import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { lookUp } from "./dns.ts";
import { Guest, knock, listenOn, speakIpv6 } from "./guest.ts";
import { Lab, until } from "./lab.ts";
import { type Phone, Swarm, withNetworkOf } from "./swarm.ts";

describeNeeding(LAB_NEEDS, "The guest gateway", () => {
  const lab = new Lab("gw");
  let box: LabBox;
  let swarm: Swarm;
  let listeners: (() => void)[] = [];

  /** A phone that has just joined and has an address. */
  const join = async (): Promise<Phone> => {
    const [phone] = await swarm.addPhones(1);
    if (!phone) throw new Error("no phone");
    await until("the port to be isolated", () => isIsolated(phone));
    await phone.dhcp();
    return phone;
  };
  const isIsolated = async (phone: Phone): Promise<boolean> => {
    const port = `phone${swarm.phones.indexOf(phone)}`;
    const links = await box.host.run(["bridge", "-d", "link", "show", "dev", port]);
    return links.includes("isolated on");
  };
  const sessionOf = async (phone: Phone) =>
    (await box.status()).guests.find((guest) => guest.mac === phone.mac);

  beforeAll(async () => {
    await lab.open();
    box = await startBox(lab, "box", {
      config: `
        [gateway]
        consent_minutes = 60
        [[gateway.services]]
        name = "Library"
        port = 8088
        [[gateway.services]]
        name = "Maps"
        port = 8089
      `,
    });
    swarm = new Swarm(lab, box.host, box.bridge);
    // Something that listens everywhere and is no guest's business, as sshd would, beside the configured service.
    listeners = [listenOn(box.host, 8088), listenOn(box.host, 22)];
  });
  afterAll(async () => {
    for (const end of listeners) end();
    await lab.close();
  });

  test("gives a phone an address, itself as router and resolver", async () => {
    const [phone] = await swarm.addPhones(1);
    const lease = await phone?.dhcp();
    expect(lease?.router).toBe(box.address);
    expect(lease?.dns).toEqual([box.address]);
    expect(lease?.prefixLength).toBe(20);
    expect(lease?.leaseSeconds).toBe(600);
    expect(lease?.captivePortalUrl).toBeUndefined();
  });

  test("answers every name with an unroutable public address before consent, whatever resolver is asked", async () => {
    const phone = await join();
    expect(await lookUp(phone, "captive.apple.com", "A", box.address)).toBe("NOERROR 198.51.100.1");
    expect(await lookUp(phone, "captive.apple.com", "AAAA", box.address)).toBe("NOERROR 100::1");
    expect(await lookUp(phone, "example.org", "A", "8.8.8.8")).toBe("NOERROR 198.51.100.1");
    expect(await lookUp(phone, "use-application-dns.net", "A", box.address)).toBe("ENOTFOUND");
    expect(await lookUp(phone, "mask.icloud.com", "A", box.address)).toBe("ENOTFOUND");
  });

  test("leads any plain-HTTP address to the portal before consent, and resets 443 at once", async () => {
    const phone = await join();
    for (const address of ["198.51.100.1", "203.0.113.80", box.address]) {
      const answer = await phone.request({ address, host: "example.com", path: "/some/page" });
      expect([answer.status, answer.headers.get("location")]).toEqual([302, "http://omerta.internal/"]);
    }
    for (const address of ["198.51.100.1", "203.0.113.80", box.address]) {
      expect(await knock(phone, address, 443)).toBe("refused");
    }
  });

  test("lets a phone reach no other address and no other port of the box before consent", async () => {
    const phone = await join();
    const open: string[] = [];
    for (const address of [box.address, box.management.address, "198.51.100.1", "127.0.0.1"]) {
      for (const port of [22, 53, 80, 443, 5300, 8080, 8088, 8089, 8090, 8443, 67]) {
        if ((await knock(phone, address, port)) === "open") open.push(`${address}:${port}`);
      }
    }
    // 53 and 80 are led to the captive resolver and the portal, whatever address they were for.
    const led = [box.address, box.management.address, "198.51.100.1"].flatMap((address) => [
      `${address}:53`,
      `${address}:80`,
    ]);
    expect(open.sort()).toEqual(led.sort());
    const console = await phone.request({ address: box.management.address, host: "192.168.77.1" });
    expect(console.status).toBe(302);
  });

  test("of all TCP ports on each of the box's addresses, a guest finds but the resolver's and the portal's", async () => {
    const phone = await join();
    for (const address of [box.address, box.management.address]) {
      const open: number[] = [];
      for (let first = 1; first <= 65_535; first += 500) {
        const ports = Array.from({ length: Math.min(500, 65_536 - first) }, (_, index) => first + index);
        await Promise.all(
          ports.map(async (port) => (await knock(phone, address, port)) === "open" && open.push(port)),
        );
      }
      expect(open).toEqual([53, 80]);
    }
  }, 120_000);

  test("gives no answer on any UDP port but DHCP's and the resolver's", async () => {
    const phone = await join();
    const heard: string[] = [];
    const echo = await withNetworkOf(box.host, () =>
      Bun.udpSocket({
        hostname: "0.0.0.0",
        port: 5555,
        socket: { data: (socket, data, port, from) => void socket.send(data, port, from) },
      }),
    );
    const asking = await withNetworkOf(phone, () =>
      Bun.udpSocket({ socket: { data: (_, data, port) => void heard.push(`${port} ${data}`) } }),
    );
    listeners.push(
      () => echo.close(),
      () => asking.close(),
    );
    for (const address of [box.address, box.management.address]) {
      for (const port of [5555, 5300, 67, 8090, 123]) asking.send("knock", port, address);
    }
    await Bun.sleep(500);
    expect(heard).toEqual([]);
    // The control: the echo does answer on the management side.
    const beside = await withNetworkOf(box.host, () =>
      Bun.udpSocket({ socket: { data: (_, data, port) => void heard.push(`${port} ${data}`) } }),
    );
    listeners.push(() => beside.close());
    beside.send("knock", 5555, box.management.address);
    await until("the control", () => heard.includes("5555 knock"));
  });

  test("keeps the box's other networks to itself: no ARP answer, no ping", async () => {
    const phone = await join();
    await phone.run(["ip", "route", "add", "192.168.77.0/24", "dev", "wlan0"]);
    const arping = await phone.tryRun([
      "busybox",
      "arping",
      "-c",
      "2",
      "-w",
      "2",
      "-I",
      "wlan0",
      box.management.address,
    ]);
    expect(arping.exitCode).not.toBe(0);
    const control = await phone.tryRun([
      "busybox",
      "arping",
      "-c",
      "1",
      "-w",
      "2",
      "-I",
      "wlan0",
      box.address,
    ]);
    expect(control.exitCode).toBe(0);
    await phone.run(["ip", "route", "del", "192.168.77.0/24", "dev", "wlan0"]);
    const ping = await phone.tryRun(["ping", "-c", "1", "-W", "1", box.management.address]);
    expect(ping.exitCode).not.toBe(0);
  });

  test("opens the community services after consent, and nothing more", async () => {
    const phone = await join();
    const answer = await new Guest(phone).consent("fr");
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/on?lang=fr"]);
    expect((await sessionOf(phone))?.state).toBe("released");
    expect((await sessionOf(phone))?.language).toBe("fr");
    expect(await knock(phone, box.address, 8088)).toBe("open");
    for (const [address, port] of [
      [box.address, 22],
      [box.address, 8080],
      [box.address, 5300],
      [box.address, 8090],
      [box.management.address, 22],
      [box.management.address, 8088],
      [box.management.address, 8090],
      ["203.0.113.80", 443],
    ] as const) {
      expect(`${address}:${port} ${await knock(phone, address, port)}`).toBe(`${address}:${port} refused`);
    }
  });

  test("keeps guests from each other, before consent and after", async () => {
    const [first, second] = [await join(), await join()];
    listeners.push(listenOn(second, 7000));
    expect(await knock(first, second.address ?? "", 7000)).not.toBe("open");
    await new Guest(first).consent();
    await new Guest(second).consent();
    expect(await knock(first, second.address ?? "", 7000)).not.toBe("open");
  });

  test("does not let one guest through on another's consent with a stolen address", async () => {
    const [honest, thief] = [await join(), await join()];
    await new Guest(honest).consent();
    await thief.configure(honest.address ?? "", box.prefix, box.address);
    expect(await knock(thief, box.address, 8088)).not.toBe("open");
  });

  test("drops packets with a source that is no guest's, and those in the box's own name", async () => {
    const phone = await join();
    await phone.run(["ip", "addr", "add", "192.0.2.55/32", "dev", "lo"]);
    const before = await counter("spoofed_source");
    await phone.tryRun(["ping", "-I", "192.0.2.55", "-c", "2", "-W", "1", box.address]);
    expect(await counter("spoofed_source")).toBeGreaterThan(before);
  });

  test("ends a session when the guest leaves: nothing passes any more, and its connections are cut", async () => {
    const phone = await join();
    const guest = new Guest(phone);
    await guest.consent();
    expect(await knock(phone, box.address, 8088)).toBe("open");
    const left = await guest.leave();
    expect(left.status).toBe(200);
    expect(await knock(phone, box.address, 8088)).toBe("refused");
    expect((await sessionOf(phone))?.state).toBe("expired");
    const tracked = ["conntrack", "-L", "-s", phone.address ?? "", "-p", "tcp", "--dport", "8088"];
    await until("its connections to be cut", async () => (await box.host.tryRun(tracked)).stdout === "");
    expect((await guest.get("captive.apple.com", "/hotspot-detect.html")).status).toBe(302);
  });

  test("serves IPv6 guests by the same rules", async () => {
    const phone = await join();
    await speakIpv6(phone);
    const curl = async (url: string) => {
      const { exitCode, stdout } = await phone.tryRun([
        "curl",
        "-s",
        "-m",
        "3",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        url,
      ]);
      return exitCode === 0 ? Number(stdout) : -exitCode;
    };
    const refused = -7;
    expect(await curl("http://[100::1]/")).toBe(200);
    expect(await curl(`http://[${box.address6}]:8088/`)).toBe(refused);
    expect(await curl(`http://[${box.address6}]:8080/`)).toBe(refused);
    expect(await curl("https://[100::1]/")).toBe(refused);
    expect(await lookUp(phone, "example.org", "AAAA", box.address6)).toBe("NOERROR 100::1");
    await new Guest(phone).consent();
    // nc answers with nothing: an empty reply is curl's 52, and proves the connection.
    expect(await curl(`http://[${box.address6}]:8088/`)).not.toBe(refused);
    expect(await curl(`http://[${box.address6}]:22/`)).toBe(refused);
    const page = await phone.run([
      "curl",
      "-s",
      "-m",
      "3",
      "http://[100::1]/on",
      "-H",
      "Host: omerta.internal",
    ]);
    expect(page).toContain("You are connected");
  });

  test("keeps those with an address served while a flood of MAC addresses asks for more", async () => {
    const phone = await join();
    const [attacker] = await swarm.addPhones(1);
    if (!attacker) throw new Error("no attacker");
    const before = (await box.host.run(["cat", `${box.stateFolder}/dhcp-leases`])).split("\n").length;
    const flood = attacker.spawn([process.execPath, `${import.meta.dir}/dhcp-flood.ts`, "wlan0", "3000"]);
    expect(await flood.exited).toBe(0);
    expect(flood.output()).toContain("sent 3000");
    expect(await counter("dhcp_flood")).toBeGreaterThan(1_000);
    const lease = await phone.dhcp();
    expect(lease.address).toBe(phone.address as string);
    expect((await new Guest(phone).consent()).status).toBe(303);
    const leases = (await box.host.run(["cat", `${box.stateFolder}/dhcp-leases`])).split("\n").length;
    expect(leases - before).toBeLessThan(10);
  });

  test("puts its firewall back when something has flushed it", async () => {
    const phone = await join();
    await box.host.run(["nft", "flush", "ruleset"]);
    await until(
      "the firewall",
      async () => (await box.host.tryRun(["nft", "list", "table", "inet", "omerta_guest"])).exitCode === 0,
    );
    expect((await new Guest(phone).get("example.com", "/")).status).toBe(302);
    expect(await knock(phone, box.address, 22)).toBe("refused");
  });

  async function counter(name: string): Promise<number> {
    const text = await box.host.run(["nft", "-j", "list", "counter", "inet", "omerta_guest", name]);
    const { nftables } = JSON.parse(text) as { nftables: { counter?: { packets: number } }[] };
    return nftables.find((object) => object.counter)?.counter?.packets ?? 0;
  }
});
