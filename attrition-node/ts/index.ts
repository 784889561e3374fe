export type { CallOptions, Progress } from "./call";
export type { Cell } from "./cells";
export type { AttritionError, ErrorCode, Problem } from "./error";
export { Table } from "./table";
export type { ColumnData, Data, Row, TableValue } from "./table";
export * as metrics from "./metrics";
