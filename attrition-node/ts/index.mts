// The ES module face of the same module instance: `import` and `require` share their classes.
export type * from "./index.js";
export { metrics, Table } from "./index.js";
