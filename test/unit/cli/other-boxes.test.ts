import { expect, test } from "bun:test";
import { startOtherBoxes } from "../../../src/cli/other-boxes.ts";
import { FakeControl, NETWORK } from "../mesh/api/fake-control.ts";

const INVITE = { role: "box", once: false, hours: 24 };

test("more boxes are invited to a network that the first may invite to, and to a new one where there is none", async () => {
  const closed = { ...NETWORK, id: "closed", canInvite: false };
  for (const [networks, invitedTo, isFounded] of [
    [[], NETWORK.id, true],
    [[closed], NETWORK.id, true],
    [[closed, { ...NETWORK, id: "open" }], "open", false],
  ] as const) {
    const mesh = new FakeControl();
    mesh.networksKnown = [...networks];
    await (await startOtherBoxes(0, { stateFolder: "/nowhere", runFolder: "/nowhere" }, { mesh })).stop();
    expect(mesh.asked.at(-1)).toEqual(["invite", invitedTo, INVITE]);
    expect(mesh.asked.some(([what]) => what === "found")).toBe(isFounded);
  }
});
