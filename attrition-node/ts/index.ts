export type { CallOptions, Progress } from "./call";
export type { Cell } from "./cells";
export type { AttritionError, ErrorCode, Problem } from "./error";
export * as datasets from "./datasets";
export * as drift from "./drift";
export * as metrics from "./metrics";
export { Model } from "./model";
export type {
  CandidateFact,
  TrialFact,
  Curve,
  Evaluation,
  Field,
  FieldKind,
  FoldFact,
  Importance,
  Label,
  MetricFact,
  Pipeline,
  Prediction,
  Role,
  Schema,
  Term,
  Training,
  Warning,
} from "./model";
export { scanCsv, scanParquet, scanSql, Source } from "./source";
export type { ScanParquetOptions, ScanSqlOptions, TableBatches } from "./source";
export { readCsv, readIpc, readJson, readNdjson, readParquet, Table } from "./table";
export type { ColumnData, Data, ReadCsvOptions, ReadParquetOptions, Row, TableValue } from "./table";
export { readSql } from "./sql";
export { crossValidate, train } from "./train";
export type { ColumnSteps, CrossValidateOptions, CrossValidation, Preprocess, TrainOptions } from "./train";
export { Study, TrialPruned } from "./tune";
export type {
  ChoiceParam,
  Constraint,
  Direction,
  FloatParam,
  IntParam,
  OptimizeOptions,
  ParamValue,
  Pruner,
  RunningTrial,
  Space,
  StudyOptions,
  TrialFacts,
  When,
} from "./tune";
