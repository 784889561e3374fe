// The ES module face of the same module instance: `import` and `require` share their classes.
export type * from "./index.js";
export {
  crossValidate,
  datasets,
  drift,
  metrics,
  Model,
  readCsv,
  readIpc,
  readJson,
  readNdjson,
  readParquet,
  readSql,
  scanCsv,
  scanParquet,
  scanSql,
  Source,
  Study,
  Table,
  train,
  TrialPruned,
} from "./index.js";
