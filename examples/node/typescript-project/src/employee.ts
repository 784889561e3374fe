/** A row as this program knows it: the compiler checks every key and value that is scored. */
export interface Employee {
  Age?: number | null;
  MonthlyIncome?: number | null;
  OverTime?: "Yes" | "No" | null;
  YearsAtCompany?: number | null;
}
