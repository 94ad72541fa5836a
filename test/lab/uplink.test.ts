import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { lookUp } from "./dns.ts";
import { Guest, knock, listenOn } from "./guest.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { Swarm, withNetworkOf } from "./swarm.ts";
import { uplinkedHost, WORLD } from "./world.ts";

const PRIVATE_BEYOND = "192.168.50.9";
const UPLINK_KBIT = 8_000;

describeNeeding(LAB_NEEDS, "The way to the internet", () => {
  const lab = new Lab("up");
  let box: LabBox;
  let world: LabHost;
  let swarm: Swarm;
  let sniffer: LabProcess;
  let ends: (() => void)[] = [];

  beforeAll(async () => {
    await lab.open();
    const uplinked = await uplinkedHost(lab, "box");
    const { host } = uplinked;
    world = uplinked.world;
    await world.run(["ip", "addr", "add", `${PRIVATE_BEYOND}/32`, "dev", "eth0"]);
    // The provider's resolver, with one name of the wide web and one that points back into the guests' own world.
    world.spawn([
      ...["dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "--pid-file=", "--user=root"],
      ...[`--address=/web.example/${WORLD}`, "--address=/evil.example/192.168.77.1"],
      `--address=/captive.apple.com/${WORLD}`,
    ]);
    writeFileSync(host.resolvConf, "nameserver 192.0.2.1\n");
    sniffer = world.spawn(["tcpdump", "-l", "-n", "-i", "eth0", "udp or tcp or icmp"]);
    ends = [listenOn(world, 443), listenOn(world, 80)];
    box = await startBox(lab, "box", {
      host,
      config: `
        [gateway]
        guest_rate_kbit = 0
        [gateway.uplink]
        interface = "wan0"
        allow = true
        up_kbit = ${UPLINK_KBIT}
        down_kbit = ${UPLINK_KBIT}
      `,
    });
    swarm = new Swarm(lab, box.host, box.bridge);
  });
  afterAll(async () => {
    for (const end of ends) end();
    await lab.close();
  });

  const join = async () => {
    const [phone] = await swarm.addPhones(1);
    if (!phone) throw new Error("no phone");
    await phone.dhcp();
    return phone;
  };

  test("nothing of a guest passes before consent: no connection, no DNS tunnel, no ping", async () => {
    const phone = await join();
    expect(await knock(phone, WORLD, 443)).toBe("refused");
    for (const server of [box.address, "192.0.2.1", "203.0.113.53"]) {
      expect(await lookUp(phone, "c2VjcmV0.tunnel.example", "A", server)).toBe("NOERROR 198.51.100.1");
    }
    await phone.tryRun(["ping", "-c", "1", "-W", "1", WORLD]);
    expect(sniffer.output()).not.toContain("tunnel.example");
    expect(sniffer.output()).not.toContain("ICMP echo request");
    expect(sniffer.output()).not.toContain(`${WORLD}.443`);
    // The control: the sniffer does see what the box itself sends.
    await box.host.tryRun(["ping", "-c", "1", "-W", "1", WORLD]);
    await until("the control", () => sniffer.output().includes("ICMP echo request"));
  });

  test("after consent the internet is there, under the box's address, and the portal says so", async () => {
    const phone = await join();
    const guest = new Guest(phone);
    expect((await guest.firstPage()).page.body).toContain(
      "Your device can also reach the internet through this box.",
    );
    await guest.consent();
    expect(await lookUp(phone, "web.example", "A", box.address)).toBe(`NOERROR ${WORLD}`);
    expect(await knock(phone, WORLD, 443)).toBe("open");
    const translated = new RegExp(`192\\.0\\.2\\.2\\.\\d+ > ${WORLD.replaceAll(".", "\\.")}\\.443`);
    await until("it to be sniffed", () => translated.test(sniffer.output()));
    expect(sniffer.output()).not.toContain(`${phone.address}.`);
    // Its probes find the truth by themselves, and the portal keeps its name.
    expect(await lookUp(phone, "captive.apple.com", "A", box.address)).toBe(`NOERROR ${WORLD}`);
    expect(await lookUp(phone, "omerta.internal", "A", box.address)).toBe("NOERROR 198.51.100.1");
    expect((await guest.get("omerta.internal", "/")).body).toContain("You are connected");
  });

  test("private networks behind the uplink, and names that point into ours, stay out of reach", async () => {
    const phone = await join();
    await new Guest(phone).consent();
    expect(await knock(phone, PRIVATE_BEYOND, 443)).toBe("refused");
    expect(await knock(phone, "192.0.2.2", 8090)).toBe("refused");
    expect(await knock(phone, box.management.address, 8090)).toBe("refused");
    expect(await lookUp(phone, "evil.example", "A", box.address)).not.toContain("192.168.77.1");
  });

  test("an open connection stops passing when the guest leaves", async () => {
    const phone = await join();
    const guest = new Guest(phone);
    await guest.consent();
    const received: string[] = [];
    const server = withNetworkOf(world, () =>
      Bun.listen({
        hostname: WORLD,
        port: 7777,
        socket: { data: (_, data) => void received.push(data.toString()) },
      }),
    );
    ends.push(() => server.stop(true));
    const client = await withNetworkOf(phone, () =>
      Bun.connect({ hostname: WORLD, port: 7777, socket: { data() {} } }),
    );
    client.write("before ");
    await until("the first words", () => received.join("").includes("before"));
    await guest.leave();
    client.write("after");
    await Bun.sleep(1_500);
    expect(received.join("")).toBe("before ");
    client.terminate();
  });

  test("guests share the uplink fairly: one with ten connections gets no more than one with one", async () => {
    const [greedy, modest] = [await join(), await join()];
    await new Guest(greedy).consent();
    await new Guest(modest).consent();
    const bytes = new Map<string, number>();
    const sink = withNetworkOf(world, () =>
      Bun.listen<{ who: string }>({
        hostname: WORLD,
        port: 9000,
        socket: {
          open: (socket) => {
            socket.data = { who: "" };
          },
          data: (socket, data) => {
            socket.data.who ||= data.toString("latin1", 0, 1);
            bytes.set(socket.data.who, (bytes.get(socket.data.who) ?? 0) + data.length);
          },
        },
      }),
    );
    ends.push(() => sink.stop(true));
    const pour = async (phone: LabHost, letter: string) => {
      const block = Buffer.alloc(65_536, letter);
      const fill = (connection: { write(data: Buffer): number }) => {
        while (connection.write(block) === block.length);
      };
      const socket = {
        open: fill,
        drain: fill,
        data() {},
      };
      return await withNetworkOf(phone, () => Bun.connect({ hostname: WORLD, port: 9000, socket }));
    };
    const sockets = [await pour(modest, "m")];
    for (let index = 0; index < 10; index += 1) sockets.push(await pour(greedy, "g"));
    await Bun.sleep(2_000);
    bytes.clear();
    await Bun.sleep(5_000);
    for (const socket of sockets) socket.terminate();
    const [m, g] = [bytes.get("m") ?? 0, bytes.get("g") ?? 0];
    const totalKbit = ((m + g) * 8) / 5 / 1000;
    console.log(
      `      one connection ${Math.round(m / 1024)} KiB, ten connections ${Math.round(g / 1024)} KiB, ${Math.round(totalKbit)} kbit/s in all`,
    );
    expect(totalKbit).toBeLessThan(UPLINK_KBIT * 1.1);
    expect(totalKbit).toBeGreaterThan(UPLINK_KBIT * 0.6);
    expect(g / m).toBeLessThan(1.5);
    expect(g / m).toBeGreaterThan(0.67);
  });

  test("follows the uplink: gone, the box says so and answers for itself; back, it forwards again", async () => {
    const phone = await join();
    const guest = new Guest(phone);
    await guest.consent();
    await box.host.run(["ip", "link", "set", "wan0", "down"]);
    await until("the loss to be seen", async () =>
      (await guest.get("omerta.internal", "/on")).body.includes("There is no internet here"),
    );
    await until(
      "its own answers",
      async () => (await lookUp(phone, "web.example", "A", box.address)) === "NOERROR 198.51.100.1",
    );
    expect((await guest.get("captive.apple.com", "/hotspot-detect.html")).body).toContain("Success");
    await box.host.run(["ip", "link", "set", "wan0", "up"]);
    await box.host.run(["ip", "route", "add", "default", "via", "192.0.2.1"]);
    await until(
      "it to be back",
      async () => (await lookUp(phone, "web.example", "A", box.address)) === `NOERROR ${WORLD}`,
    );
    expect(await knock(phone, WORLD, 443)).toBe("open");
    await until("the journal to say so", async () => {
      const kinds = (await box.status()).journal.map((entry) => entry.kind);
      return kinds.includes("uplink-down") && kinds.includes("uplink-up");
    });
  });
});
