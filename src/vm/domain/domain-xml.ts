import { GUEST_LINK } from "../guest-link.ts";
import { AGENT_PORT, checkDomainPlan, type DomainPlan, EMULATORS, MACHINES } from "./domain-plan.ts";
import { printXml, type XmlElement } from "./xml.ts";

/** Translated code that QEMU keeps while it emulates; by default as much as an eighth of the host's memory. */
const TRANSLATIONS_MIB = 64;
/** What QEMU needs beside the guest's memory, before the kernel may end it: measured at 70, with a wide margin. */
const QEMU_MIB = 256;
/** The kernel's usual period of a quota (sched-bwc.rst). */
const PERIOD_US = 100_000;
/** What guests may take of the host's randomness: 4 KiB a second is a thousand times what one needs to start. */
const RANDOM_BYTES_PER_S = 4_096;

/**
 * The domain of one virtual machine as libvirt wants it (libvirt.org/formatdomain.html). It has what its guest needs
 * and nothing more: no graphics, sound, USB, balloon, firmware for the network, or other devices to attack.
 * @throws {DomainPlanError}
 */
export function domainXml(plan: DomainPlan): string {
  checkDomainPlan(plan);
  return printXml({
    name: "domain",
    attributes: {
      type: plan.accelerator === "kvm" ? "kvm" : "qemu",
      "xmlns:qemu": plan.architecture === "x64" ? "http://libvirt.org/schemas/domain/qemu/1.0" : undefined,
    },
    content: [
      { name: "name", content: plan.name },
      { name: "uuid", content: plan.uuid },
      { name: "memory", attributes: { unit: "MiB" }, content: plan.memoryMiB },
      { name: "vcpu", attributes: { placement: "static" }, content: plan.vcpus },
      ...limits(plan),
      boot(plan),
      features(plan),
      cpu(plan),
      { name: "clock", attributes: { offset: "utc" } },
      // A guest that ends, ends its lease: nothing of it starts anew by itself.
      { name: "on_poweroff", content: "destroy" },
      { name: "on_reboot", content: "destroy" },
      { name: "on_crash", content: "destroy" },
      devices(plan),
      plan.owner === undefined ? undefined : owner(plan.owner),
      plan.architecture === "x64" ? withoutUnused : undefined,
    ],
  });
}

function limits(plan: DomainPlan): XmlElement[] {
  const { cpuPercent, shares, isMemoryHeld } = plan.limits;
  const translations = plan.accelerator === "kvm" ? 0 : TRANSLATIONS_MIB;
  const hardLimitMiB = plan.memoryMiB + QEMU_MIB + translations;
  const quota = cpuPercent === undefined ? undefined : (cpuPercent * PERIOD_US) / 100;
  const tuning: (XmlElement | undefined)[] = [
    shares === undefined ? undefined : { name: "shares", content: shares },
    // For the whole domain: emulation's own threads count as the vCPUs do.
    quota === undefined ? undefined : { name: "global_period", content: PERIOD_US },
    quota === undefined ? undefined : { name: "global_quota", content: quota },
  ];
  const elements: XmlElement[] = [];
  if (isMemoryHeld) {
    const limit = { name: "hard_limit", attributes: { unit: "MiB" }, content: hardLimitMiB };
    elements.push({ name: "memtune", content: [limit] });
  }
  if (tuning.some((element) => element !== undefined)) elements.push({ name: "cputune", content: tuning });
  if (plan.partition !== undefined)
    elements.push({ name: "resource", content: [{ name: "partition", content: plan.partition }] });
  return elements;
}

function boot({ architecture, machine, boot: { kernel, initrd, commandLine } }: DomainPlan): XmlElement {
  return {
    name: "os",
    content: [
      {
        name: "type",
        attributes: {
          arch: architecture === "x64" ? "x86_64" : "aarch64",
          machine: machine ?? MACHINES[architecture],
        },
        content: "hvm",
      },
      { name: "kernel", content: kernel },
      initrd === undefined ? undefined : { name: "initrd", content: initrd },
      { name: "cmdline", content: commandLine },
    ],
  };
}

