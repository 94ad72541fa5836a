import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../../../src/host/run.ts";
import { HashPolicy } from "../../../../src/mesh/traffic/hash-policy.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const IPV4 = "/proc/sys/net/ipv4/fib_multipath_hash_policy";
const IPV6 = "/proc/sys/net/ipv6/fib_multipath_hash_policy";

/** A kernel with these parameters, read and written by programs as a real one is. */
function kernel(parameters: Record<string, string>) {
  const run = async (command: readonly string[]): Promise<RunResult> => {
    const [program = ""] = command;
    const path = command.at(-1) ?? "";
    const value = parameters[path];
    if (value === undefined) return { exitCode: 1, stdout: "", stderr: "No such file or directory" };
    if (program === "cat") return { exitCode: 0, stdout: `${value}\n`, stderr: "" };
    parameters[path] = command.at(-2) ?? "";
    return { exitCode: 0, stdout: "", stderr: "" };
  };
  return { parameters, run };
}

describe("the parameter by which connections keep to one way", () => {
  test("is set while several are used, and put back to what it was", async () => {
    const { parameters, run } = kernel({ [IPV4]: "0", [IPV6]: "3" });
    const folder = scratch();
    const policy = new HashPolicy(run, folder);
    await policy.set();
    expect(parameters).toEqual({ [IPV4]: "1", [IPV6]: "1" });
    await policy.putBack();
    expect(parameters).toEqual({ [IPV4]: "0", [IPV6]: "3" });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is put back by the next daemon where one was killed, whether that sets it too or not", async () => {
    for (const setsToo of [true, false]) {
      const { parameters, run } = kernel({ [IPV4]: "2", [IPV6]: "0" });
      const folder = scratch();
      await new HashPolicy(run, folder).set();
      const next = new HashPolicy(run, folder);
      if (setsToo) await next.set();
      expect(parameters).toEqual({ [IPV4]: "1", [IPV6]: "1" });
      await next.putBack();
      expect(parameters).toEqual({ [IPV4]: "2", [IPV6]: "0" });
    }
  });

  test("is left alone where nothing was set, and where the kernel has no IPv6", async () => {
    const { parameters, run } = kernel({ [IPV4]: "2" });
    const folder = join(scratch(), "run");
    const policy = new HashPolicy(run, folder);
    await policy.putBack();
    expect(parameters).toEqual({ [IPV4]: "2" });
    expect(existsSync(folder)).toBe(false);
    await policy.set();
    expect(parameters).toEqual({ [IPV4]: "1" });
    await policy.putBack();
    expect(parameters).toEqual({ [IPV4]: "2" });
  });

  test.each(["", "{", '[["/etc/passwd", "1"]]', `[["${IPV4}", "1; reboot"]]`, "[]", "{}"])(
    "is not put back by a note that is torn or none: %p",
    async (text) => {
      const { parameters, run } = kernel({ [IPV4]: "0" });
      const folder = scratch();
      writeFileSync(join(folder, "uplinks-hash-policy.json"), text);
      const policy = new HashPolicy(run, folder);
      await policy.putBack();
      expect(parameters).toEqual({ [IPV4]: "0" });
      writeFileSync(join(folder, "uplinks-hash-policy.json"), text);
      await policy.set();
      await policy.putBack();
      expect(parameters).toEqual({ [IPV4]: "0" });
    },
  );
});
