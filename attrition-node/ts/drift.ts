export { Profile } from "./profile";
export type { ColumnFacts, ProfileFacts } from "./profile";
