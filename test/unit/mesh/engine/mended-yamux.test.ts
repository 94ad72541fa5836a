import { expect, test } from "bun:test";
import { join } from "node:path";

/** What a process says and how it ends that opens a stream over a connection which has just closed. */
async function openInProcess(which: "ours" | "plain"): Promise<{ said: string; code: number }> {
  const script = join(import.meta.dir, "closed-muxer.ts");
  const child = Bun.spawn([process.execPath, script, which], { stderr: "ignore" });
  return { said: await new Response(child.stdout).text(), code: await child.exited };
}

test("a process survives a stream that is opened while its connection closes, as it does not by the library alone", async () => {
  const [ours, plain] = await Promise.all([openInProcess("ours"), openInProcess("plain")]);
  expect(ours).toEqual({ said: "aborted\nsurvived\n", code: 0 });
  // When this fails, the library has been mended, and the shim can go.
  expect(plain.code).not.toBe(0);
});
