import { afterAll, beforeAll, expect, test } from "bun:test";
import { until } from "../lab/lab.ts";
import { describeNeeding, GUEST_NEEDS } from "../needs.ts";
import { GuestMachine } from "./machine/guest-machine.ts";
import { RadioNode } from "./radio-node.ts";

const ALL_UP = /^open network ap0 on channel 1, .*: up, 0 stations; mesh mesh0 on channel 1, .*: up$/;

describeNeeding(GUEST_NEEDS, "a box with one radio", () => {
  let machine: GuestMachine;
  let node: RadioNode;
  beforeAll(async () => {
    machine = await GuestMachine.start("one-radio");
    node = await RadioNode.start(machine, 1, {}, { withBatman: true });
    await node.launch();
  }, 600_000);
  afterAll(() => machine?.stop());

  test("has the open network, its twin and the mesh on it, all on one channel", async () => {
    await node.says(ALL_UP);
    expect(node.output()).toContain("meshes: mesh0");
    const list = await machine.run(["iw", "dev"]);
    const interfaces = list
      .split("\tInterface ")
      .slice(1)
      .map((text) => [text.split("\n")[0], /type (.+)/.exec(text)?.[1], /channel (\d+)/.exec(text)?.[1]]);
    expect(interfaces.sort()).toEqual([
      ["ap0", "AP", "1"],
      ["mesh0", "mesh point", "1"],
      ["owe0", "AP", "1"],
      ["wlan0", "managed", undefined],
    ]);
    expect((await machine.run(["ls", "/sys/class/net/br-guest/brif"])).split("\n").filter(Boolean)).toEqual([
      "ap0",
      "owe0",
    ]);
  }, 90_000);

  const links = async () => (await machine.tryRun(["sh", "-c", "ls -d /sys/class/net/bat0/lower_*"])).stdout;
  const isLink = async () => (await links()).includes("lower_mesh0");

  test("takes the mesh up into batman-adv, and again after its supplicant was killed", async () => {
    await until("the radio in bat0", isLink, 30_000);
    const times = () => node.output().match(/^meshes: mesh0$/gm)?.length ?? 0;
    const before = times();
    await machine.shell("kill -9 $(pgrep -f wpa-mesh0.conf)");
    await until("another mesh", () => times() > before, 60_000);
    await until("the radio in bat0 again", isLink, 30_000);
    await node.says(ALL_UP);
  }, 150_000);

  test("keeps it on the air while its daemon is killed, and the next one takes it up", async () => {
    const running = () => machine.run(["pgrep", "-a", "hostapd|wpa_suppl"]);
    const before = await running();
    const index = () => machine.run(["cat", "/sys/class/net/bat0/ifindex"]);
    const bat0 = await index();
    await node.stop("SIGKILL");
    expect(await running()).toBe(before);
    await node.launch();
    await node.says(ALL_UP);
    expect(await running()).toBe(before);
    expect(await index()).toBe(bat0);
    expect(await isLink()).toBe(true);
  }, 90_000);

  test("that stayed on the air only with as little as can be asked of a chip is left so by the next daemon", async () => {
    await machine.shell(
      `for round in 1 2 3; do
         old=$(pgrep -f hostapd-ap0.conf)
         kill -9 $old
         until new=$(pgrep -f hostapd-ap0.conf) && [ "$new" != "$old" ]; do sleep 0.1; done
       done
       until ! grep -q ieee80211n /run/air/wifi/hostapd-ap0.conf; do sleep 0.1; done`,
      { timeoutMs: 60_000 },
    );
    await node.says(ALL_UP);
    const running = () => machine.run(["pgrep", "-a", "hostapd|wpa_suppl"]);
    const before = await running();
    await node.stop("SIGKILL");
    await node.launch();
    await node.says(ALL_UP);
    expect(await running()).toBe(before);
  }, 180_000);

  test("leaves nothing of its own behind when it is stopped", async () => {
    await node.stop();
    const left = await machine.tryRun(["sh", "-c", "pgrep -a 'hostapd|wpa_suppl'; iw dev | grep Interface"]);
    expect(left.stdout.trim()).toBe("Interface wlan0");
    expect(await links()).toBe("");
  }, 60_000);
});
