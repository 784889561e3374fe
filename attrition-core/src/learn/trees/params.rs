//! Parameters of the tree learners.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::learn::ClassWeight;
use crate::learn::params::{Costs, Monotone, OrAuto, ParamSpec, Range, check_struct};

/// Most leaves of a tree.
pub(super) const MAX_LEAVES: u32 = 32_000;

/// Which leaf is split next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grow {
    /// The one of greatest gain.
    #[default]
    Leaf,
    /// The one of least depth.
    Depth,
}

/// What early stopping looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppingMetric {
    /// Mean log-loss, lower is better.
    #[default]
    LogLoss,
    /// Area under the ROC curve, higher is better.
    RocAuc,
    /// Area under the precision-recall curve, higher is better.
    AveragePrecision,
}

/// Parameters of gradient-boosted trees.
///
/// Trees are fitted one after the other to the gradient of the log-loss (Friedman 2001, <https://doi.org/10.1214/aos/1013203451>)
/// by second-order splits on binned features. `"auto"` parameters follow from the sum of the rows' weights `W` and the
/// number of features `p`; the rule: [`BoostingParams::resolved`].
///
/// With `top_fraction = a > 0` the rows of a tree are drawn by their gradients (GOSS: Ke et al., LightGBM, NeurIPS 2017): the
/// `a·n` rows of largest gradient, times their weight, and of the `(1 − a)·n` others the share `row_fraction`, whose gradients
/// are multiplied by `1 / row_fraction`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the table of parameters says each: BoostingParams::SPECS")]
pub struct BoostingParams {
    pub n_trees: OrAuto<u32>,
    pub learning_rate: OrAuto<f64>,
    pub max_leaves: OrAuto<u32>,
    pub max_depth: Option<u32>,
    pub max_bins: u32,
    pub min_leaf_rows: OrAuto<f64>,
    pub min_child_weight: f64,
    pub l1: f64,
    pub l2: OrAuto<f64>,
    pub min_gain: f64,
    pub row_fraction: OrAuto<f64>,
    pub top_fraction: f64,
    pub column_fraction: OrAuto<f64>,
    pub column_fraction_node: f64,
    pub grow: Grow,
    pub early_stopping: Option<u32>,
    pub stopping_metric: StoppingMetric,
    pub class_weight: ClassWeight,
    pub monotone: Option<Monotone>,
    pub interactions: Option<Vec<Vec<String>>>,
    pub feature_costs: Option<Costs>,
}

impl Default for BoostingParams {
    fn default() -> BoostingParams {
        BoostingParams {
            n_trees: OrAuto::AUTO,
            learning_rate: OrAuto::AUTO,
            max_leaves: OrAuto::AUTO,
            max_depth: None,
            max_bins: 255,
            min_leaf_rows: OrAuto::AUTO,
            min_child_weight: 1e-3,
            l1: 0.0,
            l2: OrAuto::AUTO,
            min_gain: 0.0,
            row_fraction: OrAuto::AUTO,
            top_fraction: 0.0,
            column_fraction: OrAuto::AUTO,
            column_fraction_node: 1.0,
            grow: Grow::Leaf,
            early_stopping: None,
            stopping_metric: StoppingMetric::LogLoss,
            class_weight: ClassWeight::None,
            monotone: None,
            interactions: None,
            feature_costs: None,
        }
    }
}

const SHARE: Range = Range::Number { low: 0.0, above: true, high: 1.0 };
const AUTO_SHARE: Range = Range::NumberOrAuto { low: 0.0, above: true, high: 1.0 };
const NOT_NEGATIVE: Range = Range::Number { low: 0.0, above: false, high: f64::INFINITY };
const AUTO_NOT_NEGATIVE: Range = Range::NumberOrAuto { low: 0.0, above: false, high: f64::INFINITY };
const AUTO_LEAVES: Range = Range::IntegerOrAuto { low: 2, high: MAX_LEAVES };
const DEPTH: Range = Range::OptionalInteger { low: 1, high: 1000 };

const fn spec(name: &'static str, default: &'static str, range: Range, log: bool, meaning: &'static str) -> ParamSpec {
    ParamSpec { name, default, range, log, meaning }
}

// What several of the learners have.
const MAX_LEAVES_SPEC: ParamSpec = spec("max_leaves", "\"auto\"", AUTO_LEAVES, true, "most leaves of a tree");
const MAX_DEPTH_SPEC: ParamSpec =
    spec("max_depth", "null", DEPTH, false, "most questions from root to leaf; null: no limit");
const MAX_BINS_SPEC: ParamSpec =
    spec("max_bins", "255", Range::Integer { low: 2, high: 255 }, true, "most bins of a number, gaps not counted");
const MIN_LEAF_ROWS_SPEC: ParamSpec =
    spec("min_leaf_rows", "\"auto\"", AUTO_NOT_NEGATIVE, true, "least weight of the training rows of a leaf");
