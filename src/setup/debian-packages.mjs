import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runShown } from "./run-shown.mjs";

/** While this file is there and says 101, Debian's packages do not start their services when they are installed. */
const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_MARK = "# Put here for a moment by the set-up of the Omerta Box.";

/**
 * Installs the Debian packages that are missing where that is possible, and otherwise says what to type.
 * @param {string} root the project's folder
 * @param {string[]} groups keys of `omertaBox.debianPackages` in package.json
 * @param {string} without what happens when they stay missing
 */
export async function ensureDebianPackages(root, groups, without) {
  const { omertaBox } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const wanted = groups.flatMap((group) => omertaBox.debianPackages[group]);
  const missing = missingPackages(wanted);
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  const advice = (/** @type {string[]} */ names) => {
    const line = `apt-get install --no-install-recommends ${names.join(" ")}`;
    process.stderr.write(`Debian packages are missing. As root:\n\n  ${line}\n\n${without}\n\n`);
  };
  if (!isRoot || !existsSync("/usr/bin/apt-get")) return advice(missing);
  process.stderr.write(`Installing Debian packages: ${missing.join(" ")}\n`);
  const ownPolicy = !existsSync(POLICY) || readFileSync(POLICY, "utf8").includes(POLICY_MARK);
  // Among them are peers for the tests, such as another captive portal: none of them may start on this machine.
  if (ownPolicy) writeFileSync(POLICY, `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`, { mode: 0o755 });
  const remove = () => rmSync(POLICY, { force: true });
  // Interrupted, it must not stay: no service of this machine would start at its installation any more.
  if (ownPolicy) process.once("exit", remove);
  const ends = ["SIGINT", "SIGTERM", "SIGHUP"].map(
    (signal) => /** @type {const} */ ([signal, () => process.exit(130)]),
  );
  for (const [signal, end] of ends) process.once(signal, end);
  try {
    await runShown(["apt-get", "update", "-q"], { quiet: true });
    await installBeside(missing);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n`);
    advice(missingPackages(missing));
  } finally {
    for (const [signal, end] of ends) process.off(signal, end);
    process.off("exit", remove);
    if (ownPolicy) remove();
  }
  disableServices(missing.map((name) => omertaBox.debianServices[name]).filter(Boolean));
}

/**
 * Installs what can be installed beside what is there: the labs' mail server must not push out this machine's own.
 * @param {string[]} names
 */
async function installBeside(names) {
  const install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "--no-remove"];
  const env = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  try {
    await runShown([...install, ...names], { env, quiet: true });
  } catch (error) {
    // apt-get(8), --no-remove: then nothing at all was installed.
    const wouldRemove = String(error).includes("Packages need to be removed but remove is disabled");
    if (!wouldRemove || names.length === 1) throw error;
    for (const name of names) await installBeside([name]).catch(() => undefined);
    const left = missingPackages(names);
    if (left.length > 0) throw new Error(`Others would have to be removed for: ${left.join(" ")}`);
  }
}

/**
 * @param {string[]} names
 * @returns {string[]}
 */
function missingPackages(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in
  const query = spawnSync("dpkg-query", ["-W", "-f", "${db:Status-Status} ${Package}\\n", ...names], {
    encoding: "utf8",
  });
  const lines = (query.stdout ?? "").split("\n");
  const installed = new Set(
    lines.filter((line) => line.startsWith("installed ")).map((line) => line.slice(10)),
  );
  return names.filter((name) => !installed.has(name));
}

/**
 * Services that came with packages installed just now stay off at the next boot as well.
 * @param {string[]} services
 */
function disableServices(services) {
  if (services.length === 0 || !existsSync("/run/systemd/system")) return;
  spawnSync("systemctl", ["disable", ...services], { stdio: "ignore" });
}
