import packageJson from "../package.json" with { type: "json" };

/** The box's own, as semver.org has it. */
export const VERSION = packageJson.version;
