import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "../../src/host/run.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest, knock, listenOn } from "./guest.ts";
import { Lab, until } from "./lab.ts";
import { Swarm } from "./swarm.ts";

const CLI = resolve(import.meta.dir, "../../src/cli/main.ts");

describeNeeding(LAB_NEEDS, "Restarts", () => {
  const lab = new Lab("rst");
  let box: LabBox;
  let swarm: Swarm;
  let end = () => {};

  beforeAll(async () => {
    await lab.open();
    box = await startBox(lab, "box", { config: '[[gateway.services]]\nname = "Library"\nport = 8088\n' });
    swarm = new Swarm(lab, box.host, box.bridge);
    end = listenOn(box.host, 8088);
  });
  afterAll(async () => {
    end();
    await lab.close();
  });

  const join = async () => {
    const [phone] = await swarm.addPhones(1);
    if (!phone) throw new Error("no phone");
    await phone.dhcp();
    return phone;
  };
  /** Listed from outside: a command inside the namespace would find itself. */
  const processes = async () =>
    (await run(["ip", "netns", "pids", box.host.name])).split("\n").filter(Boolean);

  test("a guest is served on while the daemon is dead, and after it is back", async () => {
    const phone = await join();
    const newcomer = await join();
    await new Guest(phone).consent();
    const { pid } = box.process;
    process.kill(pid, "SIGKILL");
    await box.process.exited;
    expect(await knock(phone, box.address, 8088)).toBe("open");
    expect(await knock(newcomer, box.address, 8088)).toBe("refused");
    await box.restart("SIGKILL");
    expect(await knock(phone, box.address, 8088)).toBe("open");
    const page = await new Guest(phone).get("omerta.internal", "/");
    expect(page.body).toContain("You are connected");
    expect(await knock(newcomer, box.address, 8088)).toBe("refused");
    expect((await new Guest(newcomer).consent()).status).toBe(303);
    expect(await knock(newcomer, box.address, 8088)).toBe("open");
  });

  test("a killed daemon's processes are not left behind when it comes back", async () => {
    const before = (await processes()).length;
    await box.restart("SIGKILL");
    await until("the old processes to be gone", async () => (await processes()).length === before);
  });

  test("an agreement survives a restart of the whole box, with the time that was left", async () => {
    const phone = await join();
    await new Guest(phone).consent("sw");
    await box.restart("SIGTERM");
    const session = (await box.status()).guests.find(({ mac }) => mac === phone.mac);
    expect(session?.state).toBe("released");
    expect(session?.language).toBe("sw");
    expect(session?.secondsLeft).toBeGreaterThan(86_000);
    await until("the port to pass frames", async () => (await knock(phone, box.address, 8088)) === "open");
  });

  test("the portal's process is started again when it dies", async () => {
    const phone = await join();
    await box.host.run(["pkill", "-KILL", "-f", "main.ts portal --desk .*omb-rst"]);
    const page = await until("the portal", () =>
      new Guest(phone).get("omerta.internal", "/").catch(() => undefined),
    );
    expect(page.status).toBe(200);
  });

  test("each dnsmasq is started again when it dies", async () => {
    const phone = await join();
    await box.host.run(["pkill", "-KILL", "-f", "omb-rst.*dnsmasq-captive.conf"]);
    await until("DHCP", () => phone.dhcp({ tries: 2 }).catch(() => undefined), 15_000);
  });

  test("stopped, it leaves no guest network, no firewall and no process", async () => {
    await box.stop("SIGTERM");
    expect(await box.process.exited).toBe(0);
    expect(await box.host.run(["nft", "list", "tables"])).toBe("");
    // What something else has plugged into the bridge stays plugged in, without an address to talk to.
    expect(await box.host.run(["ip", "addr", "show", "dev", box.bridge])).not.toContain("inet");
    await until("its processes to be gone", async () => (await processes()).length === 0);
  });

  test("a daemon that cannot put together what comes after the open network ends, to be started again", async () => {
    const state = resolve(lab.folder, "unreadable-state");
    mkdirSync(resolve(state, "operator.json"), { recursive: true });
    const daemon = box.host.spawn([
      ...[process.execPath, CLI, "run", "--mode", "device"],
      ...["--state", state, "--run", resolve(lab.folder, "unreadable-run")],
    ]);
    expect(await daemon.exited).toBe(1);
    expect(daemon.output()).toContain("the rest of the box cannot be put together");
    expect(daemon.output()).toContain("EISDIR");
  });
});
