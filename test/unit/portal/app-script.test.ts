import { describe, expect, test } from "bun:test";
import { buildAppScript, builtOnce } from "../../../src/portal/app-script.ts";

const built = buildAppScript();

describe("the page's script", () => {
  test("takes no more than 80 KB on its way", async () => {
    expect((await built).gzipped.length).toBeLessThanOrEqual(80_000);
    expect(Bun.gunzipSync((await built).gzipped)).toEqual((await built).text);
  });

  test("has the same version as long as it is the same", async () => {
    expect((await buildAppScript()).version).toBe((await built).version);
  });

  test("is built once, and again where that has failed", async () => {
    let builds = 0;
    const script = builtOnce(async () => {
      builds += 1;
      if (builds === 1) throw new Error("no room");
      return built;
    });
    expect(script()).rejects.toThrow("no room");
    await script().catch(() => {});
    expect(await script()).toBe(await script());
    expect(builds).toBe(2);
  });

  test("has no form of writing that browsers of 2020 do not know", async () => {
    const source = new TextDecoder().decode((await built).text);
    // Texts and patterns may hold anything.
    const code = source.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""');
    const newer = [
      // Chrome 85: logical assignment.
      /(?:\|\||&&|\?\?)=[^=>]/,
      // Chrome 94: static blocks. Chrome 84: private methods. Chrome 91: private names asked for by `in`.
      /\bstatic\s*\{/,
      /[{};]\s*#\w+\s*\(/,
      /#\w+ in /,
      // What is no syntax, and is not added in older-browsers.ts: Chrome 97, 98, 110.
      /\.findLast(?:Index)?\(/,
      /\bstructuredClone\(/,
      /\.(?:with|toSorted|toReversed|toSpliced)\(/,
      // Not there over plain HTTP.
      /crypto\.subtle/,
      /crypto\.randomUUID/,
    ];
    expect(newer.filter((form) => form.test(code)).map(String)).toEqual([]);
  });
});
