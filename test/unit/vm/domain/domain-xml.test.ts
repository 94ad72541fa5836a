import { beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { type DomainPlan, DomainPlanError } from "../../../../src/vm/domain/domain-plan.ts";
import { domainXml } from "../../../../src/vm/domain/domain-xml.ts";
import { printXml, XmlError } from "../../../../src/vm/domain/xml.ts";
import { GUEST_LINK } from "../../../../src/vm/guest-link.ts";
import { describeNeeding } from "../../../needs.ts";
import { elementsAt, type ParsedElement, parseXml, skeleton } from "./parsed-xml.ts";
import { PLAN } from "./plans.ts";

const ARM64: DomainPlan = { ...PLAN, architecture: "arm64" };
const EXAMPLES = {
  x64: PLAN,
  alone: { ...PLAN, tap: undefined, limits: { ...PLAN.limits, isMemoryHeld: false } },
  arm64: ARM64,
  arm64WithKvm: { ...ARM64, accelerator: "kvm" },
} satisfies Record<string, DomainPlan>;

const documents = new Map<string, ParsedElement>();
const parsed = (example: keyof typeof EXAMPLES): ParsedElement => {
  const document = documents.get(example);
  if (document === undefined) throw new Error(`${example} was not parsed`);
  return document;
};

const only = (root: ParsedElement, path: string): ParsedElement => {
  const [first, ...others] = elementsAt(root, path);
  if (first === undefined || others.length > 0)
    throw new Error(`${path} is there ${others.length} times more`);
  return first;
};

/** Text that would end an attribute, an element, or the document, if it were not escaped; and anything else. */
const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "</cmdline><devices>",
    "'/><hostdev mode='subsystem'/>",
    '"><!-- ',
    "]]>&lt;&#60;",
    "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/shadow'>]>&x;",
  ),
  fc.string({
    unit: fc.constantFrom("<", ">", "&", '"', "'", " ", "a", "/", "=", "-", "\n", "\t", "\r", ";"),
  }),
);

