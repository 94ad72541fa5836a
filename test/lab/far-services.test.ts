import { afterAll, beforeAll, expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { MESH_SOCKET, type NetworkStatus } from "../../src/mesh/index.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest, knock, speakIpv6 } from "./guest.ts";
import { Lab, type LabProcess, until } from "./lab.ts";
import { flatLan } from "./mesh-shapes.ts";
import { askMesh } from "./mesh-socket.ts";
import { MeshTopology } from "./mesh-topology.ts";
import type { ServiceLiarPlan, ServiceLiarReport } from "./service-liar.ts";
import { type Phone, Swarm } from "./swarm.ts";

const NEEDS = [...LAB_NEEDS, "program:curl"] as const;
const LIBRARY_PORT = 8_081;
/** Listens beside it on the same address, and is nobody's service. */
const SECRET_PORT = 9_999;
const LIBRARY = `[[gateway.services]]\nname = "Library"\nport = ${LIBRARY_PORT}\npath = "/library/"\n`;
const BUTTON =
  /<a class="b" href="http:\/\/omerta\.internal:(\d+)\/library\/" dir="auto">Library<small>at Harbour<\/small>/;

describeNeeding(NEEDS, "A service of another box", () => {
  const lab = new Lab("far");
  let lan: MeshTopology;
  let link = "";
  /** It has a library; the other has guests. */
  let harbour: LabBox;
  let school: LabBox;
  let swarm: Swarm;
  let guest: Guest;
  /** Its owner has not agreed. */
  let newcomer: Phone;
  let port = 0;

  const ask = <T>(box: LabBox, path: string, body?: unknown) =>
    askMesh<T>(join(box.runFolder, MESH_SOCKET), path, body);
  /** The port that the button on the guest's page leads to. */
  const buttonPort = async () => {
    const { body } = await guest.get("omerta.internal", "/on?lang=en");
    return Number(BUTTON.exec(body)?.[1] ?? 0);
  };
  const serveLibrary = () => {
    for (const one of [LIBRARY_PORT, SECRET_PORT])
      harbour.host.spawn([
        process.execPath,
        resolve(import.meta.dir, "http-service.ts"),
        harbour.address,
        String(one),
      ]);
  };
  const curl = (path: string) => [
    ...["curl", "-s", "--max-time", "50", "--resolve", `omerta.internal:${port}:${guest.spoofed}`],
    `http://omerta.internal:${port}${path}`,
  ];

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(3), "f");
    const start = (index: number, name: string, services: string) =>
      startBox(lab, name, {
        host: lan.host(index),
        config: `[box]\nname = "${name}"\n[mesh]\nexclude = ["mgmt"]\n${services}`,
      });
    harbour = await start(0, "Harbour", LIBRARY);
    school = await start(1, "School", "");
    serveLibrary();
    await ask(harbour, "/v1/networks", { name: "Valley" });
    ({ link } = await ask<{ link: string }>(harbour, "/v1/networks/-/invites", { hours: 24 }));
    await ask(school, "/v1/join", { link });
    swarm = new Swarm(lab, school.host, school.bridge);
    const [first, second] = await swarm.addPhones(2);
    if (!first || !second) throw new Error("no phone");
    guest = new Guest(first);
    newcomer = second;
    await first.dhcp();
    await second.dhcp();
    expect((await guest.consent()).status).toBe(303);
  }, 120_000);
  afterAll(async () => {
    swarm?.close();
    await lab.close();
  }, 30_000);

  test("is a button on the page of a guest who has agreed, with its box's name", async () => {
    port = await until("the button", async () => (await buttonPort()) || undefined, 40_000);
    expect(port).toBeWithin(24_600, 24_700);
    const { parts } = await school.status();
    expect(parts.find(({ name }) => name === "far services")?.detail).toContain(
      `Library at Harbour (port ${port})`,
    );
  }, 60_000);

  test("answers by the portal's name and by this box's own address", async () => {
    for (const address of [guest.spoofed, school.address]) {
      const page = await guest.phone.request({
        address,
        port,
        host: `omerta.internal:${port}`,
        path: "/library/",
      });
      expect(page).toMatchObject({ status: 200, body: "the library, at /library/" });
    }
  }, 30_000);

  test("sends 5 MB as they are", async () => {
    const expected = await guest.phone.run(curl("/library/digest"));
    const startedMs = performance.now();
    const sum = await guest.phone.run(["sh", "-c", `${curl("/library/large").join(" ")} | sha256sum`], {
      timeoutMs: 60_000,
    });
    const tookMs = performance.now() - startedMs;
    expect(sum.split(" ")[0]).toBe(expected);
    console.log(`      5 MB from the box next door in ${Math.round(tookMs)} ms`);
  }, 90_000);

  test("is closed to a phone whose owner has not agreed", async () => {
    for (const address of [guest.spoofed, school.address, harbour.address])
      expect([address, await knock(newcomer, address, port)]).toEqual([address, "refused"]);
    // The control: the same knock of one who has.
    expect(await knock(guest.phone, school.address, port)).toBe("open");
  }, 30_000);

  test("answers by IPv6 as well, and is closed by it to who has not agreed", async () => {
    const over6 = (address: string) => [
      ...["curl", "-s", "--max-time", "10", "--resolve", `omerta.internal:${port}:[${address}]`],
      `http://omerta.internal:${port}/library/`,
    ];
    await Promise.all([speakIpv6(guest.phone), speakIpv6(newcomer)]);
    for (const address of ["100::1", school.address6]) {
      expect(await guest.phone.run(over6(address))).toBe("the library, at /library/");
      expect((await newcomer.tryRun(over6(address))).exitCode).not.toBe(0);
    }
  }, 60_000);

  test("is no way to anything else of its box, whoever asks by a member's own hand", async () => {
    const [network] = await ask<NetworkStatus[]>(harbour, "/v1/networks");
    const wire = (await harbour.host.run(["ip", "-4", "-o", "addr", "show", "dev", "eth0"])).split(/\s+/)[3];
    const plan: ServiceLiarPlan = {
      folder: join(lab.folder, "liar"),
      link,
      target: network?.self.peer ?? "",
      address: `/ip4/${wire?.split("/")[0]}/tcp/${network?.ports?.tcp}`,
      ports: [SECRET_PORT, 8_080, 8_090, 22, 0, LIBRARY_PORT],
    };
    const liar = [process.execPath, resolve(import.meta.dir, "service-liar.ts"), JSON.stringify(plan)];
    const output = await lan.host(2).run(liar, { timeoutMs: 60_000 });
    const report = JSON.parse(output) as ServiceLiarReport;
    const { [LIBRARY_PORT]: library, ...others } = report;
    // The control: what is a service, it gets.
    expect(library).toBeGreaterThan(100);
    expect(new Set(Object.values(others))).toEqual(new Set(["broken off"]));
  }, 90_000);

  test("goes from the page when its box dies, its connections end, and it comes back at the same port", async () => {
    const endless: LabProcess = guest.phone.spawn([...curl("/library/endless"), "-N"]);
    await until("the stream to begin", () => endless.output().includes("still here"));
    const startedMs = performance.now();
    await harbour.stop("SIGKILL");
    expect(await endless.exited).not.toBe(0);
    const endedMs = performance.now();
    await until("the button to go", async () => (await buttonPort()) === 0, 20_000);
    console.log(
      `      its box dead: connections ended after ${Math.round(endedMs - startedMs)} ms, the button gone after ${Math.round(performance.now() - startedMs)} ms`,
    );
    expect(await knock(guest.phone, school.address, port)).toBe("refused");
    await harbour.restart("SIGKILL");
    expect(await until("the button", async () => (await buttonPort()) || undefined, 40_000)).toBe(port);
    expect(await guest.phone.run(curl("/library/"))).toBe("the library, at /library/");
  }, 120_000);

  test("is closed at once to a guest who leaves", async () => {
    const endless = guest.phone.spawn([...curl("/library/endless"), "-N"]);
    await until("the stream to begin", () => endless.output().includes("still here"));
    expect((await guest.leave()).status).toBe(200);
    expect(await knock(guest.phone, school.address, port)).toBe("refused");
    const { parts } = await school.status();
    expect(parts.find(({ name }) => name === "far services")?.detail).toContain("; 0 connections");
    await endless.stop();
  }, 60_000);
});