const CLASS_WEIGHT_SPEC: ParamSpec = spec(
    "class_weight",
    "null",
    Range::ClassWeight,
    false,
    "factors of the row weights by label; taken back from the scores",
);
const MONOTONE_SPEC: ParamSpec =
    spec("monotone", "null", Range::Monotone, false, "by feature: the score may only fall (-1) or rise (1) with it");

impl BoostingParams {
    /// The table of parameters.
    pub const SPECS: &'static [ParamSpec] = &[
        spec(
            "n_trees",
            "\"auto\"",
            Range::IntegerOrAuto { low: 1, high: 100_000 },
            true,
            "how many trees are added up; fewer where early stopping ends it",
        ),
        spec(
            "learning_rate",
            "\"auto\"",
            Range::NumberOrAuto { low: 0.0, above: true, high: 1.0 },
            true,
            "factor of each tree's values",
        ),
        MAX_LEAVES_SPEC,
        MAX_DEPTH_SPEC,
        MAX_BINS_SPEC,
        MIN_LEAF_ROWS_SPEC,
        spec("min_child_weight", "0.001", NOT_NEGATIVE, true, "least sum of second derivatives p·(1 − p) of a leaf"),
        spec("l1", "0.0", NOT_NEGATIVE, true, "by so much a leaf's sum of gradients is drawn to 0"),
        spec("l2", "\"auto\"", AUTO_NOT_NEGATIVE, true, "added to a leaf's sum of second derivatives"),
        spec("min_gain", "0.0", NOT_NEGATIVE, true, "least gain of a split, in units of twice the log-loss"),
        spec(
            "row_fraction",
            "\"auto\"",
            AUTO_SHARE,
            false,
            "share of the rows that a tree is grown on, drawn anew without replacement",
        ),
        spec(
            "top_fraction",
            "0.0",
            Range::Number { low: 0.0, above: false, high: 0.9 },
            false,
            "share of the rows, those of largest gradients, that every tree is grown on; of the others row_fraction is \
             drawn, and weighs as much as all of them",
        ),
        spec("column_fraction", "\"auto\"", AUTO_SHARE, false, "share of the features that a tree looks at"),
        spec("column_fraction_node", "1.0", SHARE, false, "share of the tree's features that a node looks at"),
        spec(
            "grow",
            "\"leaf\"",
            Range::Choice { options: &["leaf", "depth"] },
            false,
            "which leaf is split next: that of greatest gain, or of least depth",
        ),
        spec(
            "early_stopping",
            "null",
            Range::OptionalInteger { low: 1, high: 100_000 },
            false,
            "a tenth of the rows is set aside, and no tree is added once so many have not improved on it; null: all trees",
        ),
        spec(
            "stopping_metric",
            "\"log_loss\"",
            Range::Choice { options: &["log_loss", "roc_auc", "average_precision"] },
            false,
            "what early stopping looks at",
        ),
        CLASS_WEIGHT_SPEC,
        MONOTONE_SPEC,
        spec(
            "interactions",
            "null",
            Range::Groups,
            false,
            "groups of features; only features of one group meet in a branch, those of none stand alone",
        ),
        spec(
            "feature_costs",
            "null",
            Range::Costs,
            false,
            "by feature: taken from the gain of its splits until a tree has used it, in units of twice the log-loss",
        ),
    ];

    /// Check every parameter against its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`](crate::Error::InvalidParam).
    pub fn check(&self) -> Result<()> {
        check_struct("boosting", Self::SPECS, self)
    }

    /// The parameters with every `"auto"` replaced, for rows of weight `weight` in sum.
    ///
    /// On few rows main effects are all that can be learned: below 5,000 rows' weight trees are stumps on half of the rows and 30 %
    /// of the features. From there on trees have 31 leaves, see all rows and features, and count half as much each.
    pub fn resolved(&self, weight: f64) -> BoostingParams {
        let small = weight < SMALL;
        let rule = |a: f64, b: f64| if small { a } else { b };
        let mut p = self.clone();
        p.n_trees = self.n_trees.or(400).into();
        p.learning_rate = self.learning_rate.or(rule(0.1, 0.05)).into();
        p.max_leaves = self.max_leaves.or(if small { 2 } else { 31 }).into();
        p.min_leaf_rows = self.min_leaf_rows.or(5.0).into();
        p.l2 = self.l2.or(1.0).into();
        p.row_fraction = self.row_fraction.or(rule(0.5, 1.0)).into();
        p.column_fraction = self.column_fraction.or(rule(0.3, 1.0)).into();
        p
    }
}

/// Rows' weight below which data counts as small.
const SMALL: f64 = 5_000.0;

