// The addon, typed by the declarations generated from its Rust.
import type * as Native from "../native";

export type { Native };

export const native = require("../attrition.node") as typeof Native;
