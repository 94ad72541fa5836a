import { afterAll, beforeAll, expect, test } from "bun:test";
import { Libvirt } from "../../../../src/vm/libvirt/libvirt.ts";
import { LibvirtError, LibvirtUnavailableError } from "../../../../src/vm/libvirt/libvirt-error.ts";
import type { DomainEvent } from "../../../../src/vm/libvirt/libvirt-protocol.ts";
import { describeNeeding } from "../../../needs.ts";

const machine = (name: string) =>
  `<domain type="test"><name>${name}</name><memory>1000</memory><os><type>hvm</type></os></domain>`;
const RUNNING = { isPaused: false, endsWithConnection: false };

async function refusalOf(asked: Promise<unknown>): Promise<LibvirtError> {
  const error = await asked.catch((reason: unknown) => reason);
  if (error instanceof LibvirtError) return error;
  throw new Error(`it was not refused: ${error}`);
}

/** libvirt with its built-in driver for tests, which knows the real interface and starts nothing. */
describeNeeding(["program:virsh"], "libvirt", () => {
  let libvirt: Libvirt;
  const events: DomainEvent[] = [];
  beforeAll(async () => {
    libvirt = await Libvirt.connect({
      uri: "test:///default",
      onEvent: (event) => void events.push(event),
    });
  }, 30_000);
  afterAll(() => libvirt.close());

  test("says what it is and what runs", async () => {
    const { libvirtVersion, cpus, memoryKiB, model } = await libvirt.host();
    expect(libvirtVersion).toBeGreaterThan(5_000_000);
    expect({ cpus, memoryKiB, model }).toEqual({ cpus: 16, memoryKiB: 3_145_728, model: "i686" });
    expect(await libvirt.list()).toEqual([
      { name: "test", uuid: "6695eb01-f6a4-8304-79aa-97f2502e193f", state: "running" },
    ]);
    expect(await libvirt.stats()).toMatchObject([{ name: "test", state: "running", disk: undefined }]);
    expect(await libvirt.xml("test")).toContain("<name>test</name>");
  }, 30_000);

  test("starts, suspends, resumes and ends a machine, and tells of each in order", async () => {
    const created = await libvirt.create(machine("one"), RUNNING);
    expect(created).toMatchObject({ name: "one", state: "running" });
    await libvirt.suspend("one");
    expect(await libvirt.list()).toContainEqual({ ...created, state: "paused" });
    await libvirt.resume("one");
    expect(await libvirt.destroy("one")).toBe(true);
    expect(await libvirt.destroy("one")).toBe(false);
    const seen = () => events.filter(({ name }) => name === "one");
    for (let tries = 0; tries < 500 && seen().length < 4; tries += 1) await Bun.sleep(10);
    expect(seen().map(({ kind, detail, uuid }) => [kind, detail, uuid])).toEqual([
      ["started", "0", created.uuid],
      ["suspended", "asked", created.uuid],
      ["resumed", "0", created.uuid],
      ["stopped", "destroyed", created.uuid],
    ]);
  }, 30_000);

  test("refuses in its own words, with the number of the reason", async () => {
    const nobody = await refusalOf(libvirt.suspend("nobody"));
    expect(nobody).toMatchObject({ call: "suspend", code: 42, isNoDomain: true });
    expect(nobody.message).toContain("Domain not found");
    const broken = await refusalOf(libvirt.create("<domain", RUNNING));
    expect(broken.isNoDomain).toBe(false);
    expect((await refusalOf(libvirt.create("with a zero\0", RUNNING))).message).toContain("zero");
    expect((await refusalOf(Libvirt.connect({ uri: "nosuchdriver:///" }))).call).toBe("open");
  }, 30_000);

  test("answers many questions at once, each with its own answer", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `many-${index}`);
    const created = await Promise.all(names.map((name) => libvirt.create(machine(name), RUNNING)));
    expect(created.map(({ name }) => name)).toEqual(names);
    const texts = await Promise.all(names.map((name) => libvirt.xml(name)));
    for (const [index, text] of texts.entries()) expect(text).toContain(`<name>${names[index]}</name>`);
    expect(await Promise.all(names.map((name) => libvirt.destroy(name)))).not.toContain(false);
  }, 30_000);

  test("has connections that know nothing of each other's events, and take no question when they are closed", async () => {
    const others: DomainEvent[] = [];
    const other = await Libvirt.connect({
      uri: "test:///default",
      onEvent: (event) => void others.push(event),
    });
    await other.close();
    await expect(other.list()).rejects.toBeInstanceOf(LibvirtUnavailableError);
    const before = events.length;
    await libvirt.create(machine("last"), RUNNING);
    await libvirt.destroy("last");
    for (let tries = 0; tries < 500 && events.length < before + 2; tries += 1) await Bun.sleep(10);
    expect(events.length).toBe(before + 2);
    expect(others).toEqual([]);
  }, 30_000);
});
