// Generated from the core's tables of parameters by scripts/addon.mjs; do not edit.
/* eslint-disable */

/** The names of all learners. */
export const learnerNames = ["logistic", "glassbox", "boosting", "forest", "tree", "linfa_logistic", "linfa_tree"] as const;

/** A learner's name. */
export type LearnerName = (typeof learnerNames)[number];

/** Every learner's parameters. */
export interface LearnerParams {
  logistic: LogisticParams;
  glassbox: GlassboxParams;
  boosting: BoostingParams;
  forest: ForestParams;
  tree: TreeParams;
  linfa_logistic: LinfaLogisticParams;
  linfa_tree: LinfaTreeParams;
}

type Params = LearnerParams[LearnerName];
type Names<P> = P extends unknown ? keyof P : never;
type Values<P, K> = P extends unknown ? (K extends keyof P ? P[K] : never) : never;

/** The parameters of some learner. */
export type AnyParams = { readonly [K in Names<Params>]?: Values<Params, K> };

/** Parameters of `logistic`. */
export interface LogisticParams {
  /** What large coefficients cost: half the sum of squares, the sum of absolute values, a mixture, nothing ("l2" | "l1" | "elasticnet" | "none"; default "l2"). */
  readonly penalty?: "l2" | "l1" | "elasticnet" | "none";
  /** Inverse strength of the penalty: small is strong (a number > 0; default 1.0). */
  readonly c?: number;
  /** Share of L1 in the elastic net; other penalties do not look at it (a number >= 0 and <= 1; default 0.5). */
  readonly l1Ratio?: number;
  /** Factors of the row weights by label; "balanced" gives both labels the same sum of weights (null, "balanced" or {"negative": number >= 0, "positive": number >= 0}; default null). */
  readonly classWeight?: "balanced" | { readonly negative: number; readonly positive: number } | null;
  /** Most Newton steps; if they do not suffice, the fitted `converged` is false (a whole number from 1 to 1000000; default 100). */
  readonly maxIter?: number;
  /** Stop when the Newton decrement of the mean objective is at most this; does not depend on the units of the columns; convergence is quadratic, and the last step is taken (a number > 0 and <= 0.001; default 1e-8). */
  readonly tol?: number;
}

/** Parameters of `glassbox`. */
export interface GlassboxParams {
  /** Most knots of a spline, at quantiles; "auto" is 14 up to 1,200 rows (by weight), then grows with their fourth root up to 32, and is at most 1000 / n_features - 2 but at least 4 ("auto" or a whole number from 2 to 50; default "auto"). */
  readonly nKnots?: "auto" | number;
  /** What curvature costs, the same for every spline (large is straight); "auto" finds it for each by marginal likelihood ("auto" or a number >= 0; default "auto"). */
  readonly smoothness?: "auto" | number;
  /** Most pairs of features tried; one stays only if it lowers the held-out loss; with fewer than 50 rows of a label none is tried; "auto" is 8 from 1,000 rows on (by weight), else 0 ("auto" or a whole number from 0 to 50; default "auto"). */
  readonly interactions?: "auto" | number;
  /** Directions in which the log-odds may go with numeric features; these are in no pair (null or an object from feature to -1 (falling), 0 or 1 (rising); default null). */
  readonly monotone?: Readonly<Record<string, -1 | 0 | 1>> | null;
  /** Penalised splines, or cyclic boosting on bins; "auto" boosts from 5,000 rows (by weight) or 251 features on, unless nKnots or smoothness is set ("spline" | "boosting" | "auto"; default "auto"). */
  readonly fit?: "spline" | "boosting" | "auto";
}

/** Parameters of `boosting`. */
export interface BoostingParams {
  /** How many trees are added up; fewer where early stopping ends it ("auto" or a whole number from 1 to 100000; default "auto"). */
  readonly nTrees?: "auto" | number;
  /** Factor of each tree's values ("auto" or a number > 0 and <= 1; default "auto"). */
  readonly learningRate?: "auto" | number;
  /** Most leaves of a tree ("auto" or a whole number from 2 to 32000; default "auto"). */
  readonly maxLeaves?: "auto" | number;
  /** Most questions from root to leaf; null: no limit (null or a whole number from 1 to 1000; default null). */
  readonly maxDepth?: number | null;
  /** Most bins of a number, gaps not counted (a whole number from 2 to 255; default 255). */
  readonly maxBins?: number;
  /** Least weight of the training rows of a leaf ("auto" or a number >= 0; default "auto"). */
  readonly minLeafRows?: "auto" | number;
  /** Least sum of second derivatives p·(1 − p) of a leaf (a number >= 0; default 0.001). */
  readonly minChildWeight?: number;
  /** By so much a leaf's sum of gradients is drawn to 0 (a number >= 0; default 0.0). */
  readonly l1?: number;
  /** Added to a leaf's sum of second derivatives ("auto" or a number >= 0; default "auto"). */
  readonly l2?: "auto" | number;
  /** Least gain of a split, in units of twice the log-loss (a number >= 0; default 0.0). */
  readonly minGain?: number;
  /** Share of the rows that a tree is grown on, drawn anew without replacement ("auto" or a number > 0 and <= 1; default "auto"). */
  readonly rowFraction?: "auto" | number;
  /** Share of the rows, those of largest gradients, that every tree is grown on; of the others rowFraction is drawn, and weighs as much as all of them (a number >= 0 and <= 0.9; default 0.0). */
  readonly topFraction?: number;
  /** Share of the features that a tree looks at ("auto" or a number > 0 and <= 1; default "auto"). */
  readonly columnFraction?: "auto" | number;
  /** Share of the tree's features that a node looks at (a number > 0 and <= 1; default 1.0). */
  readonly columnFractionNode?: number;
  /** Which leaf is split next: that of greatest gain, or of least depth ("leaf" | "depth"; default "leaf"). */
  readonly grow?: "leaf" | "depth";
  /** A tenth of the rows is set aside, and no tree is added once so many have not improved on it; null: all trees (null or a whole number from 1 to 100000; default null). */
  readonly earlyStopping?: number | null;
  /** What early stopping looks at ("log_loss" | "roc_auc" | "average_precision"; default "log_loss"). */
  readonly stoppingMetric?: "log_loss" | "roc_auc" | "average_precision";
  /** Factors of the row weights by label; taken back from the scores (null, "balanced" or {"negative": number >= 0, "positive": number >= 0}; default null). */
  readonly classWeight?: "balanced" | { readonly negative: number; readonly positive: number } | null;
  /** By feature: the score may only fall (-1) or rise (1) with it (null or an object from feature to -1 (falling), 0 or 1 (rising); default null). */
  readonly monotone?: Readonly<Record<string, -1 | 0 | 1>> | null;
  /** Groups of features; only features of one group meet in a branch, those of none stand alone (null or a list of lists of feature names; default null). */
  readonly interactions?: readonly (readonly string[])[] | null;
  /** By feature: taken from the gain of its splits until a tree has used it, in units of twice the log-loss (null or an object from feature to a number >= 0; default null). */
  readonly featureCosts?: Readonly<Record<string, number>> | null;
}

