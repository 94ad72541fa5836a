import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../../src/host/run.ts";
import { agentFolders } from "../../../../src/requester/agent/agent-folders.ts";
import {
  knownHostsText,
  sshAccess,
  sshArguments,
  sshConfig,
} from "../../../../src/requester/agent/ssh-access.ts";
import { MissingProgramError, needPrograms } from "../../../../src/requester/needed-programs.ts";
import { describeNeeding } from "../../../needs.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const LEASE = { id: "3f9a01c2".repeat(4), address: "10.66.7.2" };

describeNeeding(["program:ssh"], "ssh itself", () => {
  /** What ssh makes of its arguments: `ssh -G` prints it. */
  async function understood(args: readonly string[]): Promise<Map<string, string>> {
    const said = await run(["ssh", "-G", ...args]);
    return new Map(said.split("\n").map((line) => [line.split(" ")[0] ?? "", line.replace(/^\S+ /, "")]));
  }

  const folder = '/home/some body/50% "or" so\\state';
  const proxy = ["/opt/it's/bun", "proxy.ts", "a b", "100%"];

  test.each(["arguments", "a file"])("understands what is meant, by %s", async (by) => {
    const access = sshAccess(LEASE, folder, proxy);
    const file = join(scratch(), "config");
    writeFileSync(file, sshConfig(access));
    const options = await understood(by === "a file" ? ["-F", file, access.host] : sshArguments(access));
    expect(options.get("hostname")).toBe("10.66.7.2");
    expect(options.get("user")).toBe("root");
    // Whether the percent sign is ssh's own is seen when the file is opened.
    expect(options.get("identityfile")?.replaceAll("%%", "%")).toBe(`${folder}/key`);
    expect(options.get("userknownhostsfile")?.replaceAll("%%", "%")).toBe(`${folder}/known_hosts`);
    expect(options.get("hostkeyalias")).toBe(`omerta-${LEASE.id}`);
    expect(options.get("proxycommand")).toBe("'/opt/it'\\''s/bun' 'proxy.ts' 'a b' '100%%'");
    expect(options.get("identitiesonly")).toBe("yes");
  });

  test("takes another key than the provider has told from no machine", async () => {
    const told = await understood(
      sshArguments(sshAccess({ ...LEASE, hostKey: "ssh-ed25519 AAAA" }, "/x", ["true"])),
    );
    const untold = await understood(sshArguments(sshAccess(LEASE, "/x", undefined)));
    expect(told.get("stricthostkeychecking")).toBe("true");
    expect(untold.get("stricthostkeychecking")).toBe("accept-new");
    expect(untold.has("proxycommand")).toBe(false);
  });
});

test("a file of known hosts has the machine's name as ssh looks for it", () => {
  expect(knownHostsText(LEASE.id, "ssh-ed25519 AAAA")).toBe(`omerta-${LEASE.id} ssh-ed25519 AAAA\n`);
});

test("what is missing is named with Debian's packages", () => {
  const find = (name: string) => (name === "ip" ? "/sbin/ip" : null);
  expect(() => needPrograms(["ip"], find)).not.toThrow();
  expect(() => needPrograms(["ip", "wg"], find)).toThrow(
    new MissingProgramError("wg is not installed (Debian: apt-get install wireguard-tools)"),
  );
  expect(() => needPrograms(["unshare", "nsenter", "nft"], find)).toThrow(
    "unshare, nsenter, nft are not installed (Debian: apt-get install util-linux nftables)",
  );
});

test.each([
  [{}, { uid: 1_000, env: { XDG_RUNTIME_DIR: "/run/user/1000" } }, "/run/user/1000/omerta-box-requester"],
  [{}, { uid: 1_000, env: { XDG_RUNTIME_DIR: "relative" } }, "/tmp/omerta-box-requester-1000"],
  [{}, { uid: 0, env: { XDG_RUNTIME_DIR: "/run/user/0" } }, "/run/omerta-box-requester"],
  [{ run: "/x" }, { uid: 0, env: {} }, "/x"],
])("the agent's socket: %j, %j", (asked, { uid, env }, run) => {
  expect(agentFolders(asked, { uid, env: { ...env, TMPDIR: undefined }, home: "/home/a" })).toEqual({
    state: "/home/a/.local/state/omerta-box-requester",
    run: process.env.TMPDIR === undefined ? run : expect.any(String),
  });
});

test("another state has another agent", () => {
  const at = { uid: 0, env: { XDG_STATE_HOME: "/var/state" }, home: "/root" };
  const usual = agentFolders({}, at);
  const other = agentFolders({ state: "/var/other" }, at);
  expect(usual.state).toBe("/var/state/omerta-box-requester");
  expect(other.run).toStartWith(`${usual.run}-`);
  expect(agentFolders({ state: "/var/another" }, at).run).not.toBe(other.run);
});