/// Parameters of a random forest: trees grown on rows drawn with replacement, each node looking at a share of the features;
/// a row's probability is the mean of its leaves' rates.
///
/// # Reference
/// Breiman: Random forests. Machine Learning 45 (2001), <https://doi.org/10.1023/A:1010933404324>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the table of parameters says each: ForestParams::SPECS")]
pub struct ForestParams {
    pub n_trees: u32,
    pub max_leaves: OrAuto<u32>,
    pub max_depth: Option<u32>,
    pub max_bins: u32,
    pub min_leaf_rows: OrAuto<f64>,
    pub row_fraction: f64,
    pub column_fraction_node: OrAuto<f64>,
    pub class_weight: ClassWeight,
}

impl Default for ForestParams {
    fn default() -> ForestParams {
        ForestParams {
            n_trees: 500,
            max_leaves: OrAuto::AUTO,
            max_depth: None,
            max_bins: 255,
            min_leaf_rows: OrAuto::AUTO,
            row_fraction: 1.0,
            column_fraction_node: OrAuto::AUTO,
            class_weight: ClassWeight::None,
        }
    }
}

impl ForestParams {
    /// The table of parameters.
    pub const SPECS: &'static [ParamSpec] = &[
        spec("n_trees", "500", Range::Integer { low: 1, high: 100_000 }, true, "how many trees are averaged"),
        MAX_LEAVES_SPEC,
        MAX_DEPTH_SPEC,
        MAX_BINS_SPEC,
        MIN_LEAF_ROWS_SPEC,
        spec("row_fraction", "1.0", SHARE, false, "rows drawn with replacement for a tree, as a share of all"),
        spec("column_fraction_node", "\"auto\"", AUTO_SHARE, false, "share of the features that a node looks at"),
        CLASS_WEIGHT_SPEC,
    ];

    /// Check every parameter against its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`](crate::Error::InvalidParam).
    pub fn check(&self) -> Result<()> {
        check_struct("forest", Self::SPECS, self)
    }

    /// The parameters with every `"auto"` replaced, for rows of weight `weight` in sum and `p = n_features` features: below
    /// 5,000 rows' weight leaves of at least 2 rows and `0.65·√p` features at each node; from there on leaves of at least 3 rows and `√p`
    /// features, and from 50,000 on 1,024 leaves at most.
    pub fn resolved(&self, weight: f64, n_features: usize) -> ForestParams {
        let mut p = self.clone();
        let features = n_features.max(1) as f64;
        p.max_leaves = self.max_leaves.or(if weight < 50_000.0 { MAX_LEAVES } else { 1024 }).into();
        let small = weight < SMALL;
        p.min_leaf_rows = self.min_leaf_rows.or(if small { 2.0 } else { 3.0 }).into();
        let few = features.sqrt() * if small { 0.65 } else { 1.0 };
        p.column_fraction_node = self.column_fraction_node.or((few / features).min(1.0)).into();
        p
    }
}

/// Parameters of one classification tree; a row's probability is the rate of positives of its leaf, drawn a little to
/// the overall one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the table of parameters says each: TreeParams::SPECS")]
pub struct TreeParams {
    pub max_leaves: OrAuto<u32>,
    pub max_depth: Option<u32>,
    pub max_bins: u32,
    pub min_leaf_rows: OrAuto<f64>,
    pub class_weight: ClassWeight,
    pub monotone: Option<Monotone>,
}

impl Default for TreeParams {
    fn default() -> TreeParams {
        TreeParams {
            max_leaves: OrAuto::AUTO,
            max_depth: None,
            max_bins: 255,
            min_leaf_rows: OrAuto::AUTO,
            class_weight: ClassWeight::None,
            monotone: None,
        }
    }
}

impl TreeParams {
    /// The table of parameters.
    pub const SPECS: &'static [ParamSpec] = &[
        spec("max_leaves", "\"auto\"", AUTO_LEAVES, true, "most leaves"),
        MAX_DEPTH_SPEC,
        MAX_BINS_SPEC,
        MIN_LEAF_ROWS_SPEC,
        CLASS_WEIGHT_SPEC,
        MONOTONE_SPEC,
    ];

    /// Check every parameter against its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`](crate::Error::InvalidParam).
    pub fn check(&self) -> Result<()> {
        check_struct("tree", Self::SPECS, self)
    }

    /// The parameters with every `"auto"` replaced, for rows of weight `weight` in sum: leaves of at least a hundredth of it
    /// and of 20 rows, 16 of them at most.
    pub fn resolved(&self, weight: f64) -> TreeParams {
        let mut p = self.clone();
        p.max_leaves = self.max_leaves.or(if weight < SMALL { 16 } else { 64 }).into();
        p.min_leaf_rows = self.min_leaf_rows.or(if weight < SMALL { (weight / 100.0).max(20.0) } else { 50.0 }).into();
        p
    }
}
