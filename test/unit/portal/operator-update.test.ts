import { describe, expect, test } from "bun:test";
import { operatorUpdateApi, type UpdateDesk } from "../../../src/portal/operator-update-api.ts";
import type { UpdateView } from "../../../src/update/index.ts";

const view: UpdateView = {
  ...{ slot: "A", version: "1.0.0", start: "normal", isProving: false, stage: "idle", isHeld: false },
  ...{ next: undefined, fetching: undefined, isChecking: false, refusal: "", neighbours: [] },
  other: { version: "1.1.0", isGood: false },
  outcomes: [
    { kind: "went-back", version: "1.1.0", before: "1.0.0", slot: "A", reason: "the portal does not answer" },
  ],
};

function playedDesk() {
  const asked: string[] = [];
  const desk: UpdateDesk = {
    view: () => view,
    check: () => void asked.push("check"),
    say: async (word) => {
      asked.push(word);
      return `said ${word}`;
    },
  };
  return { asked, app: operatorUpdateApi(desk) };
}

describe("updates, for the command line", () => {
  test("are shown as they are", async () => {
    const answer = await playedDesk().app.request("/");
    expect(await answer.json()).toEqual({ view: JSON.parse(JSON.stringify(view)) });
  });

  test("are told what the operator says, and nothing else", async () => {
    const { app, asked } = playedDesk();
    for (const word of ["install", "hold", "release", "rollback"]) {
      const answer = await app.request(`/${word}`, { method: "POST" });
      expect(await answer.json()).toMatchObject({ said: `said ${word}` });
    }
    await app.request("/check", { method: "POST" });
    expect(asked).toEqual(["install", "hold", "release", "rollback", "check"]);
    expect((await app.request("/reboot", { method: "POST" })).status).toBe(404);
    expect((await app.request("/install")).status).toBe(404);
  });

  test("are none on a machine that was not made from an image", async () => {
    expect(await (await operatorUpdateApi(undefined).request("/")).json()).toEqual({});
  });
});
