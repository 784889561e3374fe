//! A fitted decision tree.

use serde::{Deserialize, Serialize};

use super::logistic::check_shape;
use crate::num::float;
use crate::preprocess::Block;
use crate::{Error, Result};

/// One node: a leaf, or a question with two nodes below it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Left child (`x[feature] <= threshold`); 0 for a leaf.
    pub left: u32,
    /// Right child; 0 for a leaf.
    pub right: u32,
    /// The feature asked; 0 for a leaf.
    pub feature: u32,
    /// The threshold; 0 for a leaf.
    pub threshold: f64,
    /// Share of positive rows among the training rows that came here, by weight.
    pub rate: f64,
    /// Weight of the training rows that came here.
    pub weight: f64,
}

/// A fitted decision tree: a row's score is the share of positive training rows in its leaf.
///
/// Nodes are stored parents first, the root at 0, so a walk always ends; this is checked when a tree is built or read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TreeForm", into = "TreeForm")]
pub struct Tree {
    nodes: Vec<Node>,
    n_features: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeForm {
    n_features: usize,
    nodes: Vec<Node>,
}

impl TryFrom<TreeForm> for Tree {
    type Error = Error;
    fn try_from(form: TreeForm) -> Result<Tree> {
        Tree::new(form.nodes, form.n_features)
    }
}

impl From<Tree> for TreeForm {
    fn from(tree: Tree) -> TreeForm {
        TreeForm { n_features: tree.n_features, nodes: tree.nodes }
    }
}

impl Tree {
    /// A tree of these nodes over `n_features` features.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the nodes are not a tree: none at all, a child that does not come after its parent or is not
    /// there, a feature that is not there, a rate outside 0..=1.
    pub fn new(nodes: Vec<Node>, n_features: usize) -> Result<Tree> {
        if nodes.is_empty() {
            return Err(Error::artifact("a tree without nodes", "train the model again"));
        }
        for (i, node) in nodes.iter().enumerate() {
            let child = |c: u32| (c as usize) > i && (c as usize) < nodes.len();
            let inner = child(node.left) && child(node.right) && (node.feature as usize) < n_features;
            let leaf = node.left == 0 && node.right == 0;
            let numbers = node.threshold.is_finite() && (0.0..=1.0).contains(&node.rate) && node.weight >= 0.0;
            if !(numbers && (leaf || inner)) {
                return Err(Error::artifact(format!("node {i} of a tree is not possible"), "train the model again"));
            }
        }
        Ok(Tree { nodes, n_features })
    }

    /// The nodes, parents first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Features of a row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Add to the log-odds of every leaf; rates of 0 and 1 stay.
    pub(super) fn shift_log_odds(&mut self, shift: f64) {
        for node in self.nodes.iter_mut().filter(|n| n.rate > 0.0 && n.rate < 1.0) {
            node.rate = float::sigmoid(float::logit(node.rate) + shift);
        }
    }

    /// The leaf of a row, given its features one by one.
    pub(super) fn leaf(&self, feature: impl Fn(usize) -> f64) -> usize {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            if node.left == 0 {
                break;
            }
            at = if feature(node.feature as usize) <= node.threshold { node.left } else { node.right } as usize;
        }
        at
    }

    /// The score of each row of `x`, a probability, into `out`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the shapes do not agree.
    pub fn predict_block(&self, x: &Block, out: &mut [f64]) -> Result<()> {
        check_shape(self.n_features, x, out)?;
        for (r, o) in out.iter_mut().enumerate() {
            let leaf = self.leaf(|j| x.column(j).get(r).copied().unwrap_or(f64::NAN));
            *o = self.nodes.get(leaf).map_or(f64::NAN, |n| n.rate);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(left: u32, right: u32, rate: f64) -> Node {
        Node { left, right, feature: 0, threshold: 1.5, rate, weight: 1.0 }
    }

    #[test]
    fn a_tree_walks_to_its_leaves_and_reads_back() {
        let tree = Tree::new(vec![node(1, 2, 0.5), node(0, 0, 0.25), node(0, 0, 0.75)], 1).unwrap();
        let mut x = Block::default();
        x.reset(1, 3);
        x.column_mut(0).copy_from_slice(&[1.0, 1.5, 2.0]);
        let mut out = [0.0; 3];
        tree.predict_block(&x, &mut out).unwrap();
        assert_eq!(out, [0.25, 0.25, 0.75]);
        let text = serde_json::to_string(&tree).unwrap();
        assert_eq!(serde_json::from_str::<Tree>(&text).unwrap(), tree);
    }

    #[test]
    fn impossible_trees_are_refused() {
        assert!(Tree::new(vec![], 1).is_err());
        for bad in [node(1, 1, 0.5), node(0, 1, 0.5), node(0, 0, 1.5), node(0, 0, f64::NAN)] {
            assert!(Tree::new(vec![bad], 1).is_err(), "{bad:?}");
        }
        // A loop.
        let text = r#"{"n_features":1,"nodes":[{"left":1,"right":1,"feature":0,"threshold":0.0,"rate":0.5,"weight":1.0},{"left":0,"right":1,"feature":0,"threshold":0.0,"rate":0.5,"weight":1.0}]}"#;
        assert!(serde_json::from_str::<Tree>(text).is_err());
    }
}
