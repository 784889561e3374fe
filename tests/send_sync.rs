//! Every public type can be shared between threads and sent to another one.

fn is_send_sync<T: Send + Sync + 'static>() {}

#[test]
fn public_types_are_send_and_sync() {
    is_send_sync::<attrition_core::CancelToken>();
    is_send_sync::<attrition_core::Column>();
    is_send_sync::<attrition_core::Error>();
    is_send_sync::<attrition_core::ErrorKind>();
    is_send_sync::<attrition_core::Event>();
    is_send_sync::<attrition_core::Run>();
    is_send_sync::<attrition_core::Seed>();
    is_send_sync::<attrition_core::Table>();
    is_send_sync::<attrition_core::Value>();
    is_send_sync::<attrition_core::calibrate::Calibrator>();
    is_send_sync::<attrition_core::evaluate::Evaluation>();
    is_send_sync::<attrition_core::explain::Term>();
    is_send_sync::<attrition_core::learn::Fitted>();
    is_send_sync::<attrition_core::learn::Learner>();
    is_send_sync::<attrition_core::metrics::Metric>();
    is_send_sync::<attrition_core::model::Model>();
    is_send_sync::<attrition_core::model::Prediction>();
    is_send_sync::<attrition_core::model::Training>();
    is_send_sync::<attrition_core::preprocess::Pipeline>();
    is_send_sync::<attrition_core::profile::Profile>();
    is_send_sync::<attrition_core::schema::Schema>();
    is_send_sync::<attrition_core::split::Fold>();
    is_send_sync::<attrition_core::train::CrossValidation>();
    is_send_sync::<attrition_core::train::TrainOptions>();
    is_send_sync::<attrition_core::train::Trainer>();
    is_send_sync::<attrition_core::tune::SearchSpace>();
    is_send_sync::<attrition_core::tune::Study>();
    is_send_sync::<attrition_core::tune::Trial>();
}