describeNeeding(["program:python3"], "the domain of a virtual machine", () => {
  beforeAll(async () => {
    const names = Object.keys(EXAMPLES);
    const read = await parseXml(Object.values(EXAMPLES).map(domainXml));
    for (const [index, document] of read.entries()) documents.set(names[index] ?? "", document);
  }, 60_000);

  test("says all that was planned, for an x86-64 that is emulated", () => {
    const root = parsed("x64");
    expect(root.attributes).toEqual({ type: "qemu" });
    expect(only(root, "name").text).toBe(PLAN.name);
    expect(only(root, "uuid").text).toBe(PLAN.uuid);
    expect(only(root, "memory")).toMatchObject({ attributes: { unit: "MiB" }, text: "256" });
    expect(only(root, "vcpu").text).toBe("2");
    expect(only(root, "os/type")).toMatchObject({ attributes: { arch: "x86_64", machine: "pc-q35-7.2" } });
    expect(only(root, "os/kernel").text).toBe(PLAN.boot.kernel);
    expect(only(root, "os/initrd").text).toBe("/srv/base/initrd.img");
    expect(only(root, "os/cmdline").text).toBe("console=ttyS0 quiet");
    expect(only(root, "features/tcg/tb-cache").text).toBe("64");
    expect(only(root, "cpu/model").text).toBe("Nehalem");
    expect(only(root, "resource/partition").text).toBe("/omerta-vm");
    expect(only(root, "seclabel")).toMatchObject({ attributes: { model: "dac", relabel: "no" } });
    expect(only(root, "devices/emulator").text).toBe("/usr/bin/qemu-system-x86_64");
  });

  test("is limited in processor time and memory, QEMU's own memory counted in", () => {
    const root = parsed("x64");
    const limit = only(root, "memtune/hard_limit");
    expect(Number(limit.text)).toBeGreaterThanOrEqual(256 + 64);
    expect(only(root, "cputune/shares").text).toBe("100");
    const quota = Number(only(root, "cputune/global_quota").text);
    expect(quota / Number(only(root, "cputune/global_period").text)).toBe(1.5);
  });

  test("has a card on the TAP that was made for it, which libvirt does not manage, and no other network", () => {
    const root = parsed("x64");
    const card = only(root, "devices/interface");
    expect(card.attributes).toEqual({ type: "ethernet" });
    expect(only(card, "target").attributes).toEqual({ dev: "omt0123456789", managed: "no" });
    expect(only(card, "mac").attributes).toEqual({ address: GUEST_LINK.guestMacAddress });
    expect(only(card, "mtu").attributes).toEqual({ size: String(GUEST_LINK.mtu) });
    const alone = parsed("alone");
    expect(elementsAt(alone, "devices/interface")).toEqual([]);
    expect(elementsAt(alone, "memtune")).toEqual([]);
  });

  test("has no device that its guest does not need", () => {
    const { children } = only(parsed("x64"), "devices");
    const devices = children.map(({ tag, attributes }) =>
      `${tag} ${attributes.model ?? attributes.type ?? ""}`.trim(),
    );
    expect(devices.sort()).toEqual([
      "channel unix",
      "controller none",
      "disk file",
      "emulator",
      "interface ethernet",
      "memballoon none",
      "rng virtio",
      "serial unix",
    ]);
  });

  test("ends when its guest ends, crashes or starts anew", () => {
    const root = parsed("x64");
    for (const event of ["on_poweroff", "on_reboot", "on_crash"])
      expect(only(root, event).text).toBe("destroy");
  });

  test("on arm64 is the board's own processor with KVM, and a model that is the same everywhere without", () => {
    const withKvm = parsed("arm64WithKvm");
    expect(withKvm.attributes).toEqual({ type: "kvm" });
    expect(only(withKvm, "os/type").attributes).toEqual({ arch: "aarch64", machine: "virt-7.2" });
    expect(only(withKvm, "features/gic").attributes).toEqual({ version: "2" });
    expect(only(withKvm, "cpu").attributes).toEqual({ mode: "host-passthrough" });
    expect(elementsAt(withKvm, "features/tcg")).toEqual([]);
    const emulated = parsed("arm64");
    expect(only(emulated, "cpu/model").text).toBe("cortex-a72");
    expect(only(emulated, "features/tcg/tb-cache").text).toBe("64");
  });

  test("keeps its shape whatever stands in its values, or is refused", async () => {
    const plans = fc.record({
      kernel: fc.oneof(
        hostile,
        fc.constant(PLAN.boot.kernel),
        hostile.map((text) => `/srv/${text}`),
      ),
      commandLine: hostile,
      name: fc.oneof({ weight: 4, arbitrary: fc.constant(PLAN.name) }, { weight: 1, arbitrary: hostile }),
      disk: fc.oneof(
        fc.constant("/srv/a"),
        hostile.map((text) => `/srv/${text}`),
      ),
      agentSocket: hostile.map((text) => `/run/${text}`),
      tap: fc.oneof(
        { weight: 4, arbitrary: fc.constant("omt0123456789") },
        { weight: 1, arbitrary: hostile },
      ),
    });
    const cases: { plan: DomainPlan; xml: string }[] = [];
    let refused = 0;
    for (const sample of fc.sample(plans, { numRuns: 3_000, seed: 7 })) {
      const { kernel, commandLine, ...rest } = sample;
      const plan: DomainPlan = { ...PLAN, ...rest, boot: { ...PLAN.boot, kernel, commandLine } };
      try {
        cases.push({ plan, xml: domainXml(plan) });
      } catch (error) {
        expect(error).toBeInstanceOf(DomainPlanError);
        refused += 1;
      }
    }
    expect(cases.length).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
    const expected = skeleton(parsed("x64"));
    const read = await parseXml(cases.map(({ xml }) => xml));
    for (const [index, { plan }] of cases.entries()) {
      const root = read[index] as ParsedElement;
      expect(skeleton(root)).toEqual(expected);
      expect(only(root, "os/kernel").text).toBe(plan.boot.kernel);
      expect(only(root, "os/cmdline").text).toBe(plan.boot.commandLine);
      expect(only(root, "devices/disk/source").attributes.file).toBe(plan.disk ?? "");
      expect(only(root, "devices/channel/source").attributes.path).toBe(plan.agentSocket);
    }
  }, 60_000);

  test("reads any text back as it was written, in an attribute and between tags", async () => {
    const texts: string[] = [];
    const documents: string[] = [];
    for (const text of fc.sample(hostile, { numRuns: 2_000, seed: 3 })) {
      try {
        documents.push(
          printXml({ name: "a", attributes: { b: text }, content: text }).replace(/[\r\n]+$/, ""),
        );
        texts.push(text);
      } catch (error) {
        expect(error).toBeInstanceOf(XmlError);
      }
    }
    expect(texts.length).toBeGreaterThan(500);
    for (const [index, document] of (await parseXml(documents)).entries())
      expect(document).toEqual({
        tag: "a",
        attributes: { b: texts[index] ?? "" },
        text: texts[index] ?? "",
        children: [],
      });
  }, 60_000);

  test.each([
    ["name", { name: "../evil" }],
    ["name", { name: "" }],
    ["uuid", { uuid: "no" }],
    ["vcpus", { vcpus: 0 }],
    ["vcpus", { vcpus: 1.5 }],
    ["memoryMiB", { memoryMiB: Number.NaN }],
    ["disk", { disk: "relative" }],
    ["disk", { disk: "/run/../etc/shadow" }],
    ["disk", { disk: "/run/a,if=none" }],
    ["tap", { tap: "sixteen-letters-" }],
    ["agentSocket", { agentSocket: `/${"a".repeat(107)}` }],
    ["limits.cpuPercent", { limits: { ...PLAN.limits, cpuPercent: 0 } }],
    ["partition", { partition: "/a/../../b" }],
    ["owner", { owner: "root" }],
    ["boot.commandLine", { boot: { ...PLAN.boot, commandLine: "two\nlines" } }],
  ] satisfies [string, Partial<DomainPlan>][])("names the field that cannot be so: %s", (field, change) => {
    try {
      domainXml({ ...PLAN, ...change });
    } catch (error) {
      expect(error).toBeInstanceOf(DomainPlanError);
      expect((error as DomainPlanError).field).toBe(field);
      return;
    }
    throw new Error("it was taken");
  });
});
