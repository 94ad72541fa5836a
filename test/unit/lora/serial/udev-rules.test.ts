import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { USB_ADAPTERS } from "../../../../src/lora/discovery/usb-ids.ts";
import { describeNeeding } from "../../../needs.ts";
import { scratchFolders } from "../../scratch.ts";
import { ADAPTERS, type Adapter, SysfsTree } from "./sysfs-trees.ts";

const RULES = join(import.meta.dir, "../../../../rootfs-overlay/usr/lib/udev/rules.d/60-omerta-lora.rules");
const scratch = scratchFolders();

/** FTDI's chips are in everything: whoever else wants those lines may have them. */
const FTDI = "0403:";
/** All others that the box looks at by itself. */
const IDS = USB_ADAPTERS.map(({ id }) => id).filter((id) => !id.startsWith(FTDI));

describe("the udev rules", () => {
  test("are lines of matches and assignments, whose jumps have a target further down", () => {
    const lines = readFileSync(RULES, "utf8").replaceAll("\\\n", " ").split("\n");
    const rules = lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
    expect(rules.length).toBeGreaterThan(10);
    // udev(7): KEY{attribute}op"value", with commas between.
    const item = String.raw`[A-Z]+(\{[\w.]+\})?\s*(==|!=|=|\+=|-=|:=)\s*"[^"]*"`;
    for (const rule of rules) expect(rule).toMatch(new RegExp(`^\\s*${item}(\\s*,\\s*${item})*\\s*$`));
    for (const [index, rule] of rules.entries())
      for (const [, label] of rule.matchAll(/GOTO="(\w+)"/g))
        expect(rules.findIndex((other) => other.includes(`LABEL="${label}"`))).toBeGreaterThan(index);
  });

  test("have the ids that the box looks at by itself, and no others", () => {
    const pairs = readFileSync(RULES, "utf8").matchAll(
      /ATTRS\{idVendor\}=="(\w+)", ATTRS\{idProduct\}=="([\w|]+)"/g,
    );
    const ids = [...pairs].flatMap(([, vendor, products = ""]) =>
      products.split("|").map((product) => `${vendor}:${product}`),
    );
    expect(ids.toSorted()).toEqual(IDS.toSorted());
  });
});

/** What udev makes of devices, in the order of their paths. */
interface Verdict {
  links: string[];
  tags: string[];
  properties: Map<string, string>;
  complaints: string[];
}

/**
 * Debian's own udev reads the rules among its own, and applies them to devices of a recorded tree: in a mount namespace
 * in which that tree is /sys, and /dev and /run are empty.
 */
function verdicts(tree: SysfsTree, devices: readonly string[]): Verdict[] {
  const script = `
    set -e
    mount --bind "$1" /sys
    mount -t tmpfs none /run
    mkdir -p /run/udev/rules.d
    cp "$2" /run/udev/rules.d/
    mkdir /run/dev && touch /run/dev/null && mount --bind /dev/null /run/dev/null
    mount --rbind /run/dev /dev
    shift 2
    for device; do echo "device $device"; udevadm test --action=add "/sys/$device" 2>&1; done`;
  const { stdout, stderr, exitCode } = Bun.spawnSync(
    ["unshare", "--mount", "sh", "-c", script, "sh", tree.root, RULES, ...devices],
    // udev would find that it is no sysfs.
    { env: { ...process.env, SYSTEMD_DEVICE_VERIFY_SYSFS: "0" } },
  );
  if (exitCode !== 0) throw new Error(`udevadm: ${stdout}${stderr}`);
  return stdout
    .toString()
    .split(/^device .*\n/m)
    .slice(1)
    .map(verdict);
}

function verdict(output: string): Verdict {
  const properties = new Map(
    [...output.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
  const file = basename(RULES);
  return {
    links: (properties.get("DEVLINKS") ?? "").split(" ").filter((link) => link.includes("/omerta-lora/")),
    tags: (properties.get("TAGS") ?? "").split(":").filter(Boolean),
    properties,
    complaints: output
      .split("\n")
      .filter(
        (line) =>
          line.includes(file) && /invalid|unknown|unexpected|ignoring|no matching|dropping/i.test(line),
      ),
  };
}

describeNeeding(["root", "program:udevadm", "program:unshare"], "the udev rules, as udev takes them", () => {
  test("name a board by its serial number, and by its socket where that is none", () => {
    const tree = new SysfsTree(scratch());
    const names = ["nrf52840", "esp32s3", "cp2102", "ch340", "ftdi"] as const;
    const results = verdicts(
      tree,
      names.map((name) => tree.plug(ADAPTERS[name])),
    );
    expect(results.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(results.map(({ links }) => links)).toEqual([
      ["/dev/omerta-lora/RAKwireless_WisCore_RAK4631_Board_DA3F5A8C1B2E4D70-if00"],
      ["/dev/omerta-lora/Espressif_USB_JTAG_serial_debug_unit_48:27:E2:E3:1A:58-if00"],
      ["/dev/omerta-lora/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2:1.0"],
      ["/dev/omerta-lora/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0"],
      [],
    ]);
  });

  test("take every supported board, and leave it to nobody else", () => {
    const tree = new SysfsTree(scratch());
    const boards = IDS.map((id, index): Adapter => {
      const [idVendor = "", idProduct = ""] = id.split(":");
      const serial = `SN${index}`;
      return {
        tty: `ttyACM${index}`,
        socket: `1-${index + 1}`,
        driver: "cdc_acm",
        idVendor,
        idProduct,
        serial,
      };
    });
    for (const { links, tags, properties, complaints } of verdicts(
      tree,
      boards.map((board) => tree.plug(board)),
    )) {
      expect(complaints).toEqual([]);
      expect(links).toEqual([expect.stringMatching(/_SN\d+-if00$/)]);
      expect(tags).toEqual(expect.arrayContaining(["systemd", "uaccess"]));
      expect(properties.get("ID_MM_DEVICE_IGNORE")).toBe("1");
      expect(properties.get("ID_MM_PORT_IGNORE")).toBe("1");
    }
  });

  test("keep ModemManager off the whole USB device, and off that of no other", () => {
    const tree = new SysfsTree(scratch());
    const usbDevices = [ADAPTERS.cp2102, ADAPTERS.ftdi].map((adapter) =>
      tree.plug(adapter).replace(new RegExp(`/${adapter.socket}:1\\.0/.*`), ""),
    );
    const [board, other] = verdicts(tree, usbDevices);
    expect(board?.properties.get("DEVTYPE")).toBe("usb_device");
    expect(board?.properties.get("ID_MM_DEVICE_IGNORE")).toBe("1");
    expect(other?.properties.get("DEVTYPE")).toBe("usb_device");
    expect(other?.properties.has("ID_MM_DEVICE_IGNORE")).toBe(false);
  });
});