/** Parameters of `forest`. */
export interface ForestParams {
  /** How many trees are averaged (a whole number from 1 to 100000; default 500). */
  readonly nTrees?: number;
  /** Most leaves of a tree ("auto" or a whole number from 2 to 32000; default "auto"). */
  readonly maxLeaves?: "auto" | number;
  /** Most questions from root to leaf; null: no limit (null or a whole number from 1 to 1000; default null). */
  readonly maxDepth?: number | null;
  /** Most bins of a number, gaps not counted (a whole number from 2 to 255; default 255). */
  readonly maxBins?: number;
  /** Least weight of the training rows of a leaf ("auto" or a number >= 0; default "auto"). */
  readonly minLeafRows?: "auto" | number;
  /** Rows drawn with replacement for a tree, as a share of all (a number > 0 and <= 1; default 1.0). */
  readonly rowFraction?: number;
  /** Share of the features that a node looks at ("auto" or a number > 0 and <= 1; default "auto"). */
  readonly columnFractionNode?: "auto" | number;
  /** Factors of the row weights by label; taken back from the scores (null, "balanced" or {"negative": number >= 0, "positive": number >= 0}; default null). */
  readonly classWeight?: "balanced" | { readonly negative: number; readonly positive: number } | null;
}

/** Parameters of `tree`. */
export interface TreeParams {
  /** Most leaves ("auto" or a whole number from 2 to 32000; default "auto"). */
  readonly maxLeaves?: "auto" | number;
  /** Most questions from root to leaf; null: no limit (null or a whole number from 1 to 1000; default null). */
  readonly maxDepth?: number | null;
  /** Most bins of a number, gaps not counted (a whole number from 2 to 255; default 255). */
  readonly maxBins?: number;
  /** Least weight of the training rows of a leaf ("auto" or a number >= 0; default "auto"). */
  readonly minLeafRows?: "auto" | number;
  /** Factors of the row weights by label; taken back from the scores (null, "balanced" or {"negative": number >= 0, "positive": number >= 0}; default null). */
  readonly classWeight?: "balanced" | { readonly negative: number; readonly positive: number } | null;
  /** By feature: the score may only fall (-1) or rise (1) with it (null or an object from feature to -1 (falling), 0 or 1 (rising); default null). */
  readonly monotone?: Readonly<Record<string, -1 | 0 | 1>> | null;
}

/** Parameters of `linfa_logistic`. */
export interface LinfaLogisticParams {
  /** Strength of the L2 penalty: 1/c of `logistic` (a number >= 0; default 1.0). */
  readonly alpha?: number;
  /** Most L-BFGS steps (a whole number from 1 to 1000000; default 100). */
  readonly maxIterations?: number;
  /** Stop when the norm of the gradient of the summed objective is below this (a number > 0; default 1e-4). */
  readonly gradientTolerance?: number;
}

/** Parameters of `linfa_tree`. */
export interface LinfaTreeParams {
  /** What a split is judged by ("gini" | "entropy"; default "gini"). */
  readonly splitQuality?: "gini" | "entropy";
  /** Most questions from root to leaf; linfa recurses once per level, so the depth is limited (a whole number from 1 to 64; default 8). */
  readonly maxDepth?: number;
  /** Fewest rows of a node that is split (a number >= 0; default 2.0). */
  readonly minWeightSplit?: number;
  /** Fewest rows of a leaf (a number >= 1; default 1.0). */
  readonly minWeightLeaf?: number;
  /** Least decrease of impurity of a split (a number >= 0.000000000001 and <= 1; default 1e-5). */
  readonly minImpurityDecrease?: number;
}
