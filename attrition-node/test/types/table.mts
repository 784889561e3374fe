import * as arrow from "apache-arrow";
import { type AttritionError, metrics, scanCsv, scanParquet, Source, Table } from "attrition";

const table: Table = await Table.from([{ a: 1, b: "x", c: null }]);
await Table.from({ a: new Float64Array(1), b: ["x", null], c: new BigInt64Array(1) });
const values: (number | bigint | string | boolean | null)[] = table.column("a");
const auc: number = await metrics.rocAuc([0, 1], new Float64Array(2), { threshold: 0.5 });
// @ts-expect-error a table is not made of a number
await Table.from(5);
try {
  table.row(0);
} catch (e) {
  const { code, column }: AttritionError = e as AttritionError;
  console.log(code === "ATTRITION_NOT_FOUND", column, values, auc);
}

const source: Source = await scanParquet("a.parquet", { columns: ["a"], batchRows: 1000 });
for await (const batch of source) console.log(batch.nRows);
const ipc: Uint8Array = await table.toIpc();
await Table.from(ipc, { signal: AbortSignal.timeout(10) });
await Table.from(arrow.tableFromIPC(ipc));
// @ts-expect-error one number array is no table
await Table.from(new Float64Array(3));
const whole: Table = await Source.from([{ a: [1] }, table]).collect({ nThreads: 1 });
await whole.writeParquet("b.parquet");
// @ts-expect-error a scan of CSV has no columns to choose
await scanCsv("a.csv", { columns: ["a"] });
