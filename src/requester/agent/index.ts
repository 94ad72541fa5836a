export { type AgentOptions, RequesterAgent } from "./agent.ts";
export { AgentClient, AgentClientError } from "./agent-client.ts";
export { type AgentFolders, agentFolders } from "./agent-folders.ts";
export type { AgentLine, AgentList, AgentWish, LeaseView } from "./agent-wire.ts";
export { type SshAccess, shortId, sshArguments, sshConfig } from "./ssh-access.ts";
