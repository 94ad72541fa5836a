import { MeshCoreFirmware } from "../../../../src/bench/firmware/meshcore.ts";
import { RNodeFirmware } from "../../../../src/bench/firmware/rnode.ts";
import { Rylr998Firmware } from "../../../../src/bench/firmware/rylr998.ts";
import { driverOf } from "../../../../src/lora/drivers.ts";
import { radioCompliance } from "./radio-compliance.ts";

radioCompliance("MeshCore", { addresses: true, acknowledges: true, setsChannel: true }, async () => ({
  driver: await driverOf("meshcore"),
  powerOn: (board) => new MeshCoreFirmware(board),
  meet: async (stations, world) => {
    for (const { firmware } of stations) {
      firmware?.advertise("neighbours");
      await world.until(() => false, 4_000);
    }
  },
}));

radioCompliance("RNode", { addresses: false, acknowledges: false, setsChannel: true }, async () => ({
  driver: await driverOf("rnode"),
  powerOn: (board) => new RNodeFirmware(board),
}));

radioCompliance("RYLR998", { addresses: true, acknowledges: false, setsChannel: true }, async () => ({
  driver: await driverOf("rylr998"),
  powerOn: (board) =>
    new Rylr998Firmware({
      ...board,
      address: board.number + 1,
      answers: board.number % 2 ? "at-once" : "when-sent",
    }),
}));
