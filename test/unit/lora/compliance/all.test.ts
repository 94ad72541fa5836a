import { radioCompliance } from "./radio-compliance.ts";
import { e22, meshcore, meshtastic, rnode, rylr998 } from "./subjects.ts";

radioCompliance("Meshtastic", meshtastic.traits, meshtastic.setup);
radioCompliance("MeshCore", meshcore.traits, meshcore.setup);
radioCompliance("RNode", rnode.traits, rnode.setup);
radioCompliance("RYLR998", rylr998.traits, rylr998.setup);
radioCompliance("E22", e22.traits, e22.setup);
