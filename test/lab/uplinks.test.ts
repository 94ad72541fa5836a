import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest } from "./guest.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import type { Phone } from "./phone.ts";
import { Swarm, withNetworkOf } from "./swarm.ts";

/** The same server at every provider; its answer says by which it was reached. */
const WEB = "198.18.0.10";
const PUBLIC_RESOLVER = "198.18.0.53";
const WANS = ["wan0", "wan1", "wwan0"] as const;
type Wan = (typeof WANS)[number];
const PORTAL = "http://login.provider.example/";

/** What is behind a provider's router. */
type Beyond = "internet" | "nothing" | "captive";

class Provider {
  beyond: Beyond = "internet";
  private resolver: LabProcess | undefined;

  constructor(
    readonly wan: Wan,
    readonly host: LabHost,
    readonly address: string,
  ) {}

  /** The pages, and two resolvers: the provider's own, and one far away. */
  serve(): () => void {
    this.spawnResolver(PUBLIC_RESOLVER);
    this.openResolver();
    const answer = () =>
      this.beyond === "captive"
        ? `HTTP/1.1 302 Found\r\nLocation: ${PORTAL}\r\nContent-Length: 0\r\n\r\n`
        : `HTTP/1.1 204 No Content\r\nX-Wan: ${this.wan}\r\n\r\n`;
    const server = withNetworkOf(this.host, () =>
      Bun.listen({
        hostname: "0.0.0.0",
        port: 80,
        socket: { data: (socket) => void socket.end(answer()) },
      }),
    );
    return () => server.stop(true);
  }

  openResolver(): void {
    this.resolver = this.spawnResolver(this.address);
  }

  async closeResolver(): Promise<void> {
    await this.resolver?.stop();
  }

  async put(beyond: Beyond): Promise<void> {
    this.beyond = beyond;
    const drops = beyond === "nothing";
    await this.host.tryRun(["nft", "delete", "table", "ip", "far"]);
    if (!drops) return;
    await this.host.run(["nft", "-f", "-"], {
      input:
        "table ip far {\n chain in {\n type filter hook prerouting priority -300\n ip daddr 198.18.0.0/15 drop\n }\n}\n",
    });
  }

  async bytes(): Promise<number> {
    const read = async (what: string) =>
      Number(await this.host.run(["cat", `/sys/class/net/eth0/statistics/${what}_bytes`]));
    return (await read("rx")) + (await read("tx"));
  }

