import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBackup } from "../../../src/identity/backup.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";
import { openBox } from "./network.ts";

const scratch = scratchFolders();
const PASSPHRASE = "grid duck problem valid";

/** Runs age on a terminal of its own, where alone it asks for a passphrase, and types in what it wants to know. */
async function age(command: string, typed: readonly string[]): Promise<string> {
  const child = Bun.spawn(["script", "--quiet", "--return", "--command", `age ${command}`, "/dev/null"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  let asked = 0;
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.split("passphrase").length - 1 > asked && asked < typed.length) {
      child.stdin.write(`${typed[asked]}\n`);
      child.stdin.flush();
      asked += 1;
    }
  }
  expect({ status: await child.exited, text }).toMatchObject({ status: 0 });
  return text;
}

describeNeeding(["program:age", "program:script"], "Debian's age", () => {
  test("opens an export with its passphrase", async () => {
    const folder = scratch();
    const { memberships } = openBox(folder);
    memberships.found("Harbour");
    const file = join(folder, "export.age");
    writeFileSync(file, await memberships.exportTo(PASSPHRASE));
    await age(`--decrypt --output ${folder}/export.json ${file}`, [PASSPHRASE]);
    const { networks, deviceKey } = JSON.parse(readFileSync(join(folder, "export.json"), "utf8"));
    expect([networks[0].name, deviceKey.split("\n")[0]]).toEqual(["Harbour", "-----BEGIN PRIVATE KEY-----"]);
  }, 30_000);

  test("makes files that are read as exports, with its own work factor", async () => {
    const folder = scratch();
    const { memberships } = openBox(folder);
    const { deviceKey, networks } = await openBackup(await memberships.exportTo(PASSPHRASE), PASSPHRASE);
    writeFileSync(join(folder, "plain"), JSON.stringify({ omertaBox: "export 1", deviceKey, networks }));
    await age(`--passphrase --output ${folder}/export.age ${folder}/plain`, [PASSPHRASE, PASSPHRASE]);
    const report = await memberships.importFrom(readFileSync(join(folder, "export.age")), PASSPHRASE);
    expect(report.deviceKey).toBe("same");
  }, 30_000);
});
