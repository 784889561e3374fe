/** What went wrong, for code that branches on it: `err.code`. */
export type ErrorCode =
  | "ATTRITION_INVALID_PARAM"
  | "ATTRITION_INVALID_DATA"
  | "ATTRITION_SCHEMA_MISMATCH"
  | "ATTRITION_NOT_FOUND"
  | "ATTRITION_IO"
  | "ATTRITION_ARTIFACT"
  | "ATTRITION_NUMERIC"
  | "ATTRITION_UNSUPPORTED"
  | "ATTRITION_CANCELLED"
  | "ATTRITION_INTERNAL";

/** One way in which a table or a row does not fit the schema. */
export interface Problem {
  column: string;
  /** The row, from 0, where one value is meant rather than the column. */
  row?: number | null;
  got: string;
  expected: string;
  hint: string;
}

/** The shape of every error that this package throws or rejects with: a real `Error` with a code and the facts. */
export interface AttritionError extends Error {
  code: ErrorCode;
  /** Every problem of an `ATTRITION_SCHEMA_MISMATCH`. */
  problems?: Problem[];
  /** Where it stands: file or other source, line from 1, row from 0, column. */
  source?: string;
  line?: number;
  row?: number;
  column?: string;
  /** The parameter of an `ATTRITION_INVALID_PARAM`. */
  param?: string;
  /** The file of an `ATTRITION_IO`. */
  path?: string;
}

/** An error of this package. */
export function failure(code: ErrorCode, message: string): AttritionError {
  return Object.assign(new Error(message), { code });
}
