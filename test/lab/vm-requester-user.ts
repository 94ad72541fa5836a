import { createLog } from "../../src/host/log.ts";
import { UserGround } from "../../src/requester/user-ground.ts";
import { type RequesterOrder, serveRequester } from "./vm-requester-process.ts";

// The same as vm-requester-process.ts, by a user without rights.
const order = JSON.parse(process.argv[2] ?? "{}") as RequesterOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
await serveRequester(order, new UserGround(order.folder, log));
