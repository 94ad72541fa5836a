import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cardTexts } from "../../../../src/first-boot/card/card-texts.ts";
import { staleTexts, writeCard } from "../../../../src/first-boot/card/card-writer.ts";
import { scratchFolders } from "../../scratch.ts";
import { frontOfBox } from "../front-of-box.ts";

const scratch = scratchFolders();

function countedMount() {
  const asked: string[] = [];
  return {
    asked,
    mount: {
      writable: async () => void asked.push("rw"),
      readOnly: async () => void asked.push("ro"),
    },
  };
}

describe("what the box writes on its card", () => {
  test("is how to claim it, until it has been claimed", () => {
    const { "claim.txt": claim } = cardTexts(frontOfBox());
    expect(claim).toContain("    70K1-M9QX\r\n");
    expect(claim).toContain("http://169.254.8.90:8090/");
    expect(cardTexts(frontOfBox({ claimCode: undefined }))["claim.txt"]).toBeUndefined();
  });

  test("is what is wrong, in lines that every editor shows, while something is", () => {
    expect(cardTexts(frontOfBox())["omerta-problems.txt"]).toBeUndefined();
    const { "omerta-problems.txt": text = "" } = cardTexts(
      frontOfBox({
        configFile: "/boot/omerta/omerta.toml.txt",
        configProblems: ["box.nme: unknown key"],
        troubles: ["wifi: no radio"],
      }),
    );
    for (const words of ["omerta.toml.txt", "  - box.nme: unknown key\r\n", "  - wifi: no radio\r\n"])
      expect(text).toContain(words);
    expect(text.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("does not change with time, guests or messages, so that the card is left alone", () => {
    const calm = cardTexts(frontOfBox());
    expect(cardTexts(frontOfBox({ uptimeSeconds: 1e6, guests: 90, callsForHelp: 3 }))).toEqual(calm);
  });
});

describe("the card", () => {
  test("is written when a text is another one, and read-only again after that", async () => {
    const folder = scratch();
    const { asked, mount } = countedMount();
    const texts = { "claim.txt": "code\r\n", "omerta-problems.txt": undefined };
    expect(await writeCard(folder, texts, mount)).toEqual(["claim.txt"]);
    expect(readFileSync(join(folder, "claim.txt"), "utf8")).toBe("code\r\n");
    expect(readdirSync(folder)).toEqual(["claim.txt"]);
    expect(await writeCard(folder, texts, mount)).toEqual([]);
    expect(asked).toEqual(["rw", "ro"]);
  });

  test("loses a file that is not to be there any more", async () => {
    const folder = scratch();
    writeFileSync(join(folder, "claim.txt"), "old");
    const { mount } = countedMount();
    expect(await writeCard(folder, { "claim.txt": undefined }, mount)).toEqual(["claim.txt"]);
    expect(existsSync(join(folder, "claim.txt"))).toBe(false);
  });

  test("is read-only again also when it cannot be written", async () => {
    const folder = scratch();
    mkdirSync(join(folder, "claim.txt.new"));
    const { asked, mount } = countedMount();
    expect(writeCard(folder, { "claim.txt": "x" }, mount)).rejects.toThrow();
    await Bun.sleep(0);
    expect(asked).toEqual(["rw", "ro"]);
  });

  test("has no place for a folder of that name, which counts as another text", () => {
    const folder = scratch();
    mkdirSync(join(folder, "claim.txt"));
    expect(staleTexts(folder, { "claim.txt": "x" })).toEqual(["claim.txt"]);
  });
});
