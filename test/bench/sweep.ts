import { Lab } from "../lab/lab.ts";

// Run by a bench that is told to end: `sweep.ts LAB` removes all that the lab of that name has made, in whatever process.
const [name = ""] = process.argv.slice(2);
const lab = new Lab(name);
await lab.open();
await lab.close();