function features({ architecture, accelerator }: DomainPlan): XmlElement {
  const cache = { name: "tb-cache", attributes: { unit: "MiB" }, content: TRANSLATIONS_MIB };
  return {
    name: "features",
    content: [
      architecture === "x64" ? { name: "acpi" } : undefined,
      // A Raspberry Pi 4 has no other (BCM2711 peripherals, 6.3).
      architecture === "arm64" ? { name: "gic", attributes: { version: "2" } } : undefined,
      accelerator === "emulation" ? { name: "tcg", content: [cache] } : undefined,
    ],
  };
}

/** x86-64 has a model that any box can offer, so that a saved machine can move; arm64's KVM offers only its own. */
function cpu({ architecture, accelerator }: DomainPlan): XmlElement {
  if (architecture === "arm64" && accelerator === "kvm")
    return { name: "cpu", attributes: { mode: "host-passthrough" } };
  // Westmere (2010) is the first with AES, which KVM gives at full speed; emulated, what is not there costs nothing.
  const x64 = accelerator === "kvm" ? "Westmere" : "Nehalem";
  return {
    name: "cpu",
    attributes: { mode: "custom", match: "exact", check: "none" },
    content: [
      {
        name: "model",
        attributes: { fallback: "forbid" },
        content: architecture === "x64" ? x64 : "cortex-a72",
      },
    ],
  };
}

function devices(plan: DomainPlan): XmlElement {
  return {
    name: "devices",
    content: [
      { name: "emulator", content: plan.emulator ?? EMULATORS[plan.architecture] },
      { name: "controller", attributes: { type: "usb", model: "none" } },
      { name: "memballoon", attributes: { model: "none" } },
      plan.disk === undefined ? undefined : disk(plan.disk),
      plan.tap === undefined ? undefined : networkCard(plan.tap),
      serial(plan.consoleSocket),
      {
        name: "channel",
        attributes: { type: "unix" },
        content: [
          { name: "source", attributes: { mode: "bind", path: plan.agentSocket } },
          { name: "target", attributes: { type: "virtio", name: AGENT_PORT } },
        ],
      },
      {
        name: "rng",
        attributes: { model: "virtio" },
        content: [
          { name: "rate", attributes: { bytes: RANDOM_BYTES_PER_S, period: 1_000 } },
          { name: "backend", attributes: { model: "random" }, content: "/dev/urandom" },
        ],
      },
    ],
  };
}

const disk = (overlay: string): XmlElement => ({
  name: "disk",
  attributes: { type: "file", device: "disk" },
  content: [
    // Nobody reads it after the lease, so nothing has to be on the medium.
    { name: "driver", attributes: { name: "qemu", type: "qcow2", cache: "unsafe", discard: "unmap" } },
    { name: "source", attributes: { file: overlay } },
    { name: "target", attributes: { dev: "vda", bus: "virtio" } },
  ],
});

const networkCard = (tap: string): XmlElement => ({
  name: "interface",
  attributes: { type: "ethernet" },
  content: [
    { name: "mac", attributes: { address: GUEST_LINK.guestMacAddress } },
    { name: "target", attributes: { dev: tap, managed: "no" } },
    { name: "model", attributes: { type: "virtio" } },
    { name: "mtu", attributes: { size: GUEST_LINK.mtu } },
    { name: "rom", attributes: { enabled: "no" } },
  ],
});

const serial = (socket: string | undefined): XmlElement => ({
  name: "serial",
  attributes: { type: socket === undefined ? "null" : "unix" },
  content: [
    socket === undefined ? undefined : { name: "source", attributes: { mode: "bind", path: socket } },
    { name: "target", attributes: { port: "0" } },
  ],
});

const owner = (label: string): XmlElement => ({
  name: "seclabel",
  attributes: { type: "static", model: "dac", relabel: "no" },
  content: [{ name: "label", content: label }],
});

/** q35's own SATA and SMBus controllers, for which libvirt has no words (qemu-system-x86_64 -machine q35,help). */
const withoutUnused: XmlElement = {
  name: "qemu:commandline",
  content: [
    { name: "qemu:arg", attributes: { value: "-machine" } },
    { name: "qemu:arg", attributes: { value: "sata=off,smbus=off" } },
  ],
};