  private spawnResolver(listen: string): LabProcess {
    return this.host.spawn([
      ...["dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "--pid-file=", "--user=root"],
      ...["--bind-interfaces", `--listen-address=${listen}`, `--address=/probe.example/${WEB}`],
    ]);
  }
}

describeNeeding(LAB_NEEDS, "A box with two ways to the internet and a metered one", () => {
  const lab = new Lab("ways");
  const providers = {} as Record<Wan, Provider>;
  const ends: (() => void)[] = [];
  let box: LabBox;
  let phone: Phone;

  beforeAll(async () => {
    await lab.open();
    const host = await lab.host("box");
    for (const [index, wan] of WANS.entries()) {
      const isp = await lab.host(`isp${index}`);
      await lab.cable(host, wan, isp, "eth0");
      const [own, theirs] = [index * 16 + 2, index * 16 + 1].map((last) => `192.0.2.${last}`);
      await host.run(["ip", "addr", "add", `${own}/28`, "dev", wan]);
      await host.run(["ip", "route", "add", "default", "via", `${theirs}`, "metric", `${100 * (index + 1)}`]);
      for (const address of [`${theirs}/28`, `${WEB}/32`, `${PUBLIC_RESOLVER}/32`])
        await isp.run(["ip", "addr", "add", address, "dev", "eth0"]);
      providers[wan] = new Provider(wan, isp, `${theirs}`);
      ends.push(providers[wan].serve());
    }
    writeFileSync(host.resolvConf, WANS.map((wan) => `nameserver ${providers[wan].address}\n`).join(""));
    box = await startBox(lab, "box", {
      host,
      config: `
        [gateway]
        guest_rate_kbit = 0
        [gateway.uplink]
        interface = "wan0"
        allow = true
        [uplinks]
        targets = ["http://probe.example/generate_204"]
        resolvers = ["${PUBLIC_RESOLVER}"]
        metered_guest_kbit = 400
        [[uplinks.links]]
        interface = "wan1"
        priority = 20
        [[uplinks.links]]
        interface = "wwan0"
        metered = true
      `,
    });
    const [first] = await new Swarm(lab, host, box.bridge).addPhones(1);
    if (!first) throw new Error("no phone");
    phone = first;
    await first.dhcp();
    await new Guest(first).consent();
  }, 60_000);
  afterAll(async () => {
    for (const end of ends) end();
    await lab.close();
  });

  const ways = async () => (await box.status()).uplinks ?? [];
  const stateOf = async (wan: Wan) => (await ways()).find((one) => one.interface === wan)?.state;
  const inUse = async () => (await ways()).filter((one) => one.inUse).map((one) => one.interface);
  const untilUsed = (wan: Wan, timeoutMs = 60_000) =>
    until(`${wan} to be used`, async () => (await inUse()).join() === wan, timeoutMs);
  /** By which provider a page comes now; "" where none does. */
  const cameBy = async (from: LabHost) => {
    const page = await from.tryRun(["curl", "-si", "-m", "1", `http://${WEB}/`]);
    return /X-Wan: (\S+)/.exec(page.stdout)?.[1] ?? "";
  };
  /** How long until pages come by `wan` for the box itself and for a guest, in s. */
  const secondsUntilBy = async (wan: Wan, what: string) => {
    const from = performance.now();
    const seconds = async (host: LabHost) => {
      await until(`pages by ${wan} at ${host.name}`, async () => (await cameBy(host)) === wan, 90_000);
      return (performance.now() - from) / 1_000;
    };
    const [own, guest] = await Promise.all([seconds(box.host), seconds(phone)]);
    console.log(`      ${what}: the box after ${own.toFixed(1)} s, a guest after ${guest.toFixed(1)} s`);
    return Math.max(own, guest);
  };
  const anew = async () => {
    for (const wan of WANS) await providers[wan].put("internet");
    await box.restart("SIGTERM");
    await untilUsed("wan0");
  };

  test("the best of those that reach the internet is used, by the box and by guests, and the operator sees all", async () => {
    await untilUsed("wan0");
    await until("all to be looked at", async () => (await ways()).every(({ state }) => state === "online"));
    expect([await cameBy(box.host), await cameBy(phone)]).toEqual(["wan0", "wan0"]);
    expect((await ways()).map(({ metered }) => metered)).toEqual([false, false, true]);
    const page = await box.host.run(["curl", "-s", `http://${box.management.address}:8090/`]);
    expect(page).toContain("Ways to the internet");
  });

  test("who gave a guest's port an address before it was one is no way to the internet", async () => {
    const port = "port9";
    await box.host.run(["ip", "link", "add", port, "type", "veth", "peer", "name", "far9"]);
    await box.host.run(["ip", "addr", "add", "203.0.113.9/24", "dev", port]);
    await box.host.run(["ip", "link", "set", port, "up"]);
    await box.host.run(["ip", "link", "set", "far9", "up"]);
    await box.host.run([
      ...["ip", "route", "add", "default", "via", "203.0.113.1", "dev", port],
      ...["src", "203.0.113.9", "metric", "999"],
    ]);
    await box.host.run(["ip", "link", "set", port, "master", box.bridge]);
    const left = async () =>
      (await box.host.run(["ip", "-4", "addr", "show", "dev", port])) +
      (await box.host.run(["ip", "route", "show", "dev", port]));
    await until("the port to have nothing of its own", async () => !(await left()).includes("203.0.113"));
    await box.host.run(["ip", "link", "del", port]);
  });

  test("one whose router answers while nothing behind it does is left for the next, and taken again when it is steady", async () => {
    await providers.wan0.put("nothing");
    expect(await secondsUntilBy("wan1", "nothing behind the router")).toBeLessThan(20);
    expect(await stateOf("wan0")).toBe("associated");
    await providers.wan0.put("internet");
    expect(await secondsUntilBy("wan0", "it is back")).toBeGreaterThan(15);
    const kinds = (await box.status()).journal.map(({ kind, subject }) => `${kind} ${subject}`);
    expect(kinds).toContain("uplinks-in-use wan1");
    expect(kinds).toContain("uplink-state wan0");
  }, 120_000);

  test("a captive portal in front is recognised, with its address, and so are names that do not resolve", async () => {
    await anew();
    await providers.wan0.put("captive");
    await until("it to be seen", async () => (await stateOf("wan0")) === "captive", 30_000);
    expect((await ways())[0]?.portalUrl).toBe(PORTAL);
    await secondsUntilBy("wan1", "a captive portal, once it is seen");
    await providers.wan0.put("internet");
    await providers.wan0.closeResolver();
    await until("that to be seen", async () => (await stateOf("wan0")) === "no-names", 30_000);
    expect(await inUse()).toEqual(["wan1"]);
    providers.wan0.openResolver();
    await until("names again", async () => (await stateOf("wan0")) === "online", 30_000);
  }, 120_000);

  test("a wire that is pulled is left at once; the metered one is the last, checked seldom, and guests are slow on it", async () => {
    const unchecked = await providers.wwan0.bytes();
    await anew();
    await until("it to be checked", async () => (await stateOf("wwan0")) === "online");
    const [before, fromMs] = [await providers.wwan0.bytes(), performance.now()];
    await box.host.run(["ip", "link", "set", "wan0", "down"]);
    expect(await secondsUntilBy("wan1", "the wire is pulled")).toBeLessThan(5);
    await Bun.sleep(20_000);
    const spent = (await providers.wwan0.bytes()) - before;
    const seconds = (performance.now() - fromMs) / 1_000;
    console.log(
      `      metered and waiting: ${before - unchecked} bytes for a check each 100 s, ${spent} in ${seconds.toFixed(0)} s between`,
    );
    expect(before - unchecked).toBeLessThan(4_000);
    expect(spent).toBeLessThan(3_000);

    await providers.wan1.put("nothing");
    expect(await secondsUntilBy("wwan0", "the metered one alone is left")).toBeLessThan(20);
    const rules = await box.host.run(["nft", "list", "table", "inet", "omerta_guest"]);
    expect(rules).toContain("limit rate over 50 kbytes/second");

    await providers.wan1.put("internet");
    await secondsUntilBy("wan1", "an unmetered one is back");
  }, 180_000);

  test("without any that reaches something guests are told so", async () => {
    for (const wan of WANS) await providers[wan].put("nothing");
    await until(
      "the portal to say so",
      async () =>
        (await new Guest(phone).get("omerta.internal", "/on")).body.includes("There is no internet here"),
      180_000,
    );
    expect(await inUse()).not.toEqual([]);
  }, 240_000);
});
